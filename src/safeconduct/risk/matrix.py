"""The words of Security Risk Management, and the table that makes a risk of a likelihood and an impact.

The words are ordered and nothing else: they are looked up and compared, never added, multiplied or averaged. A distance
between two of them has no meaning (Cox, "What's wrong with risk matrices?", Risk Analysis 28, 2008).

The table is that of the United Nations Security Management System (Security Policy Manual, chapter IV, section A, and
its Security Risk Management Manual). `docs/risk-srm.md` says what of it could be compared with which source.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias, get_args

Likelihood: TypeAlias = Literal["very_unlikely", "unlikely", "moderately_likely", "likely", "very_likely"]
LIKELIHOODS: tuple[str, ...] = get_args(Likelihood)
Impact: TypeAlias = Literal["negligible", "minor", "moderate", "severe", "critical"]
IMPACTS: tuple[str, ...] = get_args(Impact)
RiskWord: TypeAlias = Literal["low", "medium", "high", "very_high", "unacceptable"]
RISKS: tuple[str, ...] = get_args(RiskWord)
"""Each from the least to the most."""
Criticality: TypeAlias = Literal["PC1", "PC2", "PC3", "PC4"]
CRITICALITIES: tuple[str, ...] = get_args(Criticality)

TABLE: Mapping[str, tuple[str, ...]] = {
    "very_likely": ("low", "medium", "high", "very_high", "unacceptable"),
    "likely": ("low", "medium", "high", "high", "very_high"),
    "moderately_likely": ("low", "low", "medium", "high", "high"),
    "unlikely": ("low", "low", "low", "medium", "medium"),
    "very_unlikely": ("low", "low", "low", "low", "low"),
}
"""By likelihood, the risk for each impact from negligible to critical."""
CARRIED: Mapping[str, str] = {"PC1": "very_high", "PC2": "high", "PC3": "medium", "PC4": "low"}
"""The highest residual risk at which an activity of that programme criticality is carried out (UN Programme
Criticality Framework); PC1 only with the approval of the head of the organisation."""


def risk_of(likelihood: str, impact: str) -> str:
    """The risk that the table has for the two words. Raises ValueError for a word that is none of them."""
    if likelihood not in TABLE or impact not in IMPACTS:
        raise ValueError(f"no such likelihood or impact: {likelihood}, {impact}")
    return TABLE[likelihood][IMPACTS.index(impact)]


def above(words: tuple[str, ...], one: str, other: str) -> bool:
    """Whether one word of a scale stands above another. Raises ValueError for a word that is not of the scale."""
    return words.index(one) > words.index(other)


def worst(risks: Iterable[str]) -> str:
    """The highest of these risks; "" for none."""
    return max(risks, key=RISKS.index, default="")


def beyond(criticality: str, residual: str) -> bool:
    """Whether the residual risk is above that at which an activity of this criticality is carried out."""
    return above(RISKS, residual, CARRIED[criticality])

"""What stands on the page of a phone: each room adds its piece, and the one that helps in need comes first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe


@dataclass(frozen=True)
class PhonePiece:
    """A room's piece of the phone page: a template, and what it shows to whoever asks (None: nothing).

    Pieces are shown in rising `order`.
    """

    name: str
    order: int
    template: str
    context: Callable[[HttpRequest], Mapping[str, Any] | None]


_pieces: dict[str, PhonePiece] = {}


def register(piece: PhonePiece) -> PhonePiece:
    """Add a room's piece. Raises ValueError when another piece has its name."""
    present = _pieces.setdefault(piece.name, piece)
    if present != piece:
        raise ValueError(f"phone piece {piece.name} is declared twice")
    return piece


def pieces(request: HttpRequest) -> SafeString:
    """All pieces that have something to show, rendered in their order."""
    shown = []
    for piece in sorted(_pieces.values(), key=lambda each: each.order):
        context = piece.context(request)
        if context is not None:
            shown.append(render_to_string(piece.template, dict(context), request))
    return mark_safe("".join(shown))  # noqa: S308  (each was escaped by its own template)

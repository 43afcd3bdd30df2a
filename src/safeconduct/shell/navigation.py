"""What stands in the header and the footer of every page; rooms add to it when their app is ready."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise


@dataclass(frozen=True)
class NavItem:
    """A room's entry in the navigation.

    `url_name` is reversed without arguments; an item whose address does not exist is left out. With `roles` the
    item is shown to those who hold one of them: a courtesy to the eye, never a permission. What lies under one of the
    addresses of `also` belongs to the item, too.
    """

    name: str
    label: str | Promise
    url_name: str
    order: int
    roles: frozenset[str] | None = None
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class NavLink:
    """An item as one page shows it."""

    name: str
    label: str | Promise
    url: str
    current: bool


LedgerLine = Callable[[HttpRequest], str]

_items: dict[str, NavItem] = {}
_ledger_line: LedgerLine | None = None
_pages: dict[str, tuple[str, tuple[str, ...]]] = {}


def register(item: NavItem) -> NavItem:
    """Add a room's entry. Raises ValueError when another entry has its name."""
    present = _items.get(item.name)
    if present is not None and present != item:
        raise ValueError(f"navigation item {item.name} is declared twice")
    _items[item.name] = item
    return item


def register_ledger_line(line: LedgerLine) -> None:
    """Give the footer its sentence about the ledger, worded as what it is: "as logged by …, cosigned to …"."""
    global _ledger_line
    _ledger_line = line


def register_page(kind: str, url_name: str, *before: str) -> None:
    """Say at which address a record of a kind is shown: the name is reversed with `before` and the record's id."""
    _pages[kind] = (url_name, before)


def page_of(kind: str, record: str, about: str = "") -> str:
    """Where a record is shown: at its kind's own page, or on the paper of the record; of an attachment, on that of
    what it is beside. "" where there is no such page."""
    url_name, before = _pages.get(kind) or ("reports:record", ())
    shown = about if kind == "attachment" and about else record
    try:
        return reverse(url_name, args=[*before, shown])
    except NoReverseMatch:
        return ""


def ledger_line(request: HttpRequest) -> str:
    return _ledger_line(request) if _ledger_line else ""


def links(path: str, roles: frozenset[str]) -> list[NavLink]:
    """The entries for someone with these roles, in order; the one with the longest matching address is current."""
    found: list[tuple[NavItem, str]] = []
    addresses: dict[str, str] = {}
    for item in sorted(_items.values(), key=lambda i: (i.order, i.name)):
        if item.roles is not None and item.roles.isdisjoint(roles):
            continue
        try:
            found.append((item, reverse(item.url_name)))
            addresses |= {reverse(name): item.name for name in (item.url_name, *item.also)}
        except NoReverseMatch:
            continue
    under = [url for url in addresses if path == url or (url != "/" and path.startswith(url))]
    here = addresses.get(max(under, key=len, default=""), "")
    return [NavLink(item.name, item.label, url, item.name == here) for item, url in found]

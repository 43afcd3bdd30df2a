"""A paper's blocks on a page: `{% load papers %}{% paper_block block %}`."""

from __future__ import annotations

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from safeconduct.shell.papers import Bars, Block, Facts, Map, Table, Text

register = template.Library()


@register.simple_tag
def paper_block(block: Block) -> SafeString:
    """One block of a section, as the page shows it."""
    match block:
        case Text():
            return format_html("<p>{}</p>", _said(block))
        case Facts():
            pairs = format_html_join(
                "", "<dt>{}</dt><dd>{}</dd>", ((n, _said(value)) for n, value in block.pairs)
            )
            return format_html('<dl class="facts">{}</dl>', pairs)
        case Table():
            return _table(block)
        case Bars():
            rows = format_html_join(
                "",
                '<tr><th scope="row">{}</th><td class="number">{}</td>'
                '<td><meter min="0" max="{}" value="{}"></meter></td></tr>',
                ((_said(name), count, max(block.highest, 1), count) for name, count in block.bars),
            )
            return format_html(
                '<div class="table-wrap"><table><caption>{}</caption><tbody>{}</tbody></table></div>',
                block.title,
                rows,
            )
        case Map():
            # Drawn by the node itself from numbers: nothing of it was written by anybody.
            drawing = mark_safe(block.svg)  # noqa: S308
            return format_html(
                '<figure class="drawing"><div role="img" aria-label="{}">{}</div>'
                '<figcaption class="soft">{}</figcaption></figure>',
                block.alternative,
                drawing,
                block.notice,
            )


def _said(text: Text) -> SafeString:
    css = " ".join(name for name, on in (("soft", text.soft), ("strong", text.strong)) if on)
    direction = "ltr" if text.ltr else "rtl" if text.rtl else "auto"
    lines = format_html_join(mark_safe("<br>"), "{}", ((line,) for line in text.text.split("\n")))
    return format_html('<bdi dir="{}" class="{}">{}</bdi>', direction, css, lines)


def _table(block: Table) -> SafeString:
    if not block.rows:
        return format_html('<p class="soft">{}</p>', block.empty)
    head = format_html_join("", '<th scope="col">{}</th>', ((name,) for name in block.columns))
    cells = (format_html_join("", "<td>{}</td>", ((_said(cell),) for cell in row)) for row in block.rows)
    body = format_html_join("", "<tr>{}</tr>", ((row,) for row in cells))
    return format_html(
        '<div class="table-wrap"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>', head, body
    )

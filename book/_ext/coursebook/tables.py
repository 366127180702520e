"""Tables and lists that directives make, as docutils nodes."""

from __future__ import annotations

from collections.abc import Sequence

from docutils import nodes

Cell = str | Sequence[nodes.Node]


def table(
    heads: Sequence[str], rows: Sequence[Sequence[Cell]], foot: Sequence[Cell] = ()
) -> nodes.table:
    """A table with a head; ``foot`` is a last row in bold."""
    group = nodes.tgroup(cols=len(heads))
    group += [nodes.colspec(colwidth=1) for _ in heads]
    group += nodes.thead("", row(heads))
    body = nodes.tbody("", *map(row, rows))
    if foot:
        body += row([[nodes.strong("", "", *inline(cell))] for cell in foot])
    group += body
    return nodes.table("", group, classes=["computed", "colwidths-auto"])


def row(cells: Sequence[Cell]) -> nodes.row:
    entries = [nodes.entry("", nodes.paragraph("", "", *inline(c))) for c in cells]
    return nodes.row("", *entries)


def facts(pairs: Sequence[tuple[str, Cell]]) -> nodes.field_list:
    """Names and what belongs to them, one below the other."""
    fields = nodes.field_list(classes=["computed"])
    for name, cell in pairs:
        body = nodes.field_body("", nodes.paragraph("", "", *inline(cell)))
        fields += nodes.field("", nodes.field_name("", name), body)
    return fields


def inline(cell: Cell) -> list[nodes.Node]:
    return [nodes.Text(cell)] if isinstance(cell, str) else list(cell)


def link(text: str, uri: str, *, internal: bool = True) -> nodes.reference:
    return nodes.reference("", text, refuri=uri, internal=internal)


def separated(items: Sequence[nodes.Node], by: str = " · ") -> list[nodes.Node]:
    """The nodes with a mark between each two."""
    spaced = [node for item in items for node in (nodes.Text(by), item)]
    return spaced[1:]


def to_five(minutes: float) -> int:
    """To a multiple of five, at least five: a reading time is no measurement."""
    return max(5, 5 * round(minutes / 5))

"""Small HTML tables by which notebooks display results; every text is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from popclass.utils.text import one_line


def html_table(caption: str, header: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    """Return a table as HTML.

    Examples
    --------
    >>> html_table("<hip>", ["label"], [["other"]])
    '<table><caption>&lt;hip&gt;</caption><tr><th>label</th></tr><tr><td>other</td></tr></table>'
    """
    from html import escape

    def row(cells: Iterable[object], tag: str) -> str:
        return f"<tr>{''.join(f'<{tag}>{escape(one_line(str(cell)))}</{tag}>' for cell in cells)}</tr>"

    head = row(header, "th") if header else ""
    body = "".join(row(cells, "td") for cells in rows)
    return f"<table><caption>{escape(one_line(caption))}</caption>{head}{body}</table>"

"""Skeleton of a methods section, filled with what an evaluation knows; the rest is marked as a gap.

Numbers in brackets are items of STARD 2015 (Cohen et al. 2016, BMJ Open 6:e012799, Table 2). STARD-AI and TRIPOD+AI are
named only, since their lists were not at hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from popclass.evaluation.report import listed
from popclass.utils.text import counted, one_line

GAP = "**[TO FILL IN: {}]**"


def methods(scores: Mapping[str, Any]) -> str:
    """Return the text as Markdown."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    # Markdown, not HTML: names are shown on one line instead of being escaped
    loader = PackageLoader("popclass.evaluation", ".")
    environment = Environment(
        loader=loader, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters |= {"line": one_line, "listed": listed, "counted": counted}
    environment.globals["gap"] = GAP.format
    return environment.get_template("methods.md").render(scores)

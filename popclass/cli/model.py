"""popclass model: what a model file is, and whether it is whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from popclass.cli import options
from popclass.utils.files import STDOUT, write_text

if TYPE_CHECKING:
    from popclass.model.model import Model

_SHOW_EPILOG = """\b
Example:
  popclass model show mine.onnx
"""
_VERIFY_EPILOG = """\b
Example:
  popclass model verify mine.onnx
"""


_MODEL_HELP = """Look at model files.
"""


@click.group(help=_MODEL_HELP)
def model() -> None:
    """`popclass model`; see `_MODEL_HELP`."""


_SHOW_HELP = """Show classes, training data, scores and thresholds of a model.
"""


@model.command(help=_SHOW_HELP, epilog=_SHOW_EPILOG)
@click.argument("path", metavar="MODEL", type=options.PATH)
def show(path: str) -> int:
    """`popclass show`; see `_SHOW_HELP`."""
    from popclass.model.model import Model

    write_text(STDOUT, _rendered(Model.load(path)))
    return 0


_VERIFY_HELP = """Check that a model is whole and works here. The checksum shows damage, not forgery.
"""


@model.command(help=_VERIFY_HELP, epilog=_VERIFY_EPILOG)
@click.argument("path", metavar="MODEL", type=options.PATH)
def verify(path: str) -> int:
    """`popclass verify`; see `_VERIFY_HELP`."""
    from popclass.model.model import Model

    loaded = Model.load(path)
    write_text(STDOUT, "".join(f"{line}\n" for line in (f"{loaded.name}: fine", *_checked(loaded))))
    return 0


def _checked(loaded: Model) -> Iterator[str]:
    """What loading a model has checked, and what it is known by."""
    from popclass.model.graph_reader import read_graph

    graph = read_graph(loaded.graph)
    operators = ", ".join(sorted({node.operator for node in graph.nodes}))
    yield "checksum: every byte is as it was written, which shows no damage but proves no origin"
    yield f"graph: {operators}; no other files, functions, graphs inside nodes or strings; all numbers finite"
    yield f"front end, calibration and novelty: fit {len(loaded.features)} features and {len(loaded.classes)} classes"
    yield "trial: the least, usual and largest features give probabilities from 0 to 1 that add up to 1"
    yield f"sha256 {loaded.sha256}"


def _rendered(loaded: Model) -> str:
    """The card laid out by rich for the terminal at hand, and as plain text without colours elsewhere."""
    from rich.markdown import Markdown

    from popclass.formats.terminal import laid_out
    from popclass.training.model_card import card
    from popclass.utils.text import one_line

    # a stranger's model must not write to the terminal as it likes
    text = "\n".join(map(one_line, card(loaded).split("\n")))
    with laid_out() as laid:
        for name, value in _facts(loaded):
            laid.console.print(f"{name:<16} {one_line(value)}", markup=False, soft_wrap=True)
        laid.console.print(Markdown(text, hyperlinks=False))
    return "".join(laid.lines())


def _facts(loaded: Model) -> Iterator[tuple[str, str]]:
    """What one looks for first; each on one line, so that it can be searched for."""
    info, thresholds = loaded.info, loaded.thresholds
    bounds = zip(loaded.classes, thresholds.min_probability, strict=True)
    scores = info["scores"]
    yield "model", f"{loaded.name}, made by {info['created_by']}"
    yield "sha256", loaded.sha256
    yield "min probability", ", ".join(f"{name} {bound:.2f}" for name, bound in bounds)
    yield "scores", f"{scores['folds']} folds by {scores['grouped_by']}, {scores['groups']} groups"
    yield "context", "weighed" if loaded.context is not None else "not weighed"

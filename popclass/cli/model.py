"""popclass model: what a model file is, and whether it is whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from popclass.cli import options
from popclass.formats.write import STDOUT, write_text

if TYPE_CHECKING:
    from popclass.model import Model

_SHOW_EPILOG = """\b
Example:
  popclass model show mine.onnx
"""
_VERIFY_EPILOG = """\b
Example:
  popclass model verify mine.onnx
"""


@click.group()
def model() -> None:
    """Look at model files."""


@model.command(epilog=_SHOW_EPILOG)
@click.argument("path", metavar="MODEL", type=options.PATH)
def show(path: str) -> int:
    """Show classes, training data, scores and thresholds of a model."""
    from popclass.model import Model

    write_text(STDOUT, (f"{line}\n" for line in _summary(Model.load(path))))
    return 0


@model.command(epilog=_VERIFY_EPILOG)
@click.argument("path", metavar="MODEL", type=options.PATH)
def verify(path: str) -> int:
    """Check that a model is whole and works here. The checksum shows damage, not forgery."""
    from popclass.model import Model

    loaded = Model.load(path)
    loaded.verify()
    write_text(STDOUT, f"{loaded.name}: fine\nsha256 {loaded.sha256}\n")
    return 0


def _summary(loaded: Model) -> Iterator[str]:
    from popclass.training.scores import describe

    info = loaded.info
    training, thresholds = info["training"], loaded.thresholds
    yield f"{loaded.name}, made by {info['created_by']}"
    yield ""
    yield f"sha256           {loaded.sha256}"
    yield f"classifier       {info['classifier']['kind']} on {len(loaded.features)} features"
    bounds = zip(loaded.classes, thresholds.min_probability, strict=True)
    yield f"min probability  {', '.join(f'{name} {bound:.2f}' for name, bound in bounds)}"
    yield f"novelty          uncertain from {thresholds.novelty:g} on"
    yield f"calibration      {info['calibration']['method']}"
    yield f"context          {'weighed' if loaded.context is not None else 'not weighed'}"
    for name in loaded.classes:
        counted = training["classes"][name]
        yield f"trained on       {counted['events']} {name} from {counted['groups']} groups"
    yield f"libraries        {', '.join(f'{name} {version}' for name, version in info['versions'].items())}"
    for remark in training["remarks"]:
        yield f"note             {remark}"
    yield ""
    yield describe(info["scores"]).rstrip("\n")

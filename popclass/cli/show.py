"""Commands `popclass model show`, `popclass model verify` and `popclass sites`: what models and sites contain."""

from __future__ import annotations

import click

from popclass.cli import options
from popclass.utils.files import STDOUT, write_text
from popclass.utils.text import one_line


@click.group(help="Look at model files.", invoke_without_command=True)
@click.pass_context
def model(context: click.Context) -> None:
    """Run `popclass model`."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


_SHOW_HELP = """Show classes, training data, scores and thresholds of a model.

The main facts come first, each on one line, then the model card. Without MODEL it is the bundled one.

  popclass model show
  popclass model show mine.onnx
"""


@model.command(help=_SHOW_HELP, cls=options.Command)
@click.argument("path", metavar="[MODEL]", type=options.PATH, default="default", required=False)
def show(path: str) -> int:
    """Run `popclass model show`."""
    from rich.markdown import Markdown

    from popclass.formats.terminal import render
    from popclass.model.model import Model
    from popclass.training.model_card import card

    loaded = Model.load(path)
    # The card comes first, since it checks the metadata used below. Control characters of a foreign model must not
    # reach the terminal.
    text = "\n".join(map(one_line, card(loaded).split("\n")))
    scores, bounds = loaded.info["scores"], zip(loaded.classes, loaded.thresholds.min_probability, strict=True)
    # each on one line, so that it can be searched for
    facts = {
        "model": f"{loaded.name}, made by {loaded.info['created_by']}",
        "sha256": loaded.sha256,
        "min probability": ", ".join(f"{name} {bound:.2f}" for name, bound in bounds),
        "scores": f"{scores['folds']} folds by {scores['grouped_by']}, {scores['groups']} groups",
        "context": "used" if loaded.context is not None else "not used",
    }
    lines = "".join(f"{name:<16} {one_line(value)}".rstrip() + "\n" for name, value in facts.items())
    write_text(STDOUT, lines + render([Markdown(text, hyperlinks=False)]))
    return 0


_VERIFY_HELP = """Check that a model file is undamaged and works here.

The checksum shows damage, not forgery. Without MODEL the bundled one is checked.

  popclass model verify
  popclass model verify mine.onnx
"""


@model.command(help=_VERIFY_HELP, cls=options.Command)
@click.argument("path", metavar="[MODEL]", type=options.PATH, default="default", required=False)
def verify(path: str) -> int:
    """Run `popclass model verify`."""
    from popclass.model.graph_reader import read_graph
    from popclass.model.model import Model

    loaded = Model.load(path)  # makes all these checks
    operators = ", ".join(sorted({node.operator for node in read_graph(loaded.graph).nodes}))
    lines = (
        f"{loaded.name}: fine",
        "checksum: every byte is as it was written; this excludes damage but does not prove the origin",
        f"graph: {operators}; no other files, functions, nested graphs or strings; all numbers finite",
        f"front end, calibration and novelty: fit {len(loaded.features)} features and {len(loaded.classes)} classes",
        "trial run: the least, usual and largest features give probabilities from 0 to 1 that add up to 1",
        f"sha256 {loaded.sha256}",
    )
    write_text(STDOUT, "\n".join(lines) + "\n")
    return 0


_SITES_HELP = """List the sites and their joint cavities.

'documented' tells whether the sources of popclass document audible cavitation at the site.

Add sites of your own in sites.toml in the configuration folder of popclass, or in the file that the
environment variable POPCLASS_SITES names, as in the example below.

  [thumb]
  cavities = 2
  refractory = "25min"         # optional, 20min where missing
  documented = false           # optional, false where missing
  note = "MCP and IP joint"    # optional
  source = "our own count"     # optional

  popclass classify thumb.wav --site thumb
"""


@click.command(help=_SITES_HELP, cls=options.Command)
def sites() -> int:
    """Run `popclass sites`."""
    from popclass.formats.terminal import render, ruled_table
    from popclass.timing.sites import BUILT_IN, describe

    rows = describe()
    columns = [name for name in rows[0] if name != "origin" or any(row["origin"] != BUILT_IN for row in rows)]
    layout = ruled_table()
    for name in columns:
        whole = name in ("site", "cavities", "refractory", "documented")
        layout.add_column(name, justify="right" if name == "cavities" else "left", no_wrap=whole, overflow="fold")
    for row in rows:
        layout.add_row(*(row[name] for name in columns))
    write_text(STDOUT, render([layout]))
    return 0

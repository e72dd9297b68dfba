"""Command `popclass sites`: the sites of the body with their joint cavities."""

from __future__ import annotations

import click

from popclass.utils.files import STDOUT, write_text

_WHOLE = ("site", "cavities", "refractory", "documented")
_HELP = """List the sites and their joint cavities.

'documented' tells whether the sources of popclass document audible cavitation at the site.
"""
_EPILOG = """\b
Add sites of your own in sites.toml in the configuration folder of popclass, or in the file that the
environment variable POPCLASS_SITES names:

\b
  [thumb]
  cavities = 2
  refractory = "25min"         # optional, 20min where missing
  documented = false           # optional, false where missing
  note = "MCP and IP joint"    # optional
  source = "our own count"     # optional

\b
Then: popclass classify thumb.wav --site thumb
"""


@click.command(help=_HELP, epilog=_EPILOG)
def sites() -> int:
    """Run `popclass sites`."""
    from rich import box
    from rich.table import Table

    from popclass.formats.terminal import render
    from popclass.timing.sites import BUILT_IN, describe

    rows = describe()
    columns = [name for name in rows[0] if name != "origin" or any(row["origin"] != BUILT_IN for row in rows)]
    layout = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for name in columns:
        layout.add_column(
            name, justify="right" if name == "cavities" else "left", no_wrap=name in _WHOLE, overflow="fold"
        )
    for row in rows:
        layout.add_row(*(row[name] for name in columns))
    write_text(STDOUT, render([layout]))
    return 0

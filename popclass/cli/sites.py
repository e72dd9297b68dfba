"""popclass sites: where on the body, and how many joint cavities there are."""

from __future__ import annotations

import click

from popclass.utils.files import STDOUT, write_text

_WHOLE = ("site", "cavities", "refractory", "documented")
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
Then: popclass classify take.wav --site thumb
"""


_HELP = """List the sites and their joint cavities.

'documented' says whether audible cavitation is documented there in the sources popclass rests on.
"""


@click.command(help=_HELP, epilog=_EPILOG)
def sites() -> int:
    """`popclass sites`; see `_HELP`."""
    from rich import box
    from rich.table import Table

    from popclass.formats.terminal import laid_out
    from popclass.timing.sites import BUILT_IN, describe

    rows = describe()
    if all(row["origin"] == BUILT_IN for row in rows):
        rows = [{name: text for name, text in row.items() if name != "origin"} for row in rows]
    layout = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for column in rows[0]:
        layout.add_column(
            column, justify="right" if column == "cavities" else "left", no_wrap=column in _WHOLE, overflow="fold"
        )
    for row in rows:
        layout.add_row(*row.values())
    with laid_out(markup=False) as laid:
        laid.console.print(layout)
    write_text(STDOUT, laid.lines())
    return 0

"""Command `popclass app`: record, look, label and train in the browser."""

from __future__ import annotations

from pathlib import Path

import click

from popclass.cli import options
from popclass.cli.console import print_note
from popclass.utils.extras import require_app
from popclass.utils.text import one_line

_HELP = """Record, look, label and train in the browser.

PROJECT_DIR is a folder of plain files: recordings, labels, results and models, which the other commands read and
write, too. It is made if it does not exist (default: popclass in the home folder).

  popclass app
  popclass app hips/
  popclass app hips/ --port 8000 --no-browser

The page is for this computer only: it is served at 127.0.0.1 under a secret address, and works offline. Ctrl-C ends
the app. Everything on the page is on disk.
"""


@click.command(help=_HELP, cls=options.Command)
@click.argument("project_dir", type=options.PATH, required=False)
@options.number("--port", "Port to listen on; 0 for any that is free.", 0, 65535, default=0)
@click.option("--no-browser", is_flag=True, help="Print the address instead of opening it.")
def app(project_dir: str | None, port: int, no_browser: bool) -> int:
    """Run `popclass app`."""
    require_app("popclass app")
    from popclass.app.run import serve

    folder = Path.home() / "popclass" if project_dir is None else Path(project_dir)

    def opened(address: str) -> None:
        click.echo(address)
        print_note(f"the project is {one_line(str(folder.absolute()))}; Ctrl-C ends the app")

    serve(folder, port=port, browser=not no_browser, opened=opened)
    return 0

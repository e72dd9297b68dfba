"""Entry point of `popclass` and `python -m popclass`.

Loading the command line takes a tenth of a second. Ctrl-C during this time prints the same line as later.
"""

from __future__ import annotations

import os
import sys

from popclass.utils.signals import as_stopped, end_quietly, handle_signals


def run() -> int:
    """Run the command line with the arguments of the process and return its exit code."""
    try:
        with handle_signals():
            from popclass.cli import main

            return main()
    except KeyboardInterrupt as error:
        os.write(2, f"popclass: {as_stopped(error).word}\n".encode())
        return as_stopped(error).exit_code
    finally:
        end_quietly()


if __name__ == "__main__":
    sys.exit(run())

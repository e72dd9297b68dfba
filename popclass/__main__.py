"""`python -m popclass` is the command line."""

import sys

from popclass.cli import main

if __name__ == "__main__":
    sys.exit(main())

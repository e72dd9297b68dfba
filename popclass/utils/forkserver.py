"""First import of the server that `popclass.utils.workers` starts: suppresses its tracebacks.

The server fails only if its parent fails, for instance for lack of open files. The parent then prints the error.
"""

from __future__ import annotations

import sys

if sys.argv[:1] == ["-c"] and "multiprocessing.forkserver" in sys.modules:
    sys.excepthook = lambda *_: None

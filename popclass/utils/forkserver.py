"""What the server that `popclass.utils.workers` starts imports before all else: it ends without a word.

It ends by itself only where its parent could not go on, out of open files for instance, and the parent has said why.
"""

from __future__ import annotations

import sys

if sys.argv[:1] == ["-c"] and "multiprocessing.forkserver" in sys.modules:
    sys.excepthook = lambda *_: None

"""Live classification: blocks of samples in, labelled events out, revised as long as they can change.

`listener` uses the same detector, features, context model and timing as `popclass classify`. `tracker` stores pending
events, `session` the timeline between two streams. `source` and `pcm` supply samples; `runner` passes events
to the sinks in `output` and `save`.
"""

from popclass.streaming.listener import Listener
from popclass.streaming.tracker import LiveEvent

__all__ = ["Listener", "LiveEvent"]

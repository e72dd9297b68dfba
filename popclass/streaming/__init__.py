"""Events of a stream as they come: blocks of samples in, labelled events out, each corrected as long as it can change.

`listener` drives the same detector, features, context and timing as `popclass classify`; `tracker` holds the events
that may still change; `session` stores the refractory clock between two streams. `source`, `pcm` and `device` supply
samples; `runner` passes the events on to `output`, `save` and `view`.
"""

from popclass.streaming.listener import Listener
from popclass.streaming.records import LiveEvent

__all__ = ["Listener", "LiveEvent"]

"""Listening live: blocks of samples in, labelled events out, each corrected as long as its answer can change.

`listener` drives the same detector, features, company and timing as `popclass classify`; `standing` holds the events
that may still change; `session` keeps the refractory clock between two sittings; `source` is where samples come from,
`save` where the sounds are kept, `view` what is seen meanwhile.
"""

from popclass.streaming.listener import Listener
from popclass.streaming.records import LiveEvent

__all__ = ["Listener", "LiveEvent"]

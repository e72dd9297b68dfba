"""Joint sounds from physics: labelled sessions for training, tests and demonstrations.

`draw_settings` draws the metadata of a session, `generate_session` makes it in memory, `write_sessions` writes
files. All chance comes from the generator that is passed in.
"""

from popclass.synthesis.session import GeneratedRecording, Label, Session, generate_session
from popclass.synthesis.settings import Settings, draw_settings
from popclass.synthesis.write import session_of, write_sessions

__all__ = [
    "GeneratedRecording",
    "Label",
    "Session",
    "Settings",
    "draw_settings",
    "generate_session",
    "session_of",
    "write_sessions",
]

"""Generator of labelled sessions of joint sounds, for training, tests and demonstrations.

`draw_settings` draws the settings of a session, `generate_session` generates it in memory, `write_sessions` writes
files. All random numbers come from the generator that is passed in.
"""

from popclass.synthesis.recorder import Label
from popclass.synthesis.session import Session, generate_session, session_of, write_sessions
from popclass.synthesis.settings import Settings, draw_settings

__all__ = ["Label", "Session", "Settings", "draw_settings", "generate_session", "session_of", "write_sessions"]

"""From a file, a stream or an array to checked blocks of samples, and to the time a recording began."""

from popclass.audio.recording import Recording, open_recording

__all__ = ["Recording", "open_recording"]

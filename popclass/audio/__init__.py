"""Audio input: files, streams and arrays to checked blocks of samples, with warnings and the time of recording."""

from popclass.audio.recording import Recording, open_recording

__all__ = ["Recording", "open_recording"]

"""Detection of short sounds: band energies -> candidates -> onsets -> sounds, in a streaming detector."""

from popclass.detection.detector import LATEST_S, Detector
from popclass.detection.sounds import Sound

__all__ = ["LATEST_S", "Detector", "Sound"]

"""Detection of short sounds: band energies -> candidates -> onsets, in a streaming detector."""

from popclass.detection.detector import Detector, Sound

__all__ = ["Detector", "Sound"]

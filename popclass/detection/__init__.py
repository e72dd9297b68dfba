"""Detection of short sounds: band energies -> candidates -> onsets, in a streaming detector."""

from popclass.detection.detector import LATEST_S, Detector, Sound

__all__ = ["LATEST_S", "Detector", "Sound"]

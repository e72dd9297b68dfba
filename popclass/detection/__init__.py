"""Finding short sounds: bands -> candidates -> onset, driven by the streaming detector."""

from popclass.detection.candidates import Sensitivity
from popclass.detection.detector import Detector, Sound

__all__ = ["Detector", "Sensitivity", "Sound"]

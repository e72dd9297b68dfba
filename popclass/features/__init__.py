"""Features of short sounds: definitions -> frontend -> measures -> extract."""

from popclass.features.definitions import FEATURES, NAMES, Feature
from popclass.features.extract import extract
from popclass.features.frontend import FrontEnd

__all__ = ["FEATURES", "NAMES", "Feature", "FrontEnd", "extract"]

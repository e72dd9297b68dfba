"""Making models: labels -> matching -> samples -> fit, with folds, calibration, novelty, thresholds, scores and card."""

from popclass.training.fit import train

__all__ = ["train"]

"""Training of models: labelled recordings to samples, cross-validation, a model file and its card."""

from popclass.training.train import train

__all__ = ["train"]

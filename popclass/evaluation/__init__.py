"""Evaluation of a model on labelled recordings: detection, classification, and both together."""

from popclass.evaluation.evaluate import Evaluation, evaluate

__all__ = ["Evaluation", "evaluate"]

"""Evaluation of a model on labelled recordings: detection, classification, and both together."""

from popclass.evaluation.evaluate import evaluate
from popclass.evaluation.output import Evaluation

__all__ = ["Evaluation", "evaluate"]

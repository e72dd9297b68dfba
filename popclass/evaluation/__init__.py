"""How well a model does on labelled recordings: what is found of their sounds, and what the found ones are called."""

from popclass.evaluation.evaluate import Evaluation, evaluate

__all__ = ["Evaluation", "evaluate"]

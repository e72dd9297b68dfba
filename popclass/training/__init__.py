"""Making models: run takes labels to samples to fit, with what fit is made of, and the card."""

from popclass.training.train import train

__all__ = ["train"]

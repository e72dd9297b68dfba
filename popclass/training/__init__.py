"""Making models: labels -> samples -> fit, with what fit is made of, and the card."""

from popclass.training.fit import train

__all__ = ["train"]

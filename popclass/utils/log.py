"""Warnings about recordings for Python programs, through the standard logger `popclass`.

The logger has a `NullHandler`, so nothing is printed unless the program configures logging. The command line prints
warnings itself and does not use the logger. `logging` is imported at the first warning, for a fast start.
"""

from __future__ import annotations

from collections.abc import Iterable

from popclass.utils.text import one_line


def log_warnings(name: str, warnings: Iterable[str]) -> None:
    """Log warnings about a recording, or about labels where the name is empty."""
    for warning in warnings:
        import logging

        logger = logging.getLogger("popclass")
        if not any(isinstance(handler, logging.NullHandler) for handler in logger.handlers):
            logger.addHandler(logging.NullHandler())
        logger.warning("%s", f"{one_line(name)}: {warning}" if name else warning)

"""Suggestions of the sounds to label next, as a table or as a page on which they are labelled.

Imported only when suggestions are requested: it needs scikit-learn.
"""

from popclass.suggestions.find import suggest
from popclass.suggestions.records import Sound, Suggestion
from popclass.suggestions.result import Suggestions

__all__ = ["Sound", "Suggestion", "Suggestions", "suggest"]

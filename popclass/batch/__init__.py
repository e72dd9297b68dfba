"""Batches: every recording of a folder tree to tables of events, bursts and recordings.

`popclass.batch.clips` cuts clips out of the recordings of a batch.
"""

from popclass.batch.result import BatchResult
from popclass.batch.run import classify_folder

__all__ = ["BatchResult", "classify_folder"]

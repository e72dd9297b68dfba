"""Batches: every recording of a folder tree to tables of events, bursts and recordings."""

from popclass.batch.clips import Clips, cut_clips
from popclass.batch.result import BatchResult
from popclass.batch.run import classify_folder

__all__ = ["BatchResult", "Clips", "classify_folder", "cut_clips"]

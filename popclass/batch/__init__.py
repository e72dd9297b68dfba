"""A folder of recordings to tables: files and manifest -> journal <- pool of workers; then one conclusion over all."""

from popclass.batch.result import BatchResult
from popclass.batch.run import classify_folder

__all__ = ["BatchResult", "classify_folder"]

"""A folder of recordings to tables: files and manifest -> journal <- pool of workers; then one conclusion over all."""

from popclass.batch.run import BatchResult, classify_folder

__all__ = ["BatchResult", "classify_folder"]

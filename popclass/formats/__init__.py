"""File formats of results, one a module; `write_results` writes them all."""

from popclass.formats.write import FORMATS, write_results

__all__ = ["FORMATS", "write_results"]

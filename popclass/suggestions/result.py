"""Suggestions as they are returned, and the files they are saved as."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from popclass.errors import OutputError, UsageError
from popclass.formats.csv_io import csv_line
from popclass.formats.write import PAGE, check_replaceable
from popclass.labels.write import table_rows, write_table
from popclass.suggestions.page import write_page
from popclass.suggestions.records import Selection
from popclass.utils.files import STDOUT, write_text
from popclass.utils.text import one_line

PAGE_SUFFIXES, TABLE_SUFFIX = (".html", ".htm"), ".csv"

Target = str | os.PathLike[str]


@dataclass(frozen=True, slots=True, repr=False)
class Suggestions(Selection):
    """Suggested sounds that can be saved; attributes as `Selection`."""

    def save(self, target: Target) -> tuple[str, ...]:
        """Write a page for labelling (`.html`), or a table of labels to fill in (`.csv`; `-` for standard output).

        Parameters
        ----------
        target : path or `-`
            An earlier page is replaced, since the labels are kept by the browser, but no other page. A table is not: it
            may hold labels.

        Returns
        -------
        tuple of str
            One line for each recording that can no longer be read; its sounds are on the page, but silent.

        Raises
        ------
        UsageError
            If the name of the file ends in anything else.
        LabelError
            If an earlier label does not fit into a table.
        OutputError
            If the file cannot be written, or a table or a page of something else exists already.
        """
        check_target(target)
        if os.fspath(target) == STDOUT:
            write_text(STDOUT, map(csv_line, table_rows(self.table(), Path())))
        elif Path(target).suffix.lower() == TABLE_SUFFIX:
            write_table(self.table(), target)
        else:
            return write_page(self, target)
        return ()


def check_target(target: Target) -> None:
    """Raise an error unless suggestions can be saved under this name; called before long work starts."""
    name = os.fspath(target)
    suffix = Path(target).suffix.lower()
    if name != STDOUT and suffix not in (*PAGE_SUFFIXES, TABLE_SUFFIX):
        raise UsageError(f"{one_line(name)}: suggestions are a page (.html) or a table (.csv); end the name in one")
    if suffix == TABLE_SUFFIX and os.path.lexists(target):
        raise OutputError(f"{one_line(name)} exists already and may hold labels; choose another name, or remove it")
    if suffix in PAGE_SUFFIXES:
        check_replaceable(PAGE, target)

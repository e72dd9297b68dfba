"""What people say is heard where: reading labels, writing them, and finding the events they mean.

    folders, table, tracks -> read -> records -> matching
                                      records -> write, spelling, siblings

Training and evaluation both start here.
"""

from popclass.labels.matching import Matched, match
from popclass.labels.read import label_files, read_labels
from popclass.labels.records import LabelledRecording, LabelRow, Labels
from popclass.labels.write import write_raven, write_table, write_tracks

__all__ = [
    "LabelRow",
    "LabelledRecording",
    "Labels",
    "Matched",
    "label_files",
    "match",
    "read_labels",
    "write_raven",
    "write_table",
    "write_tracks",
]

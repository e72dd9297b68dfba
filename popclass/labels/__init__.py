"""Labels of recordings: reading them, writing them, and assigning them to detected events.

    table, sidecar -> read -> records -> matching
    memory                    records
                              records -> write, validation

Training and evaluation both start here.
"""

from popclass.labels.read import read_labels
from popclass.labels.records import LabelledRecording, LabelRow, Labels
from popclass.labels.write import write_raven, write_table, write_tracks

__all__ = ["LabelRow", "LabelledRecording", "Labels", "read_labels", "write_raven", "write_table", "write_tracks"]

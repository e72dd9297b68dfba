"""Where evaluation gets its labelled recordings from: what `popclass train` reads, read the same way."""

from popclass.labels import LabelledRecording, read_labels
from popclass.labels.matching import strongest
from popclass.training.samples import check_times

__all__ = ["LabelledRecording", "check_times", "read_labels", "strongest"]

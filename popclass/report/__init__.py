"""Reports: pages to look at, listen to and correct, and what the sounds mean.

A report is one HTML file that holds everything it shows and needs no network. This room uses the pipeline as others do;
nothing below knows of it, and nothing of it is imported unless a report is asked for.
"""

from popclass.report.batch import write_batch_report
from popclass.report.guidance import check_symptom
from popclass.report.write import write_report

__all__ = ["check_symptom", "write_batch_report", "write_report"]

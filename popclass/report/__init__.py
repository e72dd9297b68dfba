"""HTML reports: pictures and sound of the events, label correction, and guidance on what the sounds mean.

A page is one self-contained HTML file; it needs no network. The package is imported only when a report is requested.
"""

from popclass.report.guidance import check_symptom
from popclass.report.write import write_batch_report, write_report

__all__ = ["check_symptom", "write_batch_report", "write_report"]

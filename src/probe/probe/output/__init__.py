"""What programs read: a report as one JSON document, CSV, JUnit XML, Prometheus text or a page, and runs as lines.

This file and `jsonl.py` need nothing but the standard library, since the probe inside the stack has nothing else.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..analysis.report import Report

# Of the JSON document and of the lines: another number means another layout.
SCHEMA_VERSION = 4


def render(report: "Report", name: str) -> str:
    """The report in the format of this name: json, csv, junit, prometheus or html. Ends with a line feed."""
    match name:
        case "json":
            from .document import document as write
        case "csv":
            from .csv_rows import rows as write
        case "junit":
            from .junit import suites as write
        case "prometheus":
            from .prometheus import metrics as write
        case "html":
            from .html import page as write
        case _:
            raise ValueError(f"{name} is no format that a report is rendered in")
    return write(report)

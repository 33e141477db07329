"""Every run as a row of CSV, for a spreadsheet or a data frame.

The header names the columns: `series` (its name), `url` and `buffered`, then the fields of a run under
their names in the JSON document, then `error_type`, `error_message` and `error_retryable`. Times are milliseconds; an
empty cell means that there is no value. The warm-up is among the rows (`warm_up` is true). What has no place in one
cell is left to the JSON document: every single gap, and the server's `usage` and `timing`.
"""

import csv
import io
from dataclasses import fields

from ..analysis.report import Report
from ..measurement import Failure, Run
from ..terminal import harmless_line
from .named import named_series

_RUN = [field.name for field in fields(Run) if field.name not in ("error", "gaps_ms", "usage", "timing")]
_ERROR = [field.name for field in fields(Failure)]

# What a spreadsheet takes for the start of a formula, in ASCII and in full width:
# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")


def rows(report: Report) -> str:
    """The header and a row for each run, in the order in which they ended."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["series", "url", "buffered", *_RUN, *(f"error_{name}" for name in _ERROR)])
    for name, series, _ in named_series(report):
        for run in series.runs:
            values = [name, series.url, series.buffered, *(getattr(run, column) for column in _RUN)]
            values += [getattr(run.error, column) if run.error else None for column in _ERROR]
            writer.writerow([_cell(value) for value in values])
    return text.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        text = harmless_line(value)
        # After an apostrophe a spreadsheet takes the cell for text.
        return f"'{text}" if text.startswith(_FORMULA) else text
    return value

"""One run as one line of JSON: written when the run ends, so that nothing is lost when the rest never comes."""

import json
from dataclasses import asdict

from ..measurement import Run
from ..result import Series
from . import SCHEMA_VERSION


def line(run: Run, *, series: Series, against: bool) -> str:
    """The line, without its line feed; `#/$defs/line` in result.schema.json describes it.

    Args:
        run: The run; the warm-up and runs that were stopped have lines, too.
        series: Whose run it is; its other runs do not matter.
        against: It belongs to what is compared with.
    """
    head = {
        "schema_version": SCHEMA_VERSION,
        "url": series.url,
        "region": series.region,
        "buffered": series.buffered,
        "against": against,
    }
    return json.dumps(head | asdict(run), allow_nan=False)

"""The JSON document: all that is known, for programs and for a later comparison; result.schema.json describes it."""

import json
from dataclasses import asdict
from typing import Any

from ..analysis.report import Report
from ..analysis.slowest import Breakdown
from ..analysis.summary import Summary
from ..result import Series
from . import SCHEMA_VERSION


def document(report: Report) -> str:
    """The document. Texts of the server are in it as they came, and are escaped where they are not visible ASCII."""
    result = report.result
    content: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "started_at": result.started_at,
        "conditions": asdict(result.conditions),
        **_series(result.series, report.summary),
        "objectives": [
            {
                "name": verdict.objective.name,
                "limit": verdict.objective.limit,
                "value": verdict.value,
                "met": verdict.met,
            }
            for verdict in report.verdicts
        ],
        "slowest": _slowest(report.slowest) if report.slowest else None,
    }
    if result.against and report.against:
        content["against"] = _series(result.against, report.against)
        content["differences"] = {name: asdict(difference) for name, difference in report.differences.items()}
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def _series(series: Series, summary: Summary) -> dict[str, Any]:
    return {
        "url": series.url,
        "region": series.region,
        "buffered": series.buffered,
        "runs": [asdict(run) for run in series.runs],
        "summary": asdict(summary),
    }


def _slowest(slowest: Breakdown) -> dict[str, Any]:
    return {
        "number": slowest.run.number,
        "trace_id": slowest.run.trace_id,
        "trace_url": slowest.trace_url,
        "parts": {
            "network_ms": slowest.network_ms,
            "lambda_ms": slowest.lambda_ms,
            "bedrock_ms": slowest.bedrock_ms,
            "rest_ms": slowest.rest_ms,
            "untold_ms": slowest.untold_ms,
        },
    }

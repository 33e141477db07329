"""A JSON document read back: what was measured, out of the file that `--output json` went to."""

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from ..errors import UsageError
from ..json_object import parse_object
from ..measurement import Failure, Run
from ..result import ALONE, Conditions, Result, Series
from . import SCHEMA_VERSION

SCHEMA = Path(__file__).with_name("result.schema.json")

_MESSAGE_LENGTH = 200


def read(path: Path) -> Result:
    """The result in the file; what is judged in the document (summary, objectives) is left there, and judged anew.

    Raises:
        UsageError: There is no such file, or it is not a document of this schema's version, or one of a comparison:
            which of its two series is meant cannot be told.
    """
    try:
        content = parse_object(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    if content is None:
        raise UsageError(f"{path} is not one JSON document; give a file that --output json has written")
    version = content.get("schema_version")
    if version != SCHEMA_VERSION:
        # Figures of other versions have other names, or another meaning.
        raise UsageError(
            f"{path}: $.schema_version is {json.dumps(version)}, and this probe reads {SCHEMA_VERSION}: "
            "another version of the probe has written the file; measure again with this one"
        )
    misfit = best_match(Draft202012Validator(json.loads(SCHEMA.read_text())).iter_errors(content))
    if misfit:
        # The value that does not fit comes first, and may be the whole document; what is wrong with it comes last.
        raise UsageError(f"{path}: {misfit.json_path}: {misfit.message[-_MESSAGE_LENGTH:]}")
    if "against" in content:
        raise UsageError(f"{path} is a comparison itself; give a file with the runs of one series")
    runs = [_run(fields) for fields in content["runs"]]
    series = Series(ALONE, content["url"], content["region"], content["buffered"], runs)
    return Result(content["started_at"], Conditions(**content["conditions"]), series)


def _run(fields: dict[str, Any]) -> Run:
    error = fields["error"]
    return Run(**(fields | {"error": Failure(**error) if error else None}))

"""Checks a request's body against a JSON schema, and words what is wrong as Bedrock does; no format of any one model.

A schema lists what the function sends. The service takes more: what is not listed is refused by name here.

The words, from errors that users have reported:
https://github.com/crmne/ruby_llm/issues/586 (extraneous key)
https://github.com/spring-projects/spring-ai/issues/2276 (required key)
https://github.com/JetBrains/koog/issues/500 (enum value)
https://github.com/langgenius/dify/pull/3326 (expected type)
No report was at hand for sizes, lengths and bounds: theirs are modelled on these.
"""

from collections.abc import Sequence
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from sandbox.bedrock.errors import invalid

Schema = dict[str, Any]
"""A JSON schema of draft 2020-12. The service names several faults at once. Here only the first is named."""

TEXT: Schema = {"type": "string", "minLength": 1}
TEXTS: Schema = {"type": "array", "items": TEXT}
COUNT: Schema = {"type": "integer", "minimum": 1}
FRACTION: Schema = {"type": "number", "minimum": 0, "maximum": 1}

# JSON Schema takes 5.0 for an integer, the service does not.
_Validator: Any = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int),
)
_EXPECTED = {
    "object": "JSONObject", "array": "JSONArray", "string": "String", "integer": "Integer", "number": "Number"
}  # fmt: skip
_FOUND = {
    dict: "JSONObject", list: "JSONArray", str: "String", int: "Integer", float: "BigDecimal",
    bool: "Boolean", type(None): "Null",
}  # fmt: skip
# An error shows no more than this of what was sent.
_SHOWN_CHARS = 64


def record(properties: Schema, required: Sequence[str] = ()) -> Schema:
    """Return the schema of an object that has these members and no others."""
    return {
        "type": "object",
        "required": list(required),
        "additionalProperties": False,
        "properties": properties,
    }


def messages(content_block: Schema) -> Schema:
    """Return the schema of a conversation: at least one message of at least one content block."""
    content = {"type": "array", "minItems": 1, "items": content_block}
    message = record({"role": {"enum": ["user", "assistant"]}, "content": content}, required=("role", "content"))
    return {"type": "array", "minItems": 1, "items": message}


def check_body(body: Any, schema: Schema) -> None:
    """Check a body that was read from JSON.

    Raises:
        RefusedError: it does not fit the schema; the message names the first place and fault.
    """
    error = next(_Validator(schema).iter_errors(body), None)
    if error is not None:
        place = "/".join(("#", *map(str, error.absolute_path)))
        raise invalid(
            f"Malformed input request: {place}: {_complaint(error)}, please reformat your input and try again."
        )


def _complaint(error: ValidationError) -> str:
    found: Any = error.instance
    wanted: Any = error.validator_value
    schema: Any = error.schema
    match error.validator:
        case "type":
            return f"expected type: {_EXPECTED[wanted]}, found: {_FOUND[type(found)]}"
        case "required":
            missing = next(key for key in wanted if key not in found)
            return f"required key [{missing}] not found"
        case "additionalProperties":
            extra = next(key for key in found if key not in schema["properties"])
            return f"extraneous key [{extra[:_SHOWN_CHARS]}] is not permitted"
        case "enum":
            return f"{str(found)[:_SHOWN_CHARS]} is not a valid enum value"
        case "minItems":
            return f"expected minimum item count: {wanted}, found: {len(found)}"
        case "minProperties":
            return f"minimum size: [{wanted}], found: [{len(found)}]"
        case "maxProperties":
            return f"maximum size: [{wanted}], found: [{len(found)}]"
        case "minLength":
            return f"expected minLength: {wanted}, actual: {len(found)}"
        case "minimum":
            return f"{found} is not greater or equal to {wanted}"
        case "maximum":
            return f"{found} is not less or equal to {wanted}"
    return error.message  # jsonschema's own words, for what no schema uses yet

"""Checks a request's body against a JSON schema, and words what is wrong as Bedrock does; no format of any one model.

A schema lists what the service documents and what real clients send. What is not listed is refused by name.

The words, from errors that users have reported:
https://github.com/crmne/ruby_llm/issues/586 (extraneous key)
https://github.com/spring-projects/spring-ai/issues/2276 (required key)
https://github.com/JetBrains/koog/issues/500 (enum value)
https://github.com/langgenius/dify/pull/3326 (expected type)
No report was at hand for sizes, lengths and bounds: theirs are modelled on these.
"""

from collections.abc import Sequence
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from sandbox.bedrock.errors import invalid

Schema = dict[str, Any]
"""A JSON schema of draft 2020-12. The service names several faults at once. Here only the first is named."""

TEXT: Schema = {"type": "string", "minLength": 1}
TEXTS: Schema = {"type": "array", "items": TEXT}
OBJECT: Schema = {"type": "object"}
COUNT: Schema = {"type": "integer", "minimum": 1}
SAMPLING: Schema = {key: {"type": "number", "minimum": 0, "maximum": 1} for key in ("temperature", "top_p")}

# JSON Schema takes 5.0 for an integer, the service does not.
_Validator: Any = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int),
)
_EXPECTED = {
    "object": "JSONObject", "array": "JSONArray", "string": "String", "integer": "Integer", "number": "Number",
    "boolean": "Boolean",
}  # fmt: skip
_FOUND = {
    dict: "JSONObject", list: "JSONArray", str: "String", int: "Integer", float: "BigDecimal",
    bool: "Boolean", type(None): "Null",
}  # fmt: skip
_COMPLAINTS = {
    "enum": "{found} is not a valid enum value",
    "pattern": "string [{found}] does not match pattern {wanted}",
    "minItems": "expected minimum item count: {wanted}, found: {size}",
    "maxItems": "expected maximum item count: {wanted}, found: {size}",
    "minProperties": "minimum size: [{wanted}], found: [{size}]",
    "maxProperties": "maximum size: [{wanted}], found: [{size}]",
    "minLength": "expected minLength: {wanted}, actual: {size}",
    "maxLength": "expected maxLength: {wanted}, actual: {size}",
    "minimum": "{found} is not greater or equal to {wanted}",
    "maximum": "{found} is not less or equal to {wanted}",
}
# An error shows no more than this of what was sent.
_SHOWN_CHARS = 64


def record(properties: Schema, required: Sequence[str] = ()) -> Schema:
    """Return the schema of an object that has these members and no others."""
    return {"type": "object", "required": list(required), "additionalProperties": False, "properties": properties}


def messages(content_block: Schema, content_types: Sequence[str] = ("array",)) -> Schema:
    """Return the schema of a conversation: at least one message of at least one content block.

    With `string` among the content types, which JSON Schema names, a text may stand in place of the blocks.
    """
    content = {"type": content_types, "minLength": 1, "minItems": 1, "items": content_block}
    role = {"enum": ["user", "assistant", "system"]}
    message = record({"role": role, "content": content}, required=("role", "content"))
    return {"type": "array", "minItems": 1, "items": message}


def shape_schema(shape: Shape) -> Schema:
    """Return the schema of a shape of botocore: its types, required members, enumerations, bounds and patterns."""
    schema: Schema
    match shape:
        case StructureShape() if shape.is_document_type:
            return {}
        case StructureShape():
            members = {name: shape_schema(member) for name, member in shape.members.items()}
            # What comes first is named first: an unknown member, then too many.
            union = {"additionalProperties": False, "minProperties": 1, "maxProperties": 1}
            return {**(union if shape.is_tagged_union else {}), **record(members, shape.required_members)}
        case ListShape():
            schema, suffix = {"type": "array", "items": shape_schema(shape.member)}, "Items"
        case MapShape():
            parts = {"propertyNames": shape_schema(shape.key), "additionalProperties": shape_schema(shape.value)}
            schema, suffix = {"type": "object", **parts}, "Properties"
        case StringShape():
            schema, suffix = {"type": "string", **({"enum": shape.enum} if shape.enum else {})}, "Length"
        case _:
            types = {"blob": "string", "float": "number"}
            schema, suffix = {"type": types.get(shape.type_name, shape.type_name)}, "imum"
    schema |= {f"{bound}{suffix}": shape.metadata[bound] for bound in ("min", "max") if bound in shape.metadata}
    # A pattern of a shape is that of the whole string.
    return schema | ({"pattern": rf"^(?:{shape.metadata['pattern']})\Z"} if "pattern" in shape.metadata else {})


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
            expected = _EXPECTED[wanted if isinstance(wanted, str) else wanted[0]]
            return f"expected type: {expected}, found: {_FOUND[type(found)]}"
        case "required":
            missing = next(key for key in wanted if key not in found)
            return f"required key [{missing}] not found"
        case "additionalProperties":
            extra = next(key for key in found if key not in schema["properties"])
            return f"extraneous key [{extra[:_SHOWN_CHARS]}] is not permitted"
    size = len(found) if isinstance(found, str | list | dict) else None
    return _COMPLAINTS[str(error.validator)].format(wanted=wanted, found=str(found)[:_SHOWN_CHARS], size=size)

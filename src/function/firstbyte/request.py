"""Reads the request from a Function URL event and checks it field by field. Nothing here knows Bedrock."""

import base64
import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, NoReturn, cast

from firstbyte.config import Config
from firstbyte.failures import ErrorType, Failure, RequestError
from firstbyte.model_ids import accepted_names, shown_name

Api = Literal["invoke", "converse"]

# The longest answer, in tokens, if the request does not say.
DEFAULT_MAX_TOKENS = 1024
# The smallest limit among Bedrock's text models (Amazon Nova's and Titan's Converse limit).
MAX_STOP_SEQUENCES = 4
# Far more than any use needs. Bedrock names no limits of these that hold for all models.
MAX_STOP_SEQUENCE_CHARS = 100
MAX_MESSAGES = 1000

_FIELDS = ("prompt", "messages", "model", "system", "max_tokens", "temperature", "top_p", "stop_sequences", "api")


_GZIP = b"\x1f\x8b"
_BYTE_ORDER_MARK = "\ufeff"
_CHARSET = re.compile(r'\bcharset\s*=\s*"?([^\s";]+)', re.IGNORECASE)


class Message(NamedTuple):
    """One turn of a conversation."""

    role: Literal["user", "assistant"]
    content: str


class ChatRequest(NamedTuple):
    """What a client asks for. `model` and `max_tokens` have defaults; None leaves a value to the model's own default.

    Attributes:
        messages: the conversation, at least one turn; the last one is the user's.
        model: the model's id, one of the configured ones, whatever the client called it.
        max_tokens: the longest answer, in tokens.
        system: the system text.
        temperature: from 0 to 1.
        top_p: from 0 to 1.
        stop_sequences: texts that end the answer.
        api: the Bedrock API to call; None leaves the choice to `model_call`.
    """

    messages: tuple[Message, ...]
    model: str
    max_tokens: int
    system: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop_sequences: tuple[str, ...] = ()
    api: Api | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """What the client wrote: the conversation, the system text, the stop sequences."""
        return (*(message.content for message in self.messages), self.system or "", *self.stop_sequences)

    @property
    def prompt_chars(self) -> int:
        """The length of all messages and the system text, in characters."""
        return _characters(self.messages, self.system)


def parse_request(event: object, config: Config) -> ChatRequest:
    """Return the request in an event of payload format 2.0.

    https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads

    Args:
        event: what Lambda calls the handler with; nothing in it is trusted.
        config: the models and limits.

    Raises:
        RequestError: an `invalid_request` that names the field. The status is 400, or 415 for a body that is not UTF-8.
    """
    body = _json_object(_body(event))
    for name in body:
        if name not in _FIELDS:
            # The name is cut short because it may be a whole prompt. It may also be empty.
            _refuse(name[:80] or '""', f"is not a known field; known are {', '.join(_FIELDS)}")
    messages = _messages(body)
    system = _text(body["system"], "system") if "system" in body else None
    characters = _characters(messages, system)
    if characters > config.max_prompt_chars:
        _refuse(
            "prompt" if "prompt" in body else "messages",
            f"is too long: {characters} characters with the system text, at most {config.max_prompt_chars} are allowed",
        )
    return ChatRequest(
        messages=messages,
        model=_model(body, config),
        max_tokens=_max_tokens(body, config.max_output_tokens),
        system=system,
        temperature=_fraction(body, "temperature"),
        top_p=_fraction(body, "top_p"),
        stop_sequences=_stop_sequences(body),
        api=_api(body),
    )


def header(event: object, name: str) -> str | None:
    """Return the value of a request header, None if it is absent. `name` is in lower case; the event's may differ."""
    headers = event.get("headers") if isinstance(event, Mapping) else None
    if isinstance(headers, Mapping):
        for key, value in headers.items():
            if isinstance(value, str) and key.lower() == name:
                return value
    return None


def caller(event: object) -> str | None:
    """Return the ARN of the IAM principal that signed the request, None if nobody had to sign it.

    https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads
    """
    found = event
    for key in ("requestContext", "authorizer", "iam", "userArn"):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, str) else None


def _refuse(field: str, problem: str, status: int = 400) -> NoReturn:
    raise RequestError(Failure.of(ErrorType.INVALID_REQUEST, f"{field} {problem}", status=status, field=field))


def _refuse_coding(field: str, problem: str) -> NoReturn:
    """Refuse a body whose bytes are not what this function reads.

    https://www.rfc-editor.org/rfc/rfc9110#section-15.5.16
    """
    _refuse(field, problem, 415)


def _body(event: object) -> str:
    fields = event if isinstance(event, Mapping) else {}
    coding = (header(event, "content-encoding") or "").strip()
    if coding.lower() not in ("", "identity"):
        _refuse_coding(
            "content-encoding", f"{coding[:80]} is not supported: send the body as it is, without compression"
        )
    body = fields.get("body")
    if not isinstance(body, str) or not body:
        _refuse("body", 'is missing: send a JSON object such as {"prompt": "..."}')
    if not fields.get("isBase64Encoded"):
        if not body.isascii():
            _check_charset(event)
        if "\0" in body[:4]:  # UTF-16 of ASCII text is also valid UTF-8
            _refuse_coding("body", _other_unicode(body[:4].encode(errors="replace")))
        return body.removeprefix(_BYTE_ORDER_MARK)
    try:
        data = base64.b64decode(body, validate=True)
    except ValueError:
        _refuse("body", "is not valid Base64, though the event says so")
    return _text_of(data, event)


def _text_of(data: bytes, event: object) -> str:
    if data.startswith(_GZIP):
        _refuse_coding("body", "is compressed: send it without compression")
    if not json.detect_encoding(data).startswith("utf-8"):
        _refuse_coding("body", _other_unicode(data))
    if not data.isascii():
        _check_charset(event)
    try:
        return data.decode().removeprefix(_BYTE_ORDER_MARK)
    except UnicodeDecodeError as error:
        _refuse_coding("body", f"is not UTF-8: byte {error.start + 1} fits no character. Send JSON in UTF-8")


def _other_unicode(data: bytes) -> str:
    # "utf-16-le", for example
    return f"is {json.detect_encoding(data)[:6].upper()}, not UTF-8: send JSON in UTF-8"


def _check_charset(event: object) -> None:
    """Refuse a body that is not ASCII alone and, as its header says, not UTF-8. In ASCII most charsets are the same."""
    found = _CHARSET.search(header(event, "content-type") or "")
    if found and found[1].lower() not in ("utf-8", "utf8"):
        _refuse_coding("content-type", f"has the charset {found[1][:80].lower()}: send UTF-8")


def _json_object(text: str) -> dict[str, Any]:
    def no_such_number(name: str) -> NoReturn:
        _refuse("body", f"is not valid JSON: {name} is not a JSON number")

    def without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        fields = dict(pairs)
        if len(fields) < len(pairs):
            ((name, _),) = Counter(name for name, _ in pairs).most_common(1)
            _refuse("body", f"has the field {name[:80]} twice in one object")
        return fields

    try:
        body = json.loads(text, parse_constant=no_such_number, object_pairs_hook=without_repetition)
    except json.JSONDecodeError as error:
        _refuse("body", f"is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}")
    except ValueError:  # an integer with more digits than Python converts
        _refuse("body", "is not acceptable JSON: a number is too long")
    except RecursionError:
        _refuse("body", "is not acceptable JSON: it is nested too deeply")
    if not isinstance(body, dict):
        _refuse("body", "must be a JSON object")
    return body


def _messages(body: Mapping[str, Any]) -> tuple[Message, ...]:
    if "prompt" in body and "messages" in body:
        _refuse("messages", "cannot be given together with prompt")
    if "prompt" in body:
        return (Message("user", _text(body["prompt"], "prompt")),)
    if "messages" not in body:
        _refuse("prompt", "is missing: give a prompt or messages")
    entries = body["messages"]
    if not isinstance(entries, list) or not 1 <= len(entries) <= MAX_MESSAGES:
        _refuse("messages", f"must be a list of 1 to {MAX_MESSAGES} messages")
    messages = tuple(_message(entry, number) for number, entry in enumerate(entries))
    if messages[-1].role != "user":
        _refuse(f"messages[{len(messages) - 1}].role", "must be user: the model answers the last message")
    return messages


def _message(entry: object, number: int) -> Message:
    path = f"messages[{number}]"
    if not isinstance(entry, dict):
        _refuse(path, "must be an object with role and content")
    for name in entry:
        if name not in ("role", "content"):
            _refuse(f"{path}.{name[:80]}", "is not a known field; known are role, content")
    for name in ("role", "content"):
        if name not in entry:
            _refuse(f"{path}.{name}", "is missing")
    expected = "assistant" if number % 2 else "user"
    if entry["role"] not in ("user", "assistant"):
        _refuse(f"{path}.role", "must be user or assistant")
    if entry["role"] != expected:
        _refuse(f"{path}.role", f"must be {expected}: the roles alternate, beginning with user")
    return Message(cast("Literal['user', 'assistant']", expected), _text(entry["content"], f"{path}.content"))


def _characters(messages: tuple[Message, ...], system: str | None) -> int:
    return len(system or "") + sum(len(message.content) for message in messages)


def _text(value: object, path: str) -> str:
    if not isinstance(value, str):
        _refuse(path, "must be a string")
    if not value.strip():
        _refuse(path, "must not be empty")
    _check_encodable(value, path)
    return value


def _check_encodable(value: str, path: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        _refuse(path, "has half of a surrogate pair, which is no character")


def _model(body: Mapping[str, Any], config: Config) -> str:
    if "model" not in body:
        return config.model_ids[0]
    model = body["model"]
    if not isinstance(model, str):
        _refuse("model", "must be a string")
    if model in config.model_ids:
        return model
    meant = [model_id for model_id in config.model_ids if model in accepted_names(model_id)]
    if len(meant) != 1:
        _refuse("model", f"is not allowed; allowed are {', '.join(map(shown_name, config.model_ids))}")
    return meant[0]


def _max_tokens(body: Mapping[str, Any], limit: int) -> int:
    if "max_tokens" not in body:
        return min(DEFAULT_MAX_TOKENS, limit)
    value = body["max_tokens"]
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= limit:
        _refuse("max_tokens", f"must be a whole number from 1 to {limit}")
    return value


def _fraction(body: Mapping[str, Any], name: str) -> float | None:
    if name not in body:
        return None
    value = body[name]
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        _refuse(name, "must be a number from 0 to 1")
    return value


def _stop_sequences(body: Mapping[str, Any]) -> tuple[str, ...]:
    if "stop_sequences" not in body:
        return ()
    values = body["stop_sequences"]
    if not isinstance(values, list) or len(values) > MAX_STOP_SEQUENCES:
        _refuse("stop_sequences", f"must be a list of at most {MAX_STOP_SEQUENCES} strings")
    for number, value in enumerate(values):
        if not isinstance(value, str) or not value:
            _refuse(f"stop_sequences[{number}]", "must be a string that is not empty")
        if len(value) > MAX_STOP_SEQUENCE_CHARS:
            limit = f"at most {MAX_STOP_SEQUENCE_CHARS} characters are allowed"
            _refuse(f"stop_sequences[{number}]", f"is too long: {len(value)} characters, {limit}")
        _check_encodable(value, f"stop_sequences[{number}]")
    return tuple(values)


def _api(body: Mapping[str, Any]) -> Api | None:
    if "api" not in body:
        return None
    value = body["api"]
    if value not in ("invoke", "converse"):
        _refuse("api", "must be invoke or converse")
    return cast("Api", value)

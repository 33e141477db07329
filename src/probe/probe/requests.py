"""The request bodies: the prompt of the command line in the function's request contract, or what a file says."""

import json
from pathlib import Path
from typing import Any

from .errors import UsageError
from .options import Options

# Before a longer body curl sends "Expect: 100-continue" and waits for the answer: see `curl.configuration`.
BODY_LIMIT = 1024 * 1024


def read_bodies(options: Options) -> list[bytes]:
    """The different request bodies that take turns, as JSON in UTF-8; at least one.

    Raises:
        UsageError: The prompt or the file of prompts cannot be used; the message says which line of it.
    """
    given = {"model": options.model, "max_tokens": options.max_tokens}
    common = {name: value for name, value in given.items() if value is not None}
    if options.prompts is None:
        return [_body({"prompt": options.prompt, **common}, origin="--prompt or --model")]
    path = options.prompts
    read = _request if path.suffix == ".jsonl" else _prompt
    lines = [(f"{path}, line {number}", line) for number, line in enumerate(_lines(path), 1) if line.strip()]
    if not lines:
        raise UsageError(f"{path} holds no prompts: it is empty")
    return [_body({**common, **read(line, origin)}, origin) for origin, line in lines]


def _lines(path: Path) -> list[str]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    try:
        # A byte order mark is no part of the first prompt. Only line feeds end a line: a prompt may hold U+2028.
        return data.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UsageError(f"{path}, line {line}: the file is not UTF-8 text") from None


def _prompt(line: str, _: str) -> dict[str, Any]:
    return {"prompt": line.removesuffix("\r")}


def _request(line: str, origin: str) -> dict[str, Any]:
    try:
        request = json.loads(line, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{origin}: this is not JSON: {error}") from None
    if not isinstance(request, dict):
        raise UsageError(f'{origin}: this is not a JSON object, such as {{"prompt": "hello"}}')
    return request


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _body(request: dict[str, Any], origin: str) -> bytes:
    try:
        body = json.dumps(request, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise UsageError(f"{origin}: it holds what is not text in UTF-8") from None
    if len(body) >= BODY_LIMIT:
        raise UsageError(f"{origin}: the request is {len(body)} bytes long; the probe sends less than {BODY_LIMIT}")
    return body

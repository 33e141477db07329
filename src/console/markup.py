"""Texts from elsewhere as HTML: templates that escape every value, and show control characters as escapes."""

import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from nicegui import ui

_ROOMS = Path(__file__).resolve().parent
# What a browser obeys or hides: control characters but tab and line feed, and those that turn or hide text.
# https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing
_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def visible(text: str) -> str:
    """Return the text with an escape in place of each control character, such as `\\x1b` or `\\u202e`."""
    return _HIDDEN.sub(_escape, text)


def render(template: str, **values: Any) -> Markup:
    """Return a template of a room, such as `logs/tail.html`, as HTML; whatever is in the values is text in it."""
    return Markup(_ENVIRONMENT.get_template(template).render(**values))  # noqa: S704 - the template escapes values


def command(text: str) -> Markup:
    """Return a command as HTML: a line may end between its words, and not at the hyphens of an option."""
    one = Markup('<span style="display: inline-block; max-width: 100%; overflow-wrap: anywhere">{}</span>')
    return Markup("<code>{}</code>").format(Markup(" ").join(one.format(visible(word)) for word in text.split(" ")))


def show(template: str, **values: Any) -> ui.html:
    """Add a template of a room to the page."""
    return ui.html(render(template, **values), sanitize=False)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def _finalize(value: Any) -> Any:
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


_ENVIRONMENT = Environment(
    loader=FileSystemLoader(_ROOMS),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=_finalize,
    trim_blocks=True,
    lstrip_blocks=True,
)

"""The text of a text widget: Markdown as HTML. HTML in it stays text, and nothing is fetched for it."""

import re
from collections.abc import Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup, escape

from console.frame import address

# A link of the CloudWatch console to traces, with a filter in its own encoding.
_TRACES = re.compile(r"https://[a-z0-9-]+\.console\.aws\.amazon\.com/[^#]*#xray:traces/query(.*)", re.DOTALL)
_SLOW = re.compile(r"annotation\.first_text_ms > (\d+)")
_OUTCOME = re.compile(r'annotation\.outcome = "(\w+)"')


def text_html(markdown: str, here: str | None) -> Markup:
    """Return Markdown as HTML.

    Args:
        markdown: as in the widget.
        here: the time that the page shows, such as `3h`, if links to traces should lead to this console's pages. They
            leave out a filter that these do not have.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    parser.add_render_rule("image", _image)
    tokens = parser.parse(markdown)
    for token in (inner for outer in tokens for inner in outer.children or []):
        if token.type == "link_open" and here is not None:
            token.attrs["href"] = _own(str(token.attrs["href"]), here)
        elif token.type == "text" and token.content.startswith("button:"):
            # [button:primary:Words](address) is CloudWatch's for a link that looks like a button.
            token.content = token.content.removeprefix("button:").removeprefix("primary:")
    # What may make HTML of a text has escaped it.
    return Markup(parser.renderer.render(tokens, parser.options, {}))  # noqa: S704


def _image(_renderer: RendererHTML, tokens: Sequence[Token], place: int, *_: Any) -> str:
    token = tokens[place]
    return f'<a href="{escape(token.attrs["src"])}">{escape(token.content or "image")}</a>'


def _own(url: str, here: str) -> str:
    """Return the address of this console's page in place of the CloudWatch console's, if it is one of traces."""
    if not (found := _TRACES.fullmatch(url)):
        return url
    filters = re.sub(r"\*([0-9a-f]{2})", lambda code: chr(int(code[1], 16)), found[1])
    slow, outcome = _SLOW.search(filters), _OUTCOME.search(filters)
    return address("traces", last=here, slow=slow and slow[1], outcome=outcome and outcome[1])

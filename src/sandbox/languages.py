"""What the languages of Logs and X-Ray share: quoted texts, and the refusal of what is not supported."""

import re

from lark import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from sandbox.aws_api.contract import ApiError, not_supported


def unquoted(text: str) -> str:
    """Return a quoted text without its quotes and without the backslashes before characters."""
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)


def refusal(error: UnexpectedInput, text: str, what: str, supported: str, code: str) -> ApiError:
    """Return the error for a text that the grammar does not take; its message quotes the text from there on.

    If no word of the grammar begins there, the sandbox does not support what follows. If one does, the text makes no
    sense in this order.

    Args:
        error: what lark says of the text.
        text: the whole text.
        what: names it in the message, such as "the filter pattern".
        supported: the part of the language that the sandbox has, for the message.
        code: the service's error code for a text that makes no sense.
    """
    # At the end of the text, lark gives the place of the last word.
    at_end = isinstance(error, UnexpectedToken) and error.token.type == "$END"
    rest = "its end" if at_end else text[error.pos_in_stream or 0 :][:60]
    if isinstance(error, UnexpectedCharacters):
        return not_supported(f"this part of {what}: {rest}. It supports {supported}")
    return ApiError(code, f"Not understood in {what}: {rest}. It takes {supported}")

"""The languages of CloudWatch Logs and X-Ray, of which the sandbox has a part: how it refuses the rest."""

from lark import UnexpectedCharacters, UnexpectedInput

from sandbox.aws_api.contract import ApiError, not_supported


def refusal(error: UnexpectedInput, text: str, what: str, supported: str, code: str) -> ApiError:
    """Return the error for a text that the grammar does not take; its message quotes the text from there on.

    Characters that no word of the grammar has belong to what the sandbox does not support. Known words in a wrong order
    make no sense.

    Args:
        error: what lark says of the text.
        text: the whole text.
        what: names it in the message, such as "the filter pattern".
        supported: the part of the language that the sandbox has, for the message.
        code: the service's error code for a text that makes no sense.
    """
    position = error.pos_in_stream if isinstance(error.pos_in_stream, int) else len(text)
    rest = text[position:][:60] or "its end"
    if isinstance(error, UnexpectedCharacters):
        return not_supported(f"this part of {what}: {rest}. It supports {supported}")
    return ApiError(code, f"Not understood in {what}: {rest}. It takes {supported}")

"""What a scripted model needs to know of a request, whichever API and model family it came through."""

from dataclasses import dataclass

from sandbox.bedrock.script import without_directives


@dataclass(frozen=True, slots=True)
class Prompt:
    """A request, read.

    Attributes:
        user_text: the text of the last user message, where the directives are.
        texts: every text of the request, that one included.
        max_tokens: the limit that the request or the model's default sets on the answer, None for none.
    """

    user_text: str
    texts: tuple[str, ...]
    max_tokens: int | None = None

    @property
    def input_tokens(self) -> int:
        """The words outside the directives: a count that anybody can redo; at least 1, as no request is free."""
        return max(1, sum(len(without_directives(text).split()) for text in self.texts))

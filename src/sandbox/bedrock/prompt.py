"""What a scripted model needs to know of a request, whatever its format."""

from dataclasses import dataclass

from sandbox.bedrock.script import without_directives


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a request said.

    Attributes:
        user_text: the text of the last user message. The directives are in it.
        texts: every text of the request, `user_text` included.
        max_tokens: the limit on the answer, from the request or the model's default. None is no limit.
    """

    user_text: str
    texts: tuple[str, ...]
    max_tokens: int | None = None

    @property
    def input_tokens(self) -> int:
        """The number of words outside the directives, at least 1. Anybody can count that again."""
        return max(1, sum(len(without_directives(text).split()) for text in self.texts))

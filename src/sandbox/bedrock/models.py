"""Model ids: which the service knows, and what they say of the model."""

import re
from dataclasses import dataclass

from sandbox.bedrock.errors import invalid

_ARN = re.compile(r"arn:aws[a-z-]*:bedrock:[a-z0-9-]+:(?::foundation-model|[0-9]{12}:inference-profile)/(?P<id>.+)")
_ID = re.compile(
    r"(?:(?:us|us-gov|eu|apac|au|jp|ca|global)\.)?"
    r"(?P<name>(?:ai21|amazon|anthropic|cohere|deepseek|google|meta|minimax|mistral|moonshot|moonshotai|nvidia|openai|qwen|writer|zai)"
    r"\.[a-z0-9][a-z0-9.-]*?)(?:-v[0-9]+)?(?::[0-9]+)?(?::[0-9]+k)?"
)


@dataclass(frozen=True, slots=True)
class Model:
    """A known model.

    Attributes:
        id: as the request gave it.
        name: provider and name without geography and version, such as `amazon.nova-micro`.
    """

    id: str
    name: str


def find_model(model_id: str) -> Model:
    """Return the model behind an id, an inference profile's id, or the ARN of either.

    Raises:
        RefusedError: the provider in the id is not known; the words are the service's own.
    """
    arn = _ARN.fullmatch(model_id)
    known = _ID.fullmatch(arn["id"] if arn else model_id)
    if not known:
        raise invalid("The provided model identifier is invalid.")
    return Model(model_id, known["name"])

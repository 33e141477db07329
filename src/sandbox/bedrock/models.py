"""Model ids: which are known, and whose request and stream formats they have."""

import re
from dataclasses import dataclass
from enum import Enum

from sandbox.bedrock.errors import invalid


class Family(Enum):
    """Models with one format for InvokeModelWithResponseStream."""

    ANTHROPIC = "anthropic"
    NOVA = "nova"
    TITAN = "titan"
    LLAMA = "llama"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Model:
    """A known model: `id` as the request gave it, `name` without geography, provider and version suffix."""

    id: str
    name: str
    family: Family


_FAMILIES = {
    "anthropic.claude": Family.ANTHROPIC,
    "amazon.nova": Family.NOVA,
    "amazon.titan-text": Family.TITAN,
    "meta.llama": Family.LLAMA,
}
_ARN = re.compile(r"arn:aws[a-z-]*:bedrock:[a-z0-9-]+:(?::foundation-model|[0-9]{12}:inference-profile)/(?P<id>.+)")
_ID = re.compile(
    r"(?:(?:us|us-gov|eu|apac|au|jp|ca|global)\.)?"
    r"(?P<provider>ai21|amazon|anthropic|cohere|deepseek|google|meta|minimax|mistral|moonshot|moonshotai|nvidia|openai|qwen|writer|zai)"
    r"\.(?P<name>[a-z0-9][a-z0-9.-]*?)(?P<version>(?:-v[0-9]+)?(?::[0-9]+)?(?::[0-9]+k)?)"
)


def find_model(model_id: str) -> Model:
    """The model behind an id, an inference profile's id, or the ARN of either.

    Raises:
        RefusedError: the id is of no known provider; the words are the service's own.
    """
    arn = _ARN.fullmatch(model_id)
    known = _ID.fullmatch(arn["id"] if arn else model_id)
    if not known:
        raise invalid("The provided model identifier is invalid.")
    base = f"{known['provider']}.{known['name']}"
    family = next((family for prefix, family in _FAMILIES.items() if base.startswith(prefix)), Family.OTHER)
    # The second generation alone has its version in the place of the suffix: anthropic.claude-v2:1 is claude-2.1.
    name = f"claude-2.{known['version'].partition(':')[2] or 0}" if base == "anthropic.claude" else known["name"]
    return Model(model_id, name, family)

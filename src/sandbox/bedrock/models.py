"""Model ids: the forms that the service takes, and what each says of the model."""

import re
from dataclasses import dataclass

from sandbox.bedrock.errors import RefusedError, invalid
from sandbox.bedrock.regions import GEOGRAPHY, geographies

_ARN = r"arn:aws[a-z-]*:bedrock:(?P<region>[a-z0-9-]+):"
_NAME = (
    r"(?P<name>(?:ai21|amazon|anthropic|cohere|deepseek|google|luma|meta|minimax|mistral|moonshot|moonshotai|nvidia"
    r"|openai|qwen|stability|twelvelabs|writer|zai)"
    r"\.[a-z0-9][a-z0-9.-]*?)(?:-v[0-9]+)?(?::[0-9]+)?(?::[0-9]+k)?"
)
_FORMS = (
    re.compile(rf"(?:{_ARN}:foundation-model/)?{_NAME}"),
    re.compile(rf"(?:{_ARN}[0-9]{{12}}:inference-profile/)?(?P<geography>{GEOGRAPHY})\.{_NAME}"),
    # What stands behind these only the account knows. The lengths are those of the pattern in botocore's service model.
    re.compile(rf"{_ARN}[0-9]{{12}}:application-inference-profile/[a-zA-Z0-9:.-]+"),
    re.compile(rf"{_ARN}[0-9]{{12}}:(?:provisioned-model|imported-model|custom-model-deployment)/[a-z0-9]{{12}}"),
)
_MAKES_NO_TEXT = re.compile(r"embed|rerank|image|canvas|reel|sonic|^(?:luma|stability)\.")


@dataclass(frozen=True, slots=True)
class Model:
    """A known model.

    Attributes:
        id: as the request gave it.
        name: provider and name without geography and version, such as `amazon.nova-micro`; empty if the id is an ARN
            that does not say.
    """

    id: str
    name: str

    @property
    def makes_text(self) -> bool:
        """Whether it answers with text, by its name: others make vectors, images or sound, or sort documents."""
        return not _MAKES_NO_TEXT.search(self.name)


def find_model(model_id: str, region: str) -> Model:
    """Return the model behind an id or an ARN.

    The words of refusals are the service's own. Users have reported them, with this apostrophe:
    https://github.com/langchain-ai/langchain-aws/issues/1019 (a model that is served through profiles alone)
    https://github.com/earendil-works/pi/pull/5527 (an ARN of another region)
    https://github.com/opensearch-project/agent-health/issues/298 (a geography of other regions)

    Raises:
        RefusedError: no such model is known, or it is not served in this region in this way.
    """
    known = next(filter(None, (form.fullmatch(model_id) for form in _FORMS)), None)
    parts = known.groupdict() if known else {}
    if not known or parts["region"] not in (None, region):
        raise _unknown()
    name = parts.get("name", "")
    if name:
        served = geographies(name, region)
        geography = parts.get("geography")
        if geography is None and served and None not in served:
            raise invalid(
                f"Invocation of model ID {model_id} with on-demand throughput isn’t supported. "  # noqa: RUF001
                "Retry your request with the ID or ARN of an inference profile that contains this model."
            )
        if geography not in served:
            raise _unknown()
    return Model(model_id, name)


def _unknown() -> RefusedError:
    return invalid("The provided model identifier is invalid.")

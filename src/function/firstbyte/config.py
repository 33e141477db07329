"""The function's settings, read once from the environment into a frozen object. template.yaml says what each means."""

from collections.abc import Mapping
from dataclasses import dataclass

from firstbyte.meter import Objectives
from firstbyte.pricing import Prices, parse_prices


class ConfigError(Exception):
    """An environment variable is missing or unusable; the message names it."""


@dataclass(frozen=True, slots=True)
class Config:
    """The settings that hold for every request.

    Attributes:
        region: the AWS region, from `AWS_REGION`.
        model_ids: the models that a request may name, from `MODEL_IDS`; the first is the default.
        fallback_model_id: the model to ask when the first has trouble, from `FALLBACK_MODEL_ID`; None for none.
        max_output_tokens: the largest `max_tokens` of a request, from `MAX_OUTPUT_TOKENS`.
        max_prompt_chars: the longest prompt in characters, from `MAX_PROMPT_CHARS`.
        model_idle_timeout_seconds: how long a model may stay silent, from `MODEL_IDLE_TIMEOUT_SECONDS`.
        objectives: what a good response meets, from `TTFT_OBJECTIVE_MS` and `TPOT_OBJECTIVE_MS`.
        prices: what tokens cost, from `MODEL_PRICES`.
    """

    region: str
    model_ids: tuple[str, ...]
    fallback_model_id: str | None
    max_output_tokens: int
    max_prompt_chars: int
    model_idle_timeout_seconds: int
    objectives: Objectives
    prices: Prices

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Config":
        """Read the settings.

        Args:
            environment: usually `os.environ`.

        Raises:
            ConfigError: a variable is missing or has an unusable value.
        """
        model_ids = tuple(name.strip() for name in _required(environment, "MODEL_IDS").split(","))
        if not all(model_ids):
            raise ConfigError("MODEL_IDS has an empty entry: give model ids separated by single commas")
        fallback = environment.get("FALLBACK_MODEL_ID", "").strip() or None
        if fallback and fallback not in model_ids:
            raise ConfigError("FALLBACK_MODEL_ID is not one of MODEL_IDS: add it there, where the policy sees it too")
        return cls(
            region=_required(environment, "AWS_REGION"),
            model_ids=model_ids,
            fallback_model_id=fallback,
            max_output_tokens=_positive(environment, "MAX_OUTPUT_TOKENS"),
            max_prompt_chars=_positive(environment, "MAX_PROMPT_CHARS"),
            model_idle_timeout_seconds=_positive(environment, "MODEL_IDLE_TIMEOUT_SECONDS"),
            objectives=Objectives(
                ttft_ms=_positive(environment, "TTFT_OBJECTIVE_MS"), tpot_ms=_positive(environment, "TPOT_OBJECTIVE_MS")
            ),
            prices=_prices(environment, "MODEL_PRICES"),
        )


def _required(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "").strip()
    if not value:
        raise ConfigError(f"{name} is not set")
    return value


def _positive(environment: Mapping[str, str], name: str) -> int:
    text = _required(environment, name)
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ConfigError(f"{name} must be a whole number above 0, not {text!r}")
    return int(text)


def _prices(environment: Mapping[str, str], name: str) -> Prices:
    try:
        return parse_prices(environment.get(name, ""))
    except ValueError as error:
        raise ConfigError(f"{name}: {error}") from None

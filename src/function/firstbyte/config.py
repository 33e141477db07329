"""The function's settings, read once from the environment into a frozen object. template.yaml says what each means.

Without a required setting the function does not start, nor with a wrong guardrail. Any other wrong optional setting
costs no more than what it sets. That includes the variables of Powertools and of the X-Ray SDK: either would raise in
every response and so lose the record of all of them. They are imported after the first response, so their settings are
checked here, without them.
"""

import re
from collections.abc import Callable, Mapping, MutableMapping
from typing import NamedTuple

from firstbyte.meter import Objectives
from firstbyte.pricing import Prices, parse_prices

# Application load balancers close a connection that is silent for 60 s by default, CloudFront after 30 s.
DEFAULT_KEEP_ALIVE_SECONDS = 10


class ConfigError(Exception):
    """An environment variable is missing or unusable; the message names it."""


# Here and in the other modules that are imported at the start, values are named tuples: to make a dataclass takes the
# cold start some 0.6 ms longer, each.
class Correction(NamedTuple):
    """An optional setting that is not usable, and what is used instead.

    Attributes:
        variable: the environment variable.
        value: what it says; None if that is not for the log.
        instead: what is used instead, in words.
        replacement: what the variable must say for the libraries that read it; None removes it.
    """

    variable: str
    value: str | None
    instead: str
    replacement: str | None = None

    def apply(self, environment: MutableMapping[str, str]) -> None:
        """Change the environment, so that a library that reads it later finds a usable setting."""
        if self.replacement is None:
            environment.pop(self.variable, None)
        else:
            environment[self.variable] = self.replacement


class Guardrail(NamedTuple):
    """A guardrail of Bedrock, by its id and its version: a number, or `DRAFT`."""

    identifier: str
    version: str


class Config(NamedTuple):
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
        keep_alive_seconds: after how long without a byte an event stream gets a comment, from `KEEP_ALIVE_SECONDS`; 0
            for never.
        guardrail: what Bedrock checks every request and answer with, from `GUARDRAIL`; None for nothing.
        metrics_disabled: whether the operator wants no metrics, from `POWERTOOLS_METRICS_DISABLED`.
        corrections: the optional settings that are not usable.
    """

    region: str
    model_ids: tuple[str, ...]
    fallback_model_id: str | None
    max_output_tokens: int
    max_prompt_chars: int
    model_idle_timeout_seconds: int
    objectives: Objectives
    prices: Prices
    keep_alive_seconds: int = DEFAULT_KEEP_ALIVE_SECONDS
    guardrail: Guardrail | None = None
    metrics_disabled: bool = False
    corrections: tuple[Correction, ...] = ()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Config":
        """Read the settings.

        Args:
            environment: usually `os.environ`.

        Raises:
            ConfigError: a required variable is missing or has an unusable value.
        """
        model_ids = tuple(dict.fromkeys(name.strip() for name in _required(environment, "MODEL_IDS").split(",")))
        if not all(model_ids):
            raise ConfigError("MODEL_IDS has an empty entry: give model ids separated by single commas")
        fallback = environment.get("FALLBACK_MODEL_ID", "").strip() or None
        if fallback and fallback not in model_ids:
            raise ConfigError("FALLBACK_MODEL_ID is not one of MODEL_IDS: add it there, where the policy sees it too")
        prices, wrong_prices = parse_prices(environment.get("MODEL_PRICES", ""))
        keep_alive = environment.get("KEEP_ALIVE_SECONDS", "")
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
            keep_alive_seconds=int(keep_alive) if _is_seconds(keep_alive) else DEFAULT_KEEP_ALIVE_SECONDS,
            prices=prices,
            guardrail=_guardrail(environment.get("GUARDRAIL", "")),
            metrics_disabled=environment.get("POWERTOOLS_METRICS_DISABLED", "").lower() in _TRUE,
            corrections=(
                *_corrections(environment),
                *(Correction("MODEL_PRICES", _shown(entry, 100), "no price") for entry in wrong_prices),
            ),
        )


def _required(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "").strip()
    if not value:
        raise ConfigError(f"{name} is not set")
    return value


def _positive(environment: Mapping[str, str], name: str) -> int:
    text = _required(environment, name)
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
        raise ConfigError(f"{name} must be a whole number from 1 to 999999999, not {text[:24]!r}")
    return int(text)


def _guardrail(text: str) -> Guardrail | None:
    # A wrong optional setting is left out and named in the log. This one is for safety: no answer may go out unchecked
    # because of a slip.
    if not text:
        return None
    found = re.fullmatch(r"([a-z0-9]+):([1-9][0-9]{0,7}|DRAFT)", text)
    if not found:
        raise ConfigError(f"GUARDRAIL must be ID:VERSION, such as abcdefgh1234:1, or empty for none, not {text[:24]!r}")
    return Guardrail(found[1], found[2])


# What Powertools takes for true and false; it raises for all other values, the empty one included.
_TRUE = {"1", "y", "yes", "t", "true", "on"}
_FALSE = {"0", "n", "no", "f", "false", "off"}
# The names of Python's logging. NOTSET is none: it would hide the line of each response.
_LEVELS = {"DEBUG", "INFO", "WARN", "WARNING", "ERROR", "FATAL", "CRITICAL"}
# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html without TRACE, which Powertools
# turns into NOTSET.
_LAMBDA_LEVELS = {"DEBUG", "INFO", "WARN", "ERROR", "FATAL"}
_ADDRESS = r"[^\s:]+:[0-9]{1,5}"
_DAEMON_ADDRESS = rf"{_ADDRESS}|tcp:{_ADDRESS} udp:{_ADDRESS}|udp:{_ADDRESS} tcp:{_ADDRESS}"


def _is_boolean(text: str) -> bool:
    return text.lower() in _TRUE | _FALSE


def _is_level(text: str) -> bool:
    return text.upper() in _LEVELS


def _is_lambda_level(text: str) -> bool:
    return text in _LAMBDA_LEVELS


def _is_rate(text: str) -> bool:
    try:
        return 0 <= float(text) <= 1
    except ValueError:
        return False


def _is_seconds(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 6


def _is_daemon_address(text: str) -> bool:
    return re.fullmatch(_DAEMON_ADDRESS, text) is not None


def _is_dimension(text: str) -> bool:
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Dimension.html
    return bool(text.strip()) and text.isascii() and text.isprintable() and len(text) <= 1024


# Each optional variable: what it may say, and its default.
_OPTIONAL: dict[str, tuple[Callable[[str], bool], str]] = {
    "KEEP_ALIVE_SECONDS": (_is_seconds, f"{DEFAULT_KEEP_ALIVE_SECONDS}"),
    "POWERTOOLS_LOG_LEVEL": (_is_level, "INFO"),
    "LOG_LEVEL": (_is_level, "INFO"),
    "AWS_LAMBDA_LOG_LEVEL": (_is_lambda_level, "INFO"),
    "POWERTOOLS_LOGGER_SAMPLE_RATE": (_is_rate, "none"),
    "POWERTOOLS_LOG_DEDUPLICATION_DISABLED": (_is_boolean, "false"),
    "POWERTOOLS_METRICS_DISABLED": (_is_boolean, "false"),
    "POWERTOOLS_TRACE_DISABLED": (_is_boolean, "false"),
    "POWERTOOLS_DEBUG": (_is_boolean, "false"),
    "POWERTOOLS_DEV": (_is_boolean, "false"),
    "AWS_XRAY_DAEMON_ADDRESS": (_is_daemon_address, "127.0.0.1:2000"),
}


def _corrections(environment: Mapping[str, str]) -> list[Correction]:
    found = [
        Correction(name, _shown(environment[name]), f"as if it were not set; the default is {default}")
        for name, (is_usable, default) in _OPTIONAL.items()
        if name in environment and not is_usable(environment[name])
    ]
    service = environment.get("POWERTOOLS_SERVICE_NAME", "")
    if not _is_dimension(service):
        instead = environment.get("AWS_LAMBDA_FUNCTION_NAME") or "service_undefined"
        found.append(Correction("POWERTOOLS_SERVICE_NAME", _shown(service), instead, replacement=instead))
    return found


def _shown(value: str, longest: int = 24) -> str | None:
    """Return a value for the log; None if it is so long that somebody may have put a key or a text there by mistake."""
    return value if len(value) <= longest and value.isascii() and value.isprintable() else None

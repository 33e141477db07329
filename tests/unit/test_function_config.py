"""Settings from the environment: all of template.yaml's are read, and a bad one is named."""

import pytest

from firstbyte.config import Config, ConfigError, Correction, Guardrail
from firstbyte.meter import Objectives
from firstbyte.model_events import Usage
from tools import template_as_written

GOOD = {
    "AWS_REGION": "eu-central-1",
    "MODEL_IDS": "a.b, c.d",
    "FALLBACK_MODEL_ID": "c.d",
    "GUARDRAIL": "abcd1234efgh:1",
    "MAX_OUTPUT_TOKENS": "4096",
    "MAX_PROMPT_CHARS": "200000",
    "MODEL_IDLE_TIMEOUT_SECONDS": "60",
    "TTFT_OBJECTIVE_MS": "1500",
    "TPOT_OBJECTIVE_MS": "40",
    "KEEP_ALIVE_SECONDS": "15",
    "MODEL_PRICES": "a.b=1/2",
    "POWERTOOLS_SERVICE_NAME": "firstbyte",
}
OPTIONAL = {"FALLBACK_MODEL_ID", "GUARDRAIL", "KEEP_ALIVE_SECONDS", "MODEL_PRICES", "POWERTOOLS_SERVICE_NAME"}
WHOLE_NUMBERS = [name for name, value in GOOD.items() if value.isdigit() and name not in OPTIONAL]


def test_good_settings() -> None:
    config = Config.from_environment(GOOD)
    assert config == Config(
        region="eu-central-1",
        model_ids=("a.b", "c.d"),
        fallback_model_id="c.d",
        max_output_tokens=4096,
        max_prompt_chars=200000,
        model_idle_timeout_seconds=60,
        keep_alive_seconds=15,
        objectives=Objectives(ttft_ms=1500, tpot_ms=40),
        guardrail=Guardrail("abcd1234efgh", "1"),
        prices=config.prices,
        metrics_disabled=False,
        corrections=(),
    )
    assert config.prices.cost_usd("a.b", Usage(1_000_000, 1_000_000)) == 3


def test_a_model_that_is_its_own_fallback_is_one_model() -> None:
    config = Config.from_environment(GOOD | {"MODEL_IDS": "eu.a.b,eu.a.b", "FALLBACK_MODEL_ID": "eu.a.b"})
    assert (config.model_ids, config.fallback_model_id) == (("eu.a.b",), "eu.a.b")


@pytest.mark.parametrize("value", ["", " "])
def test_no_fallback(value: str) -> None:
    assert Config.from_environment(GOOD | {"FALLBACK_MODEL_ID": value}).fallback_model_id is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MODEL_IDS", ""),
        ("MODEL_IDS", "a.b,,c.d"),
        ("MODEL_IDS", "a.b,"),
        ("FALLBACK_MODEL_ID", "x.y"),
        ("AWS_REGION", ""),
        *[(name, value) for name in WHOLE_NUMBERS for value in ("", "0", "-1", "1.5", "many", "²")],
    ],
)
def test_bad_value_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name):
        Config.from_environment(GOOD | {name: value})


@pytest.mark.parametrize("name", sorted(GOOD.keys() - OPTIONAL))
def test_missing_variable_is_named(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} is not set"):
        Config.from_environment({key: value for key, value in GOOD.items() if key != name})


@pytest.mark.parametrize("version", ["1", "99999999", "DRAFT"])
def test_a_guardrail(version: str) -> None:
    config = Config.from_environment(GOOD | {"GUARDRAIL": f"abcdefgh1234:{version}"})
    assert config.guardrail == Guardrail("abcdefgh1234", version)
    assert config.corrections == ()


def test_no_guardrail() -> None:
    absent = {name: value for name, value in GOOD.items() if name != "GUARDRAIL"}
    assert Config.from_environment(absent).guardrail is None
    assert Config.from_environment(GOOD | {"GUARDRAIL": ""}).guardrail is None


@pytest.mark.parametrize(
    "value",
    [" ", "none", "abcdefgh1234", "abcdefgh1234:", ":1", "abcdefgh1234:0", "abcdefgh1234:draft", "abcdefgh1234:1\n",
     "ABCDEFGH1234:1", "abcdefgh1234:1:2", "abcdefgh1234:123456789", " abcdefgh1234:1", "abcdefgh1234 :1",
     "arn:aws:bedrock:eu-central-1:123456789012:guardrail/abcdefgh1234:1", "²:1"],
)  # fmt: skip
def test_no_answer_goes_out_without_the_guardrail_that_was_meant(value: str) -> None:
    with pytest.raises(ConfigError, match=r"GUARDRAIL must be ID:VERSION, .* or empty for none"):
        Config.from_environment(GOOD | {"GUARDRAIL": value})


# Each optional variable, values that are usable, and values of which no library must hear.
USABLE = {
    "KEEP_ALIVE_SECONDS": ("0", "1", "900"),
    "POWERTOOLS_LOG_LEVEL": ("INFO", "debug", "ERROR", "WARN"),
    "LOG_LEVEL": ("INFO", "CRITICAL"),
    "AWS_LAMBDA_LOG_LEVEL": ("DEBUG", "FATAL"),
    "POWERTOOLS_LOGGER_SAMPLE_RATE": ("0", "0.5", "1"),
    "POWERTOOLS_LOG_DEDUPLICATION_DISABLED": ("true", "0"),
    "POWERTOOLS_METRICS_DISABLED": ("TRUE", "off"),
    "POWERTOOLS_TRACE_DISABLED": ("yes", "n"),
    "POWERTOOLS_DEBUG": ("1", "f"),
    "POWERTOOLS_DEV": ("on", "false"),
    "AWS_XRAY_DAEMON_ADDRESS": ("169.254.79.129:2000", "tcp:127.0.0.1:2000 udp:127.0.0.2:2001"),
    "POWERTOOLS_SERVICE_NAME": ("firstbyte", "a b"),
}
NOT_USABLE = {
    "KEEP_ALIVE_SECONDS": ("-1", "1.5", "²", "many", "1000000"),
    "POWERTOOLS_LOG_LEVEL": ("TRACE", "OFF", "NOTSET", "5"),
    "LOG_LEVEL": ("TRACE", "OFF", "NOTSET", "5"),
    "AWS_LAMBDA_LOG_LEVEL": ("TRACE", "OFF", "WARNING"),
    "POWERTOOLS_LOGGER_SAMPLE_RATE": ("half", "2", "-1", "nan", "1,0"),
    **{name: ("maybe", "2", " true") for name in USABLE if name.endswith(("DISABLED", "_DEBUG", "_DEV"))},
    "AWS_XRAY_DAEMON_ADDRESS": ("localhost", "a:b", "udp:1.2.3.4:5", "[::1]:2000", "1.2.3.4:2000 "),
    "POWERTOOLS_SERVICE_NAME": ("Grüße", "a\nb", "x" * 1025),
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in USABLE.items() for value in values])
def test_usable_settings_are_left_alone(name: str, value: str) -> None:
    assert Config.from_environment(GOOD | {name: value}).corrections == ()


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in NOT_USABLE.items() for value in ("", " ", *values)]
)
def test_an_optional_setting_that_is_not_usable_is_taken_out_and_named(name: str, value: str) -> None:
    environment = GOOD | {"AWS_LAMBDA_FUNCTION_NAME": "firstbyte-function", name: value}
    config = Config.from_environment(environment)
    (correction,) = config.corrections
    assert correction.variable == name
    assert correction.instead
    assert correction.value == (value if len(value) <= 24 and value.isascii() and value.isprintable() else None)
    correction.apply(environment)
    assert environment.get(name) == ("firstbyte-function" if name == "POWERTOOLS_SERVICE_NAME" else None)
    assert Config.from_environment(environment).corrections == ()
    assert config.keep_alive_seconds == (10 if name == "KEEP_ALIVE_SECONDS" else 15)
    assert not config.metrics_disabled


def test_optional_settings_may_be_missing() -> None:
    config = Config.from_environment({name: value for name, value in GOOD.items() if name not in OPTIONAL})
    assert [correction.variable for correction in config.corrections] == ["POWERTOOLS_SERVICE_NAME"]
    assert config.keep_alive_seconds == 10


@pytest.mark.parametrize("value", ["true", "1", "ON"])
def test_metrics_are_switched_off_by_saying_so(value: str) -> None:
    assert Config.from_environment(GOOD | {"POWERTOOLS_METRICS_DISABLED": value}).metrics_disabled


def test_a_wrong_price_costs_its_own_model_alone() -> None:
    config = Config.from_environment(GOOD | {"MODEL_PRICES": "a.b=1.2.3/4, c.d=3/4"})
    assert config.corrections == (Correction("MODEL_PRICES", "a.b=1.2.3/4", "no price"),)
    million = Usage(1_000_000, 1_000_000)
    assert (config.prices.cost_usd("a.b", million), config.prices.cost_usd("c.d", million)) == (None, 7)


def test_what_may_be_a_key_is_not_shown() -> None:
    config = Config.from_environment(GOOD | {"LOG_LEVEL": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"})
    assert [correction.value for correction in config.corrections] == [None]


def test_template_sets_every_variable() -> None:
    template = template_as_written()
    variables = template["Resources"]["StreamingFunction"]["Properties"]["Environment"]["Variables"]
    assert GOOD.keys() - {"AWS_REGION"} <= variables.keys()  # Lambda itself gives the region

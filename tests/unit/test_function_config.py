"""Settings from the environment: all of template.yaml's are read, and a bad one is named."""

import pytest

from firstbyte.config import Config, ConfigError
from firstbyte.meter import Objectives
from firstbyte.model_events import Usage
from tools import template_as_written

GOOD = {
    "AWS_REGION": "eu-central-1",
    "MODEL_IDS": "a.b, c.d",
    "FALLBACK_MODEL_ID": "c.d",
    "MAX_OUTPUT_TOKENS": "4096",
    "MAX_PROMPT_CHARS": "200000",
    "MODEL_IDLE_TIMEOUT_SECONDS": "60",
    "TTFT_OBJECTIVE_MS": "1500",
    "TPOT_OBJECTIVE_MS": "40",
    "MODEL_PRICES": "a.b=1/2",
}
WHOLE_NUMBERS = [name for name, value in GOOD.items() if value.isdigit()]


def test_good_settings() -> None:
    config = Config.from_environment(GOOD)
    assert config == Config(
        "eu-central-1", ("a.b", "c.d"), "c.d", 4096, 200000, 60, Objectives(ttft_ms=1500, tpot_ms=40), config.prices
    )
    assert config.prices.cost_usd("a.b", Usage(1_000_000, 1_000_000)) == 3


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
        ("MODEL_PRICES", "a.b=1"),
        *[(name, value) for name in WHOLE_NUMBERS for value in ("", "0", "-1", "1.5", "many", "²")],
    ],
)
def test_bad_value_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name):
        Config.from_environment(GOOD | {name: value})


@pytest.mark.parametrize("name", sorted(GOOD.keys() - {"FALLBACK_MODEL_ID", "MODEL_PRICES"}))
def test_missing_variable_is_named(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} is not set"):
        Config.from_environment({key: value for key, value in GOOD.items() if key != name})


def test_template_sets_every_variable() -> None:
    template = template_as_written()
    variables = template["Resources"]["StreamingFunction"]["Properties"]["Environment"]["Variables"]
    assert GOOD.keys() - {"AWS_REGION"} <= variables.keys()  # Lambda itself gives the region

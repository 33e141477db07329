"""Prices as an operator writes them, and what an answer costs."""

import pytest

from firstbyte.model_events import Usage
from firstbyte.pricing import parse_prices

TABLE = "a.b-v1:0=0.06/0.24, c.d=3/15/0.3/3.75"


@pytest.mark.parametrize(
    ("model_id", "usage", "dollars"),
    [
        ("a.b-v1:0", Usage(1000, 500), 0.00018),
        ("us.a.b-v1:0", Usage(1000, 500), 0.00018),
        ("a.b-v1:0", Usage(0, 0), 0),
        ("a.b-v1:0", Usage(1000, 500, 0, 0), 0.00018),
        ("a.b-v1:0", Usage(1000, 500, 1, 0), None),
        ("a.b-v1:0", Usage(None, 500), None),
        ("a.b-v1:0", Usage(1000, None), None),
        ("c.d", Usage(100, 200, 3000, 4000), 0.0003 + 0.003 + 0.0009 + 0.015),
        ("c.d", Usage(100, 200), 0.0033),
        ("b-v1:0", Usage(1, 1), None),
        ("e.f", Usage(1, 1), None),
    ],
)
def test_cost(model_id: str, usage: Usage, dollars: float | None) -> None:
    assert parse_prices(TABLE).cost_usd(model_id, usage) == (None if dollars is None else pytest.approx(dollars))


def test_an_exact_id_goes_before_its_geography() -> None:
    prices = parse_prices("a.b=1/1,us.a.b=2/2")
    assert prices.cost_usd("us.a.b", Usage(1_000_000, 0)) == 2
    assert prices.cost_usd("eu.a.b", Usage(1_000_000, 0)) == 1


@pytest.mark.parametrize("text", ["", " ", ","])
def test_no_prices(text: str) -> None:
    assert parse_prices(text).cost_usd("a.b", Usage(1, 1)) is None


@pytest.mark.parametrize(
    "entry",
    ["a.b", "a.b=", "a.b=1", "a.b=1/2/3", "a.b=1/2/3/4/5", "a.b=1/x", "a.b=-1/2", "a.b=1/nan", "=1/2", "a.b=1/²"],
)
def test_an_entry_that_is_none_is_shown(entry: str) -> None:
    with pytest.raises(ValueError, match="is no price; write MODEL=") as raised:
        parse_prices(f"c.d=1/2,{entry}")
    assert repr(entry) in str(raised.value)


def test_two_prices_for_one_model() -> None:
    with pytest.raises(ValueError, match=r"a\.b has two prices"):
        parse_prices("a.b=1/2,a.b=1/2")

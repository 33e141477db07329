"""Prices as an operator writes them, and what an answer costs."""

import re

import pytest

from firstbyte.model_events import Usage
from firstbyte.pricing import parse_prices
from tools import template_as_written

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
    assert parse_prices(TABLE)[0].cost_usd(model_id, usage) == (None if dollars is None else pytest.approx(dollars))


def test_an_exact_id_goes_before_its_geography() -> None:
    prices, _ = parse_prices("a.b=1/1,us.a.b=2/2")
    assert prices.cost_usd("us.a.b", Usage(1_000_000, 0)) == 2
    assert prices.cost_usd("eu.a.b", Usage(1_000_000, 0)) == 1


@pytest.mark.parametrize("text", ["", " ", ","])
def test_no_prices(text: str) -> None:
    prices, wrong = parse_prices(text)
    assert (prices.cost_usd("a.b", Usage(1, 1)), wrong) == (None, [])


PATTERN = template_as_written()["Parameters"]["ModelPrices"]["AllowedPattern"]
FORMS = ["a.b", "a.b=", "a.b=1", "a.b=1/2/3", "a.b=1/2/3/4/5", "a.b=1/x", "a.b=-1/2", "a.b=1/nan", "a.b=inf/2", "=1/2"]
FORMS += ["a.b=1.2.3/4", "a.b=1/²", "a.b=1./2", "a.b=./1", "a.b=1e3/2", "a.b=1/2/.3/4..", "a.b==1/2"]


@pytest.mark.parametrize("entry", FORMS)
def test_a_wrong_entry_is_told_and_the_others_count(entry: str) -> None:
    prices, wrong = parse_prices(f"c.d=1/2,{entry}, e.f=3/4")
    assert wrong == [entry]
    million = Usage(1_000_000, 1_000_000)
    assert [prices.cost_usd(name, million) for name in ("a.b", "c.d", "e.f")] == [None, 3, 7]
    assert not re.fullmatch(PATTERN, f"c.d=1/2,{entry}"), "the template lets it pass"


@pytest.mark.parametrize("text", ["", TABLE, " a.b-v1:0=.5/0.24 ", "a=1/2,b=0/0/0/0"])
def test_the_template_takes_what_prices_look_like(text: str) -> None:
    assert re.fullmatch(PATTERN, text)
    assert parse_prices(text)[1] == []


def test_more_than_a_million_dollars_is_no_price() -> None:
    assert parse_prices(f"a=1000000/1,b=1/{'9' * 400},c=999999/1")[1] == ["a=1000000/1", f"b=1/{'9' * 400}"]


def test_different_prices_for_one_model_are_none() -> None:
    prices, wrong = parse_prices("a.b=1/2,a.b=1/3,c.d=1/2,c.d=1/2")
    assert wrong == ["a.b has 2 prices"]
    assert (prices.cost_usd("a.b", Usage(1, 1)), prices.cost_usd("c.d", Usage(1_000_000, 0))) == (None, 1)

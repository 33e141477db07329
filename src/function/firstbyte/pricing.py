"""What tokens cost, from a table that the operator sets, because Bedrock's API has no prices."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from firstbyte.model_events import Usage
from firstbyte.model_ids import without_geography

# The template's parameter ModelPrices takes the same.
_NUMBER = re.compile(r"[0-9]*\.?[0-9]+")
_TOO_MUCH = 1_000_000


class Price(NamedTuple):
    """US dollars for a million tokens. None means that a price is unknown."""

    input: float
    output: float
    cache_read: float | None = None
    cache_write: float | None = None


class Prices:
    """Prices by model id.

    Args:
        by_model: prices by model id. An id without a geography also stands for the model's inference profiles.
    """

    def __init__(self, by_model: Mapping[str, Price]) -> None:
        self._by_model = by_model

    def cost_usd(self, model_id: str, usage: Usage) -> float | None:
        """Return what an answer costs in US dollars; None if one of its prices or token counts is unknown."""
        price = self._by_model.get(model_id) or self._by_model.get(without_geography(model_id))
        if price is None:
            return None
        parts = (
            (usage.input_tokens, price.input),
            (usage.output_tokens, price.output),
            # Bedrock counts cached tokens apart from the input tokens. A model without a cache reports none.
            (usage.cache_read_input_tokens or 0, price.cache_read),
            (usage.cache_write_input_tokens or 0, price.cache_write),
        )
        cost = 0.0
        for tokens, dollars in parts:
            if tokens is None or (tokens and dollars is None):
                return None
            cost += tokens * (dollars or 0) / 1_000_000
        return round(cost, 12)


def parse_prices(text: str) -> tuple[Prices, list[str]]:
    """Return the prices that a text lists, and the entries that are none.

    A wrong entry costs the price of its own model alone. Of a model with two different prices, none counts.

    Args:
        text: entries `MODEL=INPUT/OUTPUT` or `MODEL=INPUT/OUTPUT/CACHE_READ/CACHE_WRITE`, separated by commas, in US
            dollars for a million tokens. It may be empty.
    """
    prices: dict[str, set[Price]] = {}
    wrong = []
    for entry in filter(None, (part.strip() for part in text.split(","))):
        model_id, _, numbers = entry.rpartition("=")
        values = [_dollars(number) for number in numbers.split("/")]
        match values:
            case [float(), float()] | [float(), float(), float(), float()] if model_id and "=" not in model_id:
                prices.setdefault(model_id, set()).add(Price(*values))  # type: ignore[arg-type]
            case _:
                wrong.append(entry)
    wrong += [f"{model_id} has {len(found)} prices" for model_id, found in prices.items() if len(found) > 1]
    return Prices({model_id: found.pop() for model_id, found in prices.items() if len(found) == 1}), wrong


def _dollars(text: str) -> float | None:
    # Nothing costs a million dollars, and the product with any count of tokens stays a number.
    return float(text) if _NUMBER.fullmatch(text) and float(text) < _TOO_MUCH else None

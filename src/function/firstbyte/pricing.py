"""What tokens cost, from a table that the operator sets, because Bedrock's API has no prices."""

from collections.abc import Mapping
from dataclasses import dataclass

from firstbyte.model_events import Usage


@dataclass(frozen=True, slots=True)
class Price:
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
        price = self._by_model.get(model_id) or self._by_model.get(model_id.partition(".")[2])
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


def parse_prices(text: str) -> Prices:
    """Return the prices that a text lists.

    Args:
        text: entries `MODEL=INPUT/OUTPUT` or `MODEL=INPUT/OUTPUT/CACHE_READ/CACHE_WRITE`, separated by commas, in US
            dollars for a million tokens. It may be empty.

    Raises:
        ValueError: an entry has another form, or a model has two prices; the message shows it.
    """
    prices = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        model_id, _, numbers = entry.rpartition("=")
        try:
            values = [_dollars(number) for number in numbers.split("/")]
            if not model_id or len(values) not in (2, 4):
                raise ValueError
        except ValueError:
            form = "MODEL=INPUT/OUTPUT or MODEL=INPUT/OUTPUT/CACHE_READ/CACHE_WRITE, in dollars for a million tokens"
            raise ValueError(f"{entry!r} is no price; write {form}") from None
        if model_id in prices:
            raise ValueError(f"{model_id} has two prices; give one")
        prices[model_id] = Price(*values)
    return Prices(prices)


def _dollars(text: str) -> float:
    if not text.replace(".", "", 1).isdigit() or not text.isascii():
        raise ValueError
    return float(text)

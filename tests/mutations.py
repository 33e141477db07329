"""Strategies that spoil what is valid: JSON documents, texts and bytes, each a step or a few away from the sample.

Random bytes alone reach no further than the first check of a reader. A test that uses these strategies counts its
examples with `examples`, so that one profile makes all of them search longer.
"""

import copy
import json
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

# What Python cannot hold, or `json.dumps` cannot write, as `as_json` writes it in the place of these texts.
_RAW = {
    "<deep>": "[" * 900 + "]" * 900,  # Python's own reader takes this
    "<deeper>": '{"a":[' * 490 + "]}" * 490,
    "<deepest>": "[" * 100_000 + "]" * 100_000,
    "<1e999>": "1e999",
    "<-1e999>": "-1e999",
    "<digits>": "9" * 5000,  # more than Python converts
    "<4000 digits>": "9" * 4000,
    "<a key twice>": '{"a":1,"a":2}',
}
_TEXTS = (
    *(
        "",
        " ",
        "\0",
        "\n",
        "\r\nx-added: 1",
        "\x1b[2J",
        "\x85\u2028",
        "\ud800",
        "\udfff\ud800",
        "\ufffe",
        "é😀",
        "'",
        '"',
    ),
    *("null", "0", "-1", "1e999", "NaN", "$p0", "%s{0}{", "[[sandbox:", "../..", "a" * 300, "é" * 2000),
)
_NUMBERS = (0, -1, 1, 2, 59, 60, 2**31, 2**53 + 1, 2**63, 2**64, 10**18, 10**40, -(10**40), 0.5, -0.0, 1e-320, 1e308)
_NOT_FINITE = (float("inf"), float("-inf"), float("nan"))
_EMPTY: tuple[Any, ...] = (None, True, False, [], {}, [[]], [None], {"": None}, [{}])

ODD_TEXTS: st.SearchStrategy[str] = st.sampled_from(_TEXTS) | st.text(max_size=20)
"""Texts that a reader may not expect."""
ODD_VALUES: st.SearchStrategy[Any] = (
    st.sampled_from((*_EMPTY, *_NUMBERS, *_NOT_FINITE, *_RAW)) | ODD_TEXTS | st.integers() | st.floats()
)
"""Values for `as_json`; those in angle brackets become JSON that no Python value makes."""


def examples(share: float) -> settings:
    """A test's share of the examples of the profile that is loaded."""
    wanted = max(1, int(settings.default.max_examples * share)) if settings.default else 1
    return settings(max_examples=wanted, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def as_json(value: Any) -> str:
    """The value as JSON of ASCII characters, with NaN and the like as Python writes them."""
    return re.sub(r'"(<[^">]+>)"', lambda found: _RAW.get(found[1], found[0]), json.dumps(value))


@st.composite
def spoiled(draw: st.DrawFn, *documents: Any) -> Any:
    """One of the documents with up to three changes: values replaced, left out, renamed, doubled or copied."""
    document = copy.deepcopy(draw(st.sampled_from(documents)))
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(list(_paths(document))))
        if not path:
            document = copy.deepcopy(draw(ODD_VALUES | st.just([document]) | st.just({"a": document})))
            continue
        *above, key = path
        parent = document
        for step in above:
            parent = parent[step]
        match draw(st.sampled_from(("replace", "replace", "replace", "remove", "rename", "double", "borrow"))):
            case "replace":
                parent[key] = copy.deepcopy(draw(ODD_VALUES))
            case "remove":
                del parent[key]
            case "rename" if isinstance(parent, dict):
                parent[draw(ODD_TEXTS)] = parent.pop(key)
            case "double" if isinstance(parent, list):
                parent[key:key] = copy.deepcopy(parent[key : key + 1]) * draw(st.sampled_from((1, 2, 120)))
            case "borrow":
                other: Any = document
                for step in draw(st.sampled_from(list(_paths(document)))):
                    other = other[step]
                parent[key] = copy.deepcopy(other)
    return document


@st.composite
def spoiled_bytes(draw: st.DrawFn, *samples: bytes) -> bytes:
    """One of the samples with up to three changes: cut, bytes put in, changed, left out or repeated."""
    data = draw(st.sampled_from(samples))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.sampled_from((0, 1, 1, 2, 4, 16, 10**9))))
        new = draw(
            st.binary(max_size=8)
            | st.just(data[start:end] * 2)
            | st.sampled_from((b"\r\n", b"\n\n", b"\0", b"\xff\xfe", b"\x80", b":", b'"', b"9" * 30, b"f" * 20, b"-"))
        )
        data = data[:start] + new + data[end:]
    return data


@st.composite
def spoiled_text(draw: st.DrawFn, *samples: str) -> str:
    """One of the samples with words left out, repeated, or replaced by words of the others or odd texts."""
    words = [re.findall(r"\w+|\s+|.", sample, re.DOTALL) for sample in samples]
    chosen = list(draw(st.sampled_from(words)))
    others = sorted({word for sample in words for word in sample})
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(chosen)))
        end = min(len(chosen), start + draw(st.integers(0, 3)))
        new = draw(st.lists(st.sampled_from(others) | ODD_TEXTS, max_size=3) | st.just(chosen[start:end] * 2))
        chosen[start:end] = new
    return "".join(chosen)


def in_pieces(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    """The data cut at these places, each counted modulo its length."""
    places = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(places)]


CUTS: st.SearchStrategy[list[int]] = st.lists(st.integers(0, 10_000), max_size=4)
"""For `in_pieces`."""


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from _paths(part, (*path, key))

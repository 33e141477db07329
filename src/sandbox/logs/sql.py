"""What both query languages need to become SQL: parameters in place of the client's text, and values out of JSON."""

from collections.abc import Iterable
from typing import Any

MACROS = (
    # Lines that are no JSON are the rule; DuckDB's JSON functions raise at them.
    "as_object(text) AS CASE WHEN TRY(json_type(text)) = 'OBJECT' THEN text END",
    # The first of the pointers that leads to a value; objects and arrays are none.
    """leaf(object, pointers) AS list_filter(
        json_extract(object, pointers), lambda value: json_type(value) NOT IN ('OBJECT', 'ARRAY')
    )[1]""",
    # DuckDB's cast alone would also take `inf`, `1_000` and blanks.
    r"""as_number(text) AS TRY_CAST(
        regexp_extract(text, '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?$') AS DOUBLE
    )""",
    """number_text(number) AS CASE
        WHEN number = trunc(number) AND abs(number) < 1e18 THEN number::BIGINT::VARCHAR
        WHEN isfinite(number) THEN number::VARCHAR
    END""",
)


class Parameters(dict[str, Any]):
    """The values of one statement, by the names that stand for them in its text."""

    def add(self, value: Any) -> str:
        """Keep the value; return what stands for it."""
        name = f"p{len(self)}"
        self[name] = value
        return f"${name}"


def json_pointer(keys: Iterable[str]) -> str:
    """Return the pointer that leads through these keys and indices (RFC 6901)."""
    return "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys)

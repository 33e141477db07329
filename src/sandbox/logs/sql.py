"""What both query languages need to become SQL: parameters in place of the client's text, and values out of JSON."""

import re
from typing import Any

MACROS = (
    # Lines that are no JSON are the rule; DuckDB's JSON functions raise at them.
    "as_object(text) AS CASE WHEN TRY(json_type(text)) = 'OBJECT' THEN text END",
    # The value that a JSON pointer (RFC 6901) leads to, as a text; objects, arrays and null are none.
    """leaf(object, pointer) AS CASE
        WHEN json_type(object, pointer) NOT IN ('OBJECT', 'ARRAY') THEN json_extract_string(object, pointer)
    END""",
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
    """The values that statements refer to, by the names that stand for them in the text."""

    def add(self, value: Any) -> str:
        """Keep the value; return what stands for it."""
        name = f"p{len(self)}"
        self[name] = value
        return f"${name}"

    def used_in(self, sql: str) -> dict[str, Any]:
        """Return the values that the statement refers to: DuckDB takes no others."""
        return {name: self[name] for name in re.findall(r"\$(p[0-9]+)", sql)}

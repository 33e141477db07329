"""What lines are called: labels of rows, or what tells them apart, and values in place of `${AVG}` and its like.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/graph-dynamic-labels.html
"""

import re
from collections.abc import Callable, Mapping, Sequence

from console.dashboard.rows import Row
from console.figures import figure

_VALUES: Mapping[str, Callable[[Sequence[float]], float]] = {
    "AVG": lambda values: sum(values) / len(values),
    "MIN": min,
    "MAX": max,
    "SUM": sum,
    "LAST": lambda values: values[-1],
    "FIRST": lambda values: values[0],
    "DATAPOINT_COUNT": len,
}
_DYNAMIC = re.compile(r"\$\{([A-Z_]+)(?:\('([^']*)'\))?\}")


def row_labels(rows: Sequence[Row], default_stat: str) -> list[str]:
    """Return the label of each row; one that has none is called by what tells it from the others."""
    stats = [str(row.options.get("stat", default_stat)) for row in rows]
    metrics = [row for row in rows if row.names]
    differ_in_stat = len({stat for row, stat in zip(rows, stats, strict=True) if row.names}) > 1
    shared = set.intersection(*(set(row.dimensions.items()) for row in metrics)) if metrics else set()
    labels = []
    for row, stat in zip(rows, stats, strict=True):
        if "label" in row.options:
            labels.append(str(row.options["label"]))
        elif row.names:
            apart = [value for name, value in row.dimensions.items() if (name, value) not in shared]
            labels.append(" ".join([row.names[1], *apart, *([stat] if differ_in_stat else [])]))
        else:
            labels.append(str(row.options.get("id", row.expression)))
    return labels


def with_values(label: str, row: Row, stat: str, values: Sequence[float]) -> str:
    """Return a label with values in place of its dynamic parts; what is not known stays as it is."""

    def value(found: re.Match[str]) -> str:
        name, argument = found[1], found[2]
        if name in _VALUES and argument is None:
            return figure(_VALUES[name](values)) if values else "--"
        if name == "LABEL" and row.names:
            return row.names[1]
        if name == "PROP" and row.names:
            known = {"Namespace": row.names[0], "MetricName": row.names[1], "Stat": stat}
            dimensions = {f"Dim.{key}": text for key, text in row.dimensions.items()}
            return {**known, **dimensions}.get(argument, found[0])
        return found[0]

    return _DYNAMIC.sub(value, label)

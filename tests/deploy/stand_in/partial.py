"""What can be said of a template before it has any resource: the functions of what is not known yet stay."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from template.intrinsics import Resolver


class PartialResolver(Resolver):
    """Resolves what needs nothing but parameters and pseudo parameters; every other function stays as it is written."""

    def __init__(self, values: Mapping[str, Any], conditions: Mapping[str, Any], mappings: Mapping[str, Any]) -> None:
        names = (values, conditions, mappings, _not_known, Path())
        super().__init__(*names)
        self._whole = Resolver(*names)

    def call(self, name: str, argument: Any, where: str) -> Any:
        """Return the function's value, or the function with what is known in its argument."""
        if name == "Fn::If":
            return super().call(name, argument, where)  # a condition is always known, and its branch may stay in part
        try:
            return self._whole.call(name, argument, where)
        except _UnknownError:
            return {name: self.resolve(argument, where)}


class _UnknownError(Exception):
    """What a reference stands for cannot be said yet."""


def _not_known(_logical_id: str, _attribute: str | None, _where: str) -> NoReturn:
    raise _UnknownError

"""The rule of a composite alarm: which alarms have to be on, joined by AND, OR and parentheses.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html
"""

from collections.abc import Set
from dataclasses import dataclass

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedInput

# The documentation does not say what binds closer. Here it is AND, as everywhere.
_GRAMMAR = Lark(
    r"""
    ?start: or
    ?or: and ("OR" and)*
    ?and: term ("AND" term)*
    ?term: "ALARM" "(" NAME ")" | "(" or ")"
    NAME: /"[^"]+"/
    %ignore /\s+/
    """,
    parser="lalr",
)


@dataclass(frozen=True)
class Rule:
    """A rule, parsed."""

    tree: Tree[Token] | Token

    @property
    def children(self) -> frozenset[str]:
        """The names of the alarms in the rule."""
        tokens = [self.tree] if isinstance(self.tree, Token) else self.tree.scan_values(lambda _: True)
        return frozenset(map(_name, tokens))

    def holds(self, on: Set[str]) -> bool:
        """Tell whether the rule is fulfilled while these alarms, and no others, are in the state ALARM."""
        return _holds(self.tree, on)


def parse_rule(text: str) -> Rule:
    """Return the rule that a text says.

    Args:
        text: as in `AlarmRule`, with the alarms' names in quotes.

    Raises:
        ValueError: it is no rule, or has what the sandbox does not support, such as NOT.
    """
    try:
        return Rule(_GRAMMAR.parse(text))
    except UnexpectedInput as error:
        place = error.pos_in_stream or 0
        raise ValueError(
            f'the sandbox\'s alarms support ALARM("NAME"), AND, OR and parentheses, '
            f"not {text[place : place + 30]!r} at character {place + 1}"
        ) from None


def _holds(node: Tree[Token] | Token, on: Set[str]) -> bool:
    if isinstance(node, Token):
        return _name(node) in on
    join = any if node.data == "or" else all
    return join(_holds(child, on) for child in node.children)


def _name(token: Token) -> str:
    return token.strip('"')

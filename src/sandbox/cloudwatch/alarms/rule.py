"""The rule of a composite alarm: what the states of other alarms make of it.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedInput, VisitError

# The documentation does not say what binds closer; it is NOT, then AND, then OR, as everywhere.
_GRAMMAR = Lark(
    r"""
    ?start: disjunction
    ?disjunction: conjunction (_OR conjunction)*
    ?conjunction: negation (_AND negation)*
    ?negation: term | _NOT negation -> without
    ?term: "(" disjunction ")"
        | STATE "(" (QUOTED | WORD) ")" -> condition
        | CONSTANT -> constant
    STATE: "ALARM" | "OK" | "INSUFFICIENT_DATA"
    CONSTANT.2: /(TRUE|FALSE)(?![^\s()])/
    _OR.2: /OR(?![^\s()])/
    _AND.2: /AND(?![^\s()])/
    _NOT.2: /NOT(?![^\s()])/
    QUOTED: /"[^"]+"/
    WORD: /[^\s()"]+/
    %ignore /\s+/
    """,
    parser="lalr",
)

States = Mapping[str, str]
"""The states of alarms by their names."""


@dataclass(frozen=True)
class Rule:
    """A rule.

    Attributes:
        children: the names of the alarms in it.
        holds: tells whether it does, from its children's states.
    """

    children: frozenset[str]
    holds: Callable[[States], bool]


def parse_rule(text: str, names: Mapping[str, str]) -> Rule:
    """Return the rule that a text says.

    Args:
        text: as in `AlarmRule`.
        names: what a rule can call an alarm by, its name or its ARN, and the alarm's name.

    Raises:
        ValueError: it is none, or names an alarm that does not exist.
    """
    conditions = _Conditions(names)
    try:
        holds = conditions.transform(_GRAMMAR.parse(text))
    except UnexpectedInput as error:
        place = error.pos_in_stream or 0
        raise ValueError(f"syntax error at character {place + 1}, before {text[place : place + 30]!r}") from None
    except VisitError as error:
        raise ValueError(f"there is no alarm {error.orig_exc.args[0]}") from None
    except RecursionError:
        raise ValueError("too many conditions within each other") from None
    return Rule(frozenset(conditions.children), holds)


@v_args(inline=True)
class _Conditions(Transformer[Token, Callable[[States], bool]]):
    def __init__(self, names: Mapping[str, str]) -> None:
        super().__init__()
        self._names = names
        self.children: set[str] = set()

    def disjunction(self, *conditions: Callable[[States], bool]) -> Callable[[States], bool]:
        return lambda states: any(condition(states) for condition in conditions)

    def conjunction(self, *conditions: Callable[[States], bool]) -> Callable[[States], bool]:
        return lambda states: all(condition(states) for condition in conditions)

    def without(self, condition: Callable[[States], bool]) -> Callable[[States], bool]:
        return lambda states: not condition(states)

    def condition(self, state: Token, reference: Token) -> Callable[[States], bool]:
        name = self._names[reference.strip('"')]
        self.children.add(name)
        return lambda states: states[name] == state

    def constant(self, word: Token) -> Callable[[States], bool]:
        return lambda _: word == "TRUE"

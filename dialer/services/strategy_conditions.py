"""Read what a strategy asks of contacts: conditions, and the restrictions, senders and selectors that are made of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import yaml

from dialer.domain.condition import ARITY, Condition, Operator
from dialer.domain.restriction import CustomRestriction, Restriction, RestrictionKind
from dialer.domain.selector import Branch, Selector
from dialer.domain.strategy import DONE, Sender
from dialer.services.marked_yaml import Mistakes, Table, suggest
from dialer.services.strategy_results import NAME

_SENDER = re.compile(r"\+[0-9]{3,15}")

_OPERATORS = tuple(one.value for one in Operator)
_EXAMPLE = "for example {attribute: city, equals: Boston}"
_LEAST_RECHECK_S, _MOST_RECHECK_S = 1.0, 30 * 24 * 3600.0


def read_when(table: Table, key: str, *, required: bool = True) -> tuple[Condition, ...]:
    """The conditions under a key: one, or a list of which all must hold."""
    node = table.values.get(key)
    if node is None:
        if required:
            table.bad(key, "is missing", _EXAMPLE)
        return ()
    at = table.path(key)
    if isinstance(node, yaml.SequenceNode):
        if not node.value:
            table.bad(key, "must have at least one entry", _EXAMPLE)
        read = [_condition(one, f"{at}[{index}]", table.mistakes) for index, one in enumerate(node.value)]
    else:
        read = [_condition(node, at, table.mistakes)]
    return tuple(one for one in read if one is not None)


def read_restrictions(call: Table) -> tuple[tuple[Restriction, ...], tuple[CustomRestriction, ...]]:
    """The list `restrictions`: those with conditions, and those that a program judges."""
    found: list[Restriction] = []
    custom: list[CustomRestriction] = []
    for at, node in call.items("restrictions"):
        table = Table.read(node, at, call.mistakes, ("when", "unless", "custom", "type", "recheck_s"))
        if table is None:
            continue
        kinds = [one.value for one in RestrictionKind]
        kind = table.text("type", RestrictionKind.PERMANENT.value)
        if kind not in kinds:
            table.bad("type", f"{kind!r} is no type of restriction", suggest(kind, kinds))
            kind = RestrictionKind.PERMANENT.value
        if table.has("custom"):
            custom.append(_custom(table, RestrictionKind(kind)))
            continue
        if table.has("recheck_s") and kind == RestrictionKind.PERMANENT:
            table.bad("recheck_s", "has no meaning: a permanent restriction is not looked at again", "or say `type: temporary`")
        found.append(
            Restriction(
                when=read_when(table, "when"),
                unless=read_when(table, "unless", required=False),
                kind=RestrictionKind(kind),
                recheck_s=table.number("recheck_s", 60.0, least=_LEAST_RECHECK_S, most=_MOST_RECHECK_S),
            )
        )
    return tuple(found), tuple(custom)


def _custom(table: Table, kind: RestrictionKind) -> CustomRestriction:
    name = table.text("custom")
    if not NAME.fullmatch(name):
        table.bad("custom", "must be the name of a custom restriction")
    for key in ("when", "unless"):
        if table.has(key):
            table.bad(key, "has no place beside `custom`", "the program judges; conditions are a restriction of their own")
    recheck_s = table.number("recheck_s", 60.0, least=_LEAST_RECHECK_S, most=_MOST_RECHECK_S)
    return CustomRestriction(name=name, kind=kind, recheck_s=recheck_s)


@dataclass(frozen=True, slots=True)
class Shown:
    """What can be a sender: the key under which it stands, and what to say where it cannot be it."""

    key: str
    can_be: Callable[[str], bool]
    what: str
    mend: str

    def check(self, table: Table, key: str) -> str:
        """What stands under a key; a mistake where it cannot be a sender."""
        text = table.text(key)
        if table.has(key) and not self.can_be(text):
            table.bad(key, self.what, self.mend)
        return text


NUMBER = Shown("number", lambda text: bool(_SENDER.fullmatch(text)), "must be a number in E.164", 'for example "+15550100"')


def read_senders(handler: Table, shown: Shown) -> tuple[Sender, ...]:
    """The list `senders`."""
    found = []
    for at, node in handler.items("senders"):
        table = Table.read(node, at, handler.mistakes, ("when", shown.key))
        if table is None:
            continue
        if not table.has(shown.key):
            table.bad(shown.key, "is missing")
        found.append(Sender(when=read_when(table, "when"), shown=shown.check(table, shown.key)))
    return tuple(found)


def read_selector(handler: Table, places: dict[str, int]) -> Selector:
    """The table `selector` of a handler. Notes in `places` where each branch stands."""
    table = Table.read(handler.values["selector"], handler.path("selector"), handler.mistakes, ("conditions", "otherwise"))
    if table is None:
        return Selector(branches=(), otherwise=DONE)
    branches: list[Branch] = []
    for at, node in table.items("conditions", required=True):
        one = Table.read(node, at, table.mistakes, ("when", "next_state"))
        if one is not None:
            places[f"selector.conditions[{len(branches)}]"] = one.values.get("next_state", one.node).start_mark.line + 1
            branches.append(Branch(when=read_when(one, "when"), state=one.text("next_state", DONE, required=True)))
    places["selector.otherwise"] = table.keys.get("otherwise", table.node).start_mark.line + 1
    return Selector(branches=tuple(branches), otherwise=table.text("otherwise", DONE))


def _condition(node: yaml.Node, at: str, mistakes: Mistakes) -> Condition | None:
    table = Table.read(node, at, mistakes, ("attribute", *_OPERATORS))
    if table is None:
        return None
    attribute = table.text("attribute", required=True)
    asked = [name for name in table.values if name in _OPERATORS]
    if len(asked) != 1:
        what = f"has {len(asked)} operators" if asked else "has no operator"
        mistakes.add(node, at, f"{what}, and needs one", f"one of {', '.join(_OPERATORS)}")
        return None
    operator = Operator(asked[0])
    values = _values(table, operator)
    return None if values is None else Condition(attribute=attribute, operator=operator, values=values)


def _values(table: Table, operator: Operator) -> tuple[str, ...] | None:
    name, (least, most) = operator.value, ARITY[operator]
    if most == 0:
        if not table.truth(name, False):
            table.bad(name, "must be true", f"or ask {_opposite(operator).value}: true")
            return None
        return ()
    if (least, most) == (1, 1):
        text = table.text(name)
        if not text:
            table.bad(name, "compares with nothing", "is_null and is_not_null ask for an empty value")
        return (text,) if text else None
    values = []
    for at, node in table.items(name):
        if isinstance(node, yaml.ScalarNode) and node.tag != "tag:yaml.org,2002:null":
            values.append(str(node.value).strip())
        else:
            table.mistakes.add(node, at, "must be a word, a number or a text")
    if len(values) < least or (most is not None and len(values) > most):
        table.bad(name, "must be a list of two values" if most == 2 else "must be a list of values")
        return None
    return tuple(values)


def _opposite(operator: Operator) -> Operator:
    return Operator.IS_NOT_NULL if operator is Operator.IS_NULL else Operator.IS_NULL

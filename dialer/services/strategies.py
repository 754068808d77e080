"""Read and check a strategy that somebody wrote, and tell every mistake at once, each with its line and a mend."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import time

from dialer.domain.selector import Selector
from dialer.domain.strategy import (
    DONE,
    INITIAL,
    RESERVED_STATES,
    AddressRule,
    CallHandler,
    NoSuitableAddress,
    RetryCount,
    Strategy,
    StrategyStatus,
    Waiting,
)
from dialer.errors import BadInput
from dialer.services.marked_yaml import Mistakes, Table, compose, suggest
from dialer.services.strategy_conditions import SENDER, SENDER_MEND, read_restrictions, read_selector, read_senders
from dialer.services.strategy_flow import check_flow, lint
from dialer.services.strategy_results import NAME, ResultsReader, processor_name

_LONGEST_RING_S = 120.0
_LONGEST_WAIT_S = 90 * 24 * 3600.0
_TIME = re.compile(r"([01]?[0-9]|2[0-4]):([0-5][0-9])")
_CALL_KEYS = (
    "ring_timeout_s", "detect_machine", "sender", "senders", "addresses", "no_suitable_address", "restrictions", "retry_count",
    "results", "wait", "processor",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedStrategy:
    """A strategy without mistakes, and what one may want to think about again."""

    strategy: Strategy
    warnings: tuple[str, ...]


def load_strategy(text: str, source: str = "strategy", *, known_codes: Collection[str] | None = None) -> Strategy:
    """The strategy of a YAML text. Raises BadInput that lists every mistake as `source:line: key: what (mend)`.

    `known_codes`: the custom completion codes of the campaign; with it a row for a name that is neither one of them nor a
    system code is a mistake.
    """
    return check_strategy(text, source, known_codes=known_codes).strategy


def load_for_campaign(text: str, source: str = "strategy", *, known_codes: Collection[str] | None = None) -> Strategy:
    """As `load_strategy`, and the strategy must be completed: no campaign starts with a draft."""
    strategy = load_strategy(text, source, known_codes=known_codes)
    if strategy.status is not StrategyStatus.COMPLETED:
        raise BadInput(f"the strategy {strategy.name!r} is a draft", where=source, mend="set `status: completed`")
    return strategy


def check_strategy(text: str, source: str = "strategy", *, known_codes: Collection[str] | None = None) -> CheckedStrategy:
    """As `load_strategy`, with the warnings."""
    mistakes = Mistakes(source)
    root = Table.read(compose(text, source), "", mistakes, ("strategy", "status", "handlers"))
    if root is None:
        raise BadInput("\n".join(mistakes.lines))
    strategy, places = _Reader(mistakes, known_codes).strategy(root)
    check_flow(strategy, places, mistakes)
    mistakes.raise_if_any()
    return CheckedStrategy(strategy=strategy, warnings=tuple(lint(strategy, places, source)))


@dataclass(slots=True)
class _Reader:
    mistakes: Mistakes
    known_codes: Collection[str] | None
    selector: Selector | None = None

    def strategy(self, root: Table) -> tuple[Strategy, dict[str, int]]:
        name = root.text("strategy", required=True)
        if root.has("strategy") and not NAME.fullmatch(name):
            root.bad("strategy", "must begin with a letter and hold only letters, digits, _ and - (40 at most)")
        status = root.text("status", required=True)
        if root.has("status") and status not in list(StrategyStatus):
            root.bad("status", f"{status!r} is no status", suggest(status, [one.value for one in StrategyStatus]))
        handlers: list[CallHandler] = []
        places: dict[str, int] = {}  # what a message may have to point at -> its line
        states: set[str] = set()
        for at, node in root.items("handlers", required=True):
            table = Table.read(node, at, self.mistakes, ("state", "call", "selector"))
            if table is None:
                continue
            state = self._state(table, states)
            places.setdefault(state, node.start_mark.line + 1)
            if table.has("selector"):
                self._select(table, state, places, is_first=not states)
            elif not table.has("call"):
                table.bad("call", "is missing", "a handler is a `call:`, or the first one a `selector:`")
            elif (handler := self._call(table, state, places)) is not None:
                handlers.append(handler)
            states.add(state)
        places["handlers"] = root.values.get("handlers", root.node).start_mark.line + 1
        read = StrategyStatus(status) if status in list(StrategyStatus) else StrategyStatus.DRAFT
        return Strategy(name=name, status=read, handlers=tuple(handlers), selector=self.selector), places

    def _state(self, table: Table, earlier: Collection[str]) -> str:
        state = table.text("state", required=True)
        if state in RESERVED_STATES:
            table.bad("state", f"{state!r} is reserved", f"the first handler is {INITIAL!r}; choose another name for the others")
        elif table.has("state") and not NAME.fullmatch(state):
            table.bad("state", "must begin with a letter and hold only letters, digits, _ and - (40 at most)")
        elif state in earlier:
            self.mistakes.add(table.node, table.path("state"), f"a second handler has the state {state!r}")
        return state

    def _select(self, table: Table, state: str, places: dict[str, int], *, is_first: bool) -> None:
        if table.has("call"):
            table.bad("call", "has no place beside a selector", "a selector calls nobody; give the call a handler of its own")
        if not is_first or state != INITIAL:
            table.bad("selector", "must be the first handler", f"put it on top, with the state {INITIAL!r}")
        self.selector = read_selector(table, places)

    def _call(self, handler: Table, state: str, places: dict[str, int]) -> CallHandler | None:
        call = Table.read(handler.values["call"], handler.path("call"), self.mistakes, _CALL_KEYS)
        if call is None:
            return None
        sender = call.text("sender")
        if sender and not SENDER.fullmatch(sender):
            call.bad("sender", "must be a number in E.164", SENDER_MEND)
        results, otherwise = ResultsReader(self.mistakes, self.known_codes).read(call, state, places)
        for key in ("ring_timeout_s", "wait"):
            places[f"{state}.{key}"] = call.values.get(key, call.node).start_mark.line + 1
        return CallHandler(
            state=state,
            addresses=tuple(self._addresses(call)),
            ring_timeout_s=call.number("ring_timeout_s", 45.0, least=1, most=_LONGEST_RING_S),
            detect_machine=call.truth("detect_machine", True),
            sender=sender,
            results=results,
            otherwise=otherwise,
            retry_count=RetryCount(self._word(call, "retry_count", [one.value for one in RetryCount])),
            restrictions=read_restrictions(call),
            senders=read_senders(call),
            no_suitable_address=NoSuitableAddress(
                self._word(call, "no_suitable_address", [one.value for one in NoSuitableAddress])
            ),
            wait=self._wait(call),
            processor=processor_name(call),
        )

    def _word(self, table: Table, key: str, words: list[str]) -> str:
        """One of the words; the first one when the key is not there or wrong."""
        word = table.text(key, words[0])
        if word not in words:
            table.bad(key, f"{word!r} is not known here", suggest(word, words))
            return words[0]
        return word

    def _wait(self, call: Table) -> Waiting:
        if not call.has("wait"):
            return Waiting()
        table = Table.read(call.values["wait"], call.path("wait"), self.mistakes, ("for_s", "then"))
        if table is None:
            return Waiting()
        return Waiting(for_s=table.number("for_s", 24 * 3600.0, least=1, most=_LONGEST_WAIT_S), then=table.text("then", DONE))

    def _addresses(self, call: Table) -> list[AddressRule]:
        rules: list[AddressRule] = []
        for at, node in call.items("addresses", required=True):
            table = Table.read(node, at, self.mistakes, ("attribute", "from", "to"))
            if table is None:
                continue
            name = table.text("attribute", required=True)
            if any(rule.name.casefold() == name.casefold() for rule in rules) and name:
                table.bad("attribute", f"{name!r} stands in this list a second time")
            opens, closes = self._time(table, "from"), self._time(table, "to")
            if opens is not None and opens == closes and table.text("to") != "24:00":
                table.bad("to", "the window is empty", 'the whole day is from "00:00" to "24:00"')
            rules.append(AddressRule(name=name, opens=opens or time(), closes=closes or time()))
        return rules

    def _time(self, table: Table, key: str) -> time | None:
        text = table.text(key, required=True)
        if not table.has(key):
            return None
        found = _TIME.fullmatch(text)
        if found is None or (found[1] == "24" and (found[2] != "00" or key == "from")):
            table.bad(key, f"{text!r} is no time of day", 'write "08:00" (and "24:00" for the end of the day)')
            return None
        return time(int(found[1]) % 24, int(found[2]))  # 24:00 is the next midnight: a window up to it wraps to nothing


__all__ = ["CheckedStrategy", "check_strategy", "load_for_campaign", "load_strategy"]

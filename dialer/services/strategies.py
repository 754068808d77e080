"""Read and check a strategy that somebody wrote, and tell every mistake at once, each with its line and a mend."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import time

import yaml

from dialer.domain.codes import SystemCode, name_key
from dialer.domain.strategy import (
    ANSWERED_BY,
    DONE,
    INITIAL,
    RESERVED_STATES,
    AddressRule,
    CallHandler,
    Result,
    Retry,
    Strategy,
    StrategyStatus,
    Treatment,
)
from dialer.errors import BadInput
from dialer.services.marked_yaml import Mistakes, Table, as_number, compose, suggest
from dialer.services.strategy_flow import check_flow, lint

_LONGEST_RING_S = 120.0
_MOST_RETRIES = 100
_LONGEST_INTERVAL_S = 30 * 24 * 3600.0
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
_TIME = re.compile(r"([01]?[0-9]|2[0-4]):([0-5][0-9])")
_SENDER = re.compile(r"\+[0-9]{3,15}")

_FINAL_CODES = [code for code in SystemCode if code is not SystemCode.ATTEMPT_IN_PROGRESS]
_ANSWERED = {name_key(code) for codes in ANSWERED_BY.values() for code in codes}


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

    def strategy(self, root: Table) -> tuple[Strategy, dict[str, int]]:
        name = root.text("strategy", required=True)
        if root.has("strategy") and not _NAME.fullmatch(name):
            root.bad("strategy", "must begin with a letter and hold only letters, digits, _ and - (40 at most)")
        status = root.text("status", required=True)
        if root.has("status") and status not in list(StrategyStatus):
            root.bad("status", f"{status!r} is no status", suggest(status, [one.value for one in StrategyStatus]))
        handlers: list[CallHandler] = []
        places: dict[str, int] = {}  # what a message may have to point at -> its line
        for at, node in root.items("handlers", required=True):
            handler = self._handler(node, at, places)
            if handler is not None:
                if any(one.state == handler.state for one in handlers):
                    self.mistakes.add(node, f"{at}.state", f"a second handler has the state {handler.state!r}")
                handlers.append(handler)
        places["handlers"] = root.values.get("handlers", root.node).start_mark.line + 1
        read = StrategyStatus(status) if status in list(StrategyStatus) else StrategyStatus.DRAFT
        return Strategy(name=name, status=read, handlers=tuple(handlers)), places

    def _handler(self, node: yaml.Node, at: str, places: dict[str, int]) -> CallHandler | None:
        table = Table.read(node, at, self.mistakes, ("state", "call"))
        if table is None:
            return None
        state = table.text("state", required=True)
        if state in RESERVED_STATES:
            table.bad("state", f"{state!r} is reserved", f"the first handler is {INITIAL!r}; choose another name for the others")
        elif table.has("state") and not _NAME.fullmatch(state):
            table.bad("state", "must begin with a letter and hold only letters, digits, _ and - (40 at most)")
        places.setdefault(state, node.start_mark.line + 1)
        if not table.has("call"):
            table.bad("call", "is missing", "a handler is a `call:`")
            return None
        call = Table.read(
            table.values["call"],
            f"{at}.call",
            self.mistakes,
            ("ring_timeout_s", "detect_machine", "sender", "addresses", "results"),
        )
        if call is None:
            return None
        sender = call.text("sender")
        if sender and not _SENDER.fullmatch(sender):
            call.bad("sender", "must be a number in E.164", 'for example "+15550100"')
        results, otherwise = self._results(call, state, places)
        places[f"{state}.ring_timeout_s"] = call.values.get("ring_timeout_s", call.node).start_mark.line + 1
        return CallHandler(
            state=state,
            addresses=tuple(self._addresses(call)),
            ring_timeout_s=call.number("ring_timeout_s", 45.0, least=1, most=_LONGEST_RING_S),
            detect_machine=call.truth("detect_machine", True),
            sender=sender,
            results=results,
            otherwise=otherwise,
        )

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

    def _results(self, call: Table, state: str, places: dict[str, int]) -> tuple[dict[str, Result], str]:
        if not call.has("results"):
            call.bad("results", "is missing", "at least `results: {otherwise: done}`")
            return {}, DONE
        table = Table.read(call.values["results"], f"{call.at}.results", self.mistakes)
        if table is None:
            return {}, DONE
        otherwise = table.text("otherwise", DONE)
        places[f"{state}.otherwise"] = table.keys.get("otherwise", table.node).start_mark.line + 1
        results: dict[str, Result] = {}
        for code in table.values:
            if code == "otherwise":
                continue
            key = name_key(code)
            self._check_code(table, code)
            if key in results:
                table.bad(code, "has a second row", "names are the same without regard to case")
            results[key] = self._result(table, code)
            places[f"{state}.{key}"] = table.keys[code].start_mark.line + 1
        return results, otherwise

    def _check_code(self, table: Table, code: str) -> None:
        key = name_key(code)
        names = [str(one) for one in _FINAL_CODES]
        if key == name_key(SystemCode.ATTEMPT_IN_PROGRESS):
            table.bad(code, "is not final: no attempt ends with it")
        elif key in {name_key(name) for name in names}:
            return
        elif self.known_codes is not None and key not in {name_key(one) for one in self.known_codes}:
            table.bad(code, "no completion code has this name", suggest(code, [*names, *self.known_codes]))
        elif self.known_codes is None:
            meant = suggest(code, names)  # without the custom codes only what looks like a slip of the pen can be told
            if meant and _is_slip(key, meant):
                table.bad(code, "no system code has this name", meant)

    def _result(self, results: Table, code: str) -> Result:
        row = Table.read(results.values[code], results.path(code), self.mistakes, ("app", "parameters", "next_state", "retry"))
        if row is None:
            return Result()
        treatment = self._treatment(row, code)
        retry = self._retry(row, code)
        if retry is not None and row.has("next_state"):
            row.bad("next_state", "has no meaning beside a retry", "say where the contact goes in `retry: {fail_state: ...}`")
        return Result(next_state=row.text("next_state", DONE), treatment=treatment, retry=retry)

    def _treatment(self, row: Table, code: str) -> Treatment | None:
        if not row.has("app"):
            if row.has("parameters"):
                row.bad("parameters", "has no meaning without `app`")
            return None
        app = row.text("app")
        if not _NAME.fullmatch(app):
            row.bad("app", "must be the name of an IVR app")
        if name_key(code) not in _ANSWERED:
            answered = ", ".join(sorted({str(one) for codes in ANSWERED_BY.values() for one in codes}))
            row.bad("app", f"no app can run on {code!r}: the call is not up then", f"apps belong to {answered}")
        parameters: dict[str, str] = {}
        if row.has("parameters"):
            table = Table.read(row.values["parameters"], row.path("parameters"), self.mistakes)
            parameters = {} if table is None else {name: table.text(name) for name in table.values}
        return Treatment(app=app, parameters=parameters)

    def _retry(self, row: Table, code: str) -> Retry | None:
        if not row.has("retry"):
            return None
        table = Table.read(row.values["retry"], row.path("retry"), self.mistakes, _RETRY_KEYS)
        if table is None:
            return None
        if name_key(code) == name_key(SystemCode.OPTED_OUT):
            row.bad("retry", "who opted out is never called again")
        if not table.has("count"):
            table.bad("count", "is missing")
        intervals = []
        for at, node in table.items("intervals_s", required=True):
            value = as_number(node)
            if value is None or not 0 <= value <= _LONGEST_INTERVAL_S:
                self.mistakes.add(node, at, f"must be a number of seconds from 0 to {_LONGEST_INTERVAL_S:g}")
            else:
                intervals.append(value)
        return Retry(
            count=int(table.number("count", 1, least=1, most=_MOST_RETRIES, whole=True)),
            intervals=tuple(intervals) or (60.0,),
            address_looping=table.truth("address_looping", False),
            fail_state=table.text("fail_state", DONE),
        )


_RETRY_KEYS = ("count", "intervals_s", "address_looping", "fail_state")


def _is_slip(key: str, meant: str) -> bool:
    """So near to a system code that it can hardly be a custom code of its own: "Call Busi", "Answr Human"."""
    name = meant.removeprefix("did you mean '").removesuffix("'?")
    return difflib.SequenceMatcher(None, key, name_key(name)).ratio() >= 0.85


__all__ = ["CheckedStrategy", "check_strategy", "load_for_campaign", "load_strategy"]

"""Read and check a strategy that somebody wrote, and tell every mistake at once, each with its line and a mend."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from dialer.domain.selector import Selector
from dialer.domain.strategy import INITIAL, RESERVED_STATES, Handler, Strategy, StrategyStatus
from dialer.domain.wording import Wording
from dialer.errors import BadInput
from dialer.services.marked_yaml import Mistakes, Table, compose, suggest
from dialer.services.reply_words import shipped_wording
from dialer.services.strategy_conditions import read_selector
from dialer.services.strategy_flow import check_flow, lint
from dialer.services.strategy_handlers import KINDS, HandlerReader
from dialer.services.strategy_results import NAME

_KINDS_SAID = ", ".join(f"`{kind}:`" for kind in KINDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedStrategy:
    """A strategy without mistakes, and what one may want to think about again."""

    strategy: Strategy
    warnings: tuple[str, ...]


def load_strategy(
    text: str, source: str = "strategy", *, known_codes: Collection[str] | None = None, wording: Wording | None = None
) -> Strategy:
    """The strategy of a YAML text. Raises BadInput that lists every mistake as `source:line: key: what (mend)`.

    `known_codes`: the custom completion codes of the campaign; with it a row for a name that is neither one of them nor a
    system code is a mistake. `wording`: the words in force, which no reply table may have; the shipped ones if not given, as
    for the text of a job, which stays what it was when somebody adds a word.
    """
    return check_strategy(text, source, known_codes=known_codes, wording=wording).strategy


def load_for_campaign(
    text: str, source: str = "strategy", *, known_codes: Collection[str] | None = None, wording: Wording | None = None
) -> Strategy:
    """As `load_strategy`, and the strategy must be completed: no campaign starts with a draft."""
    strategy = load_strategy(text, source, known_codes=known_codes, wording=wording)
    if strategy.status is not StrategyStatus.COMPLETED:
        raise BadInput(f"the strategy {strategy.name!r} is a draft", where=source, mend="set `status: completed`")
    return strategy


def check_strategy(
    text: str, source: str = "strategy", *, known_codes: Collection[str] | None = None, wording: Wording | None = None
) -> CheckedStrategy:
    """As `load_strategy`, with the warnings."""
    mistakes = Mistakes(source)
    root = Table.read(compose(text, source), "", mistakes, ("strategy", "status", "publish", "handlers"))
    if root is None:
        raise BadInput("\n".join(mistakes.lines))
    wording = wording or shipped_wording()
    strategy, places = _Reader(mistakes, known_codes, wording).strategy(root)
    check_flow(strategy, places, mistakes)
    mistakes.raise_if_any()
    return CheckedStrategy(strategy=strategy, warnings=tuple(lint(strategy, places, source, wording)))


@dataclass(slots=True)
class _Reader:
    mistakes: Mistakes
    known_codes: Collection[str] | None
    wording: Wording
    selector: Selector | None = None

    def strategy(self, root: Table) -> tuple[Strategy, dict[str, int]]:
        name = root.text("strategy", required=True)
        if root.has("strategy") and not NAME.fullmatch(name):
            root.bad("strategy", "must begin with a letter and hold only letters, digits, _ and - (40 at most)")
        status = root.text("status", required=True)
        if root.has("status") and status not in list(StrategyStatus):
            root.bad("status", f"{status!r} is no status", suggest(status, [one.value for one in StrategyStatus]))
        handlers: list[Handler] = []
        reader = HandlerReader(self.mistakes, self.known_codes, self.wording, root.truth("publish", False))
        places: dict[str, int] = {}  # what a message may have to point at -> its line
        states: set[str] = set()
        for at, node in root.items("handlers", required=True):
            table = Table.read(node, at, self.mistakes, ("state", *KINDS, "selector"))
            if table is None:
                continue
            state = self._state(table, states)
            places.setdefault(state, node.start_mark.line + 1)
            kinds = [kind for kind in KINDS if table.has(kind)]
            if table.has("selector"):
                self._select(table, state, places, is_first=not states)
            elif not kinds:
                table.bad("call", "is missing", f"a handler is one of {_KINDS_SAID}, or the first one a `selector:`")
            elif len(kinds) > 1:
                table.bad(kinds[1], f"has no place beside `{kinds[0]}:`", "each handler makes one kind of attempt")
            elif (handler := reader.read(kinds[0], table, state, places)) is not None:
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
        for kind in KINDS:
            if table.has(kind):
                table.bad(kind, "has no place beside a selector", "a selector calls nobody; give the call a handler of its own")
        if not is_first or state != INITIAL:
            table.bad("selector", "must be the first handler", f"put it on top, with the state {INITIAL!r}")
        self.selector = read_selector(table, places)


__all__ = ["CheckedStrategy", "check_strategy", "load_for_campaign", "load_strategy"]

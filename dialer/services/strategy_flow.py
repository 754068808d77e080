"""Check where a strategy leads: every state exists, the first one is there, and nobody is called round and round for ever."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dialer.domain.codes import SystemCode
from dialer.domain.strategy import DONE, INITIAL, WAIT, CallHandler, Strategy, treatment_for
from dialer.services.marked_yaml import Mistakes, suggest

_SHORT_RING_S = 15.0


def check_flow(strategy: Strategy, places: Mapping[str, int], mistakes: Mistakes) -> None:
    """Note the mistakes that only show when all handlers are known. `places`: handler and row -> line."""
    states = [handler.state for handler in strategy.handlers]
    if strategy.handlers and INITIAL not in states:
        mistakes.add(places["handlers"], "handlers", f"no handler has the state {INITIAL!r}, where every contact begins")
    edges: dict[str, set[str]] = {state: set() for state in states}
    for handler, row, target in _targets(strategy):
        line = places.get(f"{handler.state}.{row}", places.get(handler.state, 1))
        key = f"{handler.state}.{row}"
        if target == WAIT:
            mistakes.add(line, key, f"nothing would ever move the contact on from {WAIT!r}", f"use {DONE!r} or a handler's state")
        elif target != DONE and target not in states:
            mistakes.add(
                line,
                key,
                f"no handler has the state {target!r}",
                suggest(target, [*(state for state in states if state != WAIT), DONE]),
            )
        elif target != DONE:
            edges[handler.state].add(target)
    for state in _on_a_circle(edges):
        mistakes.add(
            places.get(state, 1),
            state,
            "a contact would be called round and round for ever",
            "only a retry may call again; lead every path to done",
        )


def _targets(strategy: Strategy) -> Iterator[tuple[CallHandler, str, str]]:
    """Handler, row and the state to which the row leads."""
    for handler in strategy.handlers:
        yield handler, "otherwise", handler.otherwise
        for key, result in handler.results.items():
            yield handler, key, result.retry.fail_state if result.retry is not None else result.next_state


def _on_a_circle(edges: Mapping[str, set[str]]) -> list[str]:
    """The first state, in the order of the file, from which one can come back to it."""
    for start in edges:
        seen: set[str] = set()
        ahead = list(edges[start])
        while ahead:
            state = ahead.pop()
            if state == start:
                return [start]
            if state not in seen:
                seen.add(state)
                ahead += edges.get(state, ())
    return []


def lint(strategy: Strategy, places: Mapping[str, int], source: str) -> Iterator[str]:
    """What is allowed, and seldom meant."""
    reached = {target for _, _, target in _targets(strategy)} | {INITIAL}
    for handler in strategy.handlers:
        line = places.get(handler.state, 1)
        if handler.ring_timeout_s < _SHORT_RING_S:
            yield (
                f"{source}:{places.get(f'{handler.state}.ring_timeout_s', line)}: {handler.state}.ring_timeout_s: "
                f"{handler.ring_timeout_s:g} s is short: many people need {_SHORT_RING_S:g} s to reach their phone"
            )
        answered = "human" if handler.detect_machine else "unknown"
        if treatment_for(handler, answered) is None:
            code = SystemCode.ANSWER_HUMAN if handler.detect_machine else SystemCode.CALL_ANSWERED
            yield f"{source}:{line}: {handler.state}: {str(code)!r} has no app: who answers hears nothing and is hung up on"
        if handler.state not in reached:
            yield f"{source}:{line}: {handler.state}: no row leads to this handler"

"""Check where a strategy leads: every state exists, the first one is there, and nobody is called round and round for ever."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dialer.domain.codes import SystemCode
from dialer.domain.strategy import DONE, INITIAL, WAIT, CallHandler, SmsHandler, Strategy, Waiting, treatment_for
from dialer.domain.wording import Wording
from dialer.services.marked_yaml import Mistakes, suggest
from dialer.services.strategy_messages import characters_that_cost, without_a_way_to_stop

_SHORT_RING_S = 15.0


def check_flow(strategy: Strategy, places: Mapping[str, int], mistakes: Mistakes) -> None:
    """Note the mistakes that only show when all handlers are known. `places`: handler and row -> line."""
    states = [handler.state for handler in strategy.handlers]
    if strategy.handlers and INITIAL not in states and strategy.selector is None:
        mistakes.add(places["handlers"], "handlers", f"no handler has the state {INITIAL!r}, where every contact begins")
    if strategy.selector is not None and not strategy.handlers:
        mistakes.add(places["handlers"], "handlers", "a selector alone calls nobody", "add a handler with a `call:`")
    edges: dict[str, set[str]] = {state: set() for state in states}
    for state, row, target in _targets(strategy):
        key = f"{state}.{row}"
        line = places.get(key, places.get(state, 1))
        if target == WAIT and state in states and row != _WAIT_THEN:
            continue  # where it goes from there, "wait.then" says
        if target == WAIT:
            mend = f"use {DONE!r} or a handler's state"
            mistakes.add(line, key, f"nothing would ever move the contact on from {WAIT!r} here", mend)
        elif target != DONE and target not in states:
            known = [*(state for state in states if state != WAIT), DONE]
            mistakes.add(line, key, f"no handler has the state {target!r}", suggest(target, known))
        elif target != DONE and state in edges:
            edges[state].add(target)
    for state in _on_a_circle(edges):
        mistakes.add(
            places.get(state, 1),
            state,
            "a contact would be called round and round for ever",
            "only a retry may call again; lead every path to done",
        )


_WAIT_THEN = "wait"
_SELECTOR = "selector"


def _targets(strategy: Strategy) -> Iterator[tuple[str, str, str]]:
    """State, row and the state to which the row leads."""
    if strategy.selector is not None:
        for index, branch in enumerate(strategy.selector.branches):
            yield _SELECTOR, f"conditions[{index}]", branch.state
        yield _SELECTOR, "otherwise", strategy.selector.otherwise
    for handler in strategy.handlers:
        yield handler.state, "otherwise", handler.otherwise
        for key, result in handler.results.items():
            yield handler.state, key, result.retry.fail_state if result.retry is not None else result.next_state
        yield handler.state, _WAIT_THEN, handler.wait.then


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


def lint(strategy: Strategy, places: Mapping[str, int], source: str, wording: Wording) -> Iterator[str]:
    """What is allowed, and seldom meant."""
    targets = list(_targets(strategy))
    waiting = {state for state, _, target in targets if target == WAIT}
    reached = {target for state, row, target in targets if row != _WAIT_THEN or state in waiting} | {INITIAL}
    for handler in strategy.handlers:
        line = places.get(handler.state, 1)
        if isinstance(handler, CallHandler):
            yield from _lint_call(handler, places, source)
        if isinstance(handler, SmsHandler) and (marks := characters_that_cost(handler)):
            yield (
                f"{source}:{places.get(f'{handler.state}.text', line)}: {handler.state}.text: {' '.join(marks)} "
                f"{'puts' if len(marks) == 1 else 'put'} the whole text into UCS-2: 70 characters a segment instead of 160"
            )
        if without_a_way_to_stop(handler, wording):
            key = f"{handler.state}.{'text' if isinstance(handler, SmsHandler) else 'unsubscribe'}"
            yield f"{source}:{places.get(key, line)}: {key}: tells nobody how to have no more (as in: STOP ends messages)"
        if handler.replies is not None and handler.replies.codes and handler.state not in waiting:
            at = places.get(f"{handler.state}.replies", line)
            yield f"{source}:{at}: {handler.state}.replies: no row leads to {WAIT!r}: most answers would come too late"
        if handler.wait != Waiting() and handler.state not in waiting:
            at = places.get(f"{handler.state}.wait", line)
            yield f"{source}:{at}: {handler.state}.wait: no row leads to {WAIT!r}"
        if handler.state not in reached:
            yield f"{source}:{line}: {handler.state}: no row leads to this handler"


def _lint_call(handler: CallHandler, places: Mapping[str, int], source: str) -> Iterator[str]:
    line = places.get(handler.state, 1)
    if handler.ring_timeout_s < _SHORT_RING_S:
        yield (
            f"{source}:{places.get(f'{handler.state}.ring_timeout_s', line)}: {handler.state}.ring_timeout_s: "
            f"{handler.ring_timeout_s:g} s is short: many people need {_SHORT_RING_S:g} s to reach their phone"
        )
    answered = "human" if handler.detect_machine else "unknown"
    if treatment_for(handler, answered) is None:
        code = SystemCode.ANSWER_HUMAN if handler.detect_machine else SystemCode.CALL_ANSWERED
        yield f"{source}:{line}: {handler.state}: {str(code)!r} has no app: without agents, who answers hears nothing"

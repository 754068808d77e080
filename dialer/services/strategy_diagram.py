"""Draw a strategy: the states and what leads from one to the other, as text or as Mermaid."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dialer.domain.condition import said
from dialer.domain.reply import Replies, ReplyRow
from dialer.domain.sms_text import size_of
from dialer.domain.strategy import (
    DONE,
    INITIAL,
    WAIT,
    AddressRule,
    CallHandler,
    CustomHandler,
    EmailHandler,
    Handler,
    Result,
    Retry,
    SendingHandler,
    SmsHandler,
    Strategy,
)

WIDE = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """What leads from one state to another."""

    origin: str
    target: str
    label: str


def edges(strategy: Strategy) -> Iterator[Edge]:
    """All of them, in the order of the file; a retry leads back to its own handler."""
    if strategy.selector is not None:
        for branch in strategy.selector.branches:
            yield Edge(origin=INITIAL, target=branch.state, label=said(branch.when))
        yield Edge(origin=INITIAL, target=strategy.selector.otherwise, label="otherwise")
    for handler in strategy.handlers:
        for key, row in handler.results.items():
            code = row.code or key
            if row.retry is not None:
                yield Edge(origin=handler.state, target=handler.state, label=f"{code}: {_retry(row.retry)}")
                yield Edge(origin=handler.state, target=row.retry.fail_state, label=f"{code}: retries used")
            else:
                yield Edge(origin=handler.state, target=row.next_state, label=code + _app(row))
        yield Edge(origin=handler.state, target=handler.otherwise, label="any other code")
        if any(edge_target == WAIT for edge_target in _targets(handler)):
            yield Edge(origin=WAIT, target=handler.wait.then, label=f"from {handler.state}: after {handler.wait.for_s:g} s")


def as_mermaid(strategy: Strategy) -> str:
    """A state diagram; edges between the same two states share one arrow."""
    grouped: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for edge in edges(strategy):
        grouped[edge.origin, edge.target].append(edge.label)
    lines = ["stateDiagram-v2", f"    [*] --> {_node(INITIAL)}"]
    for handler in strategy.handlers:
        lines.append(f"    {_node(handler.state)}: {handler.state} - {_safe(attempts_by(handler))}")
    for (origin, target), labels in grouped.items():
        end = "[*]" if target == DONE else _node(target)
        lines.append(f"    {_node(origin)} --> {end}: {_safe(' / '.join(labels))}")
    return "\n".join(lines)


def as_text(strategy: Strategy, width: int = WIDE) -> str:
    """Each state with its arrows; no line is longer than `width` where words can be broken."""
    lines = [f"{strategy.name} ({strategy.status.value})"]
    if strategy.selector is not None:
        lines.append(f"\n[{INITIAL}] selects")
        lines += _arrows({INITIAL: ""}, [edge for edge in edges(strategy) if edge.origin == INITIAL], width)
    by_origin: defaultdict[str, list[Edge]] = defaultdict(list)
    for edge in edges(strategy):
        by_origin[edge.origin].append(edge)
    for handler in strategy.handlers:
        lines.append(f"\n[{handler.state}] {attempts_by(handler)}{_limit(handler)}")
        lines += [f"  not called ({one.kind.value}): {one}" for one in handler.restrictions]
        lines += [f"  not called ({one.kind.value}): whom {one.name} holds back" for one in handler.custom_restrictions]
        lines += ["  tells others of every result"] if handler.publish else []
        if isinstance(handler, SendingHandler):
            lines += [f"  shows {one.shown}: {said(one.when)}" for one in handler.senders]
        if isinstance(handler, SmsHandler):
            lines.append(f"  {segments_told(handler)}")
        lines += _arrows({handler.state: "again"}, by_origin[handler.state], width)
        lines += [] if handler.replies is None else _answers(handler.replies, width)
    if by_origin[WAIT]:
        lines.append(f"\n[{WAIT}] until a code comes")
        lines += _arrows({}, by_origin[WAIT], width)
    return "\n".join(part for line in lines for part in _folded(line, width))


def attempts_by(handler: Handler) -> str:
    """What a handler does, and to which addresses in which hours."""
    to = ", ".join(_window(rule) for rule in handler.addresses)
    match handler:
        case CustomHandler(action=action):
            return f"does {action}" + (f" with {to}" if to else "")
        case SmsHandler():
            return f"texts {to}"
        case EmailHandler():
            return f"mails {to}"
        case _:
            return f"rings {to}"


def segments_told(handler: SmsHandler) -> str:
    """What one text is billed for, as far as that can be known before it is filled in."""
    bare = size_of(handler.text.fill({}))
    told = f"{bare.segments} segment{'s' if bare.segments > 1 else ''} of {bare.alphabet.value}, {bare.units} units"
    names = ", ".join(f"${{{name}}}" for name in sorted(handler.text.names))
    return told + (f", and what {names} add{'' if ',' in names else 's'}" if names else "")


def _limit(handler: Handler) -> str:
    match handler:
        case CallHandler(ring_timeout_s=limit_s):
            return f" for {limit_s:g} s"
        case CustomHandler(time_limit_s=limit_s):
            return f" within {limit_s:g} s"
        case SmsHandler(valid_for_s=float() as limit_s):
            return f", valid for {limit_s:g} s"
    return ""


def _window(rule: AddressRule) -> str:
    hours = "all day" if rule.opens == rule.closes else f"{rule.opens:%H:%M}–{rule.closes:%H:%M}"
    return f"{rule.name} ({hours})"


def _arrows(names: Mapping[str, str], leading: list[Edge], width: int) -> list[str]:
    return _aligned([(edge.label, f"→ {names.get(edge.target) or edge.target}") for edge in leading], width)


def _aligned(rows: list[tuple[str, str]], width: int) -> list[str]:
    """What leads to what, in two columns; what is too long for them has its second part on a line of its own."""
    room = width - 4 - max((len(to) for _, to in rows), default=0)
    column = max((len(what) for what, _ in rows if len(what) <= room), default=0)
    lines: list[str] = []
    for what, to in rows:
        lines += [f"  {what.ljust(column)}  {to}"] if len(what) <= column else [f"  {what}", f"      {to}"]
    return lines


def _folded(line: str, width: int) -> list[str]:
    if len(line) <= width:
        return [line]
    indent = " " * (len(line) - len(line.lstrip(" ")))
    parts = textwrap.wrap(line.strip(), max(20, width - len(indent) - 6), break_long_words=False, break_on_hyphens=False)
    return [indent + parts[0], *(f"{indent}      {part}" for part in parts[1:])]


def _answers(replies: Replies, width: int) -> list[str]:
    """What each answer means."""
    rows = [(" or ".join([*row.words, *([f"/{row.pattern}/"] if row.pattern else [])]), row) for row in replies.rows]
    said = [(f"answer {words}", row) for words, row in rows] + [("any other answer", replies.otherwise)]
    return _aligned([(label, f"= {_meaning(row)}") for label, row in said], width)


def _meaning(row: ReplyRow) -> str:
    parts = [f"{name} becomes {value}" for name, value in row.set.items()]
    parts += [f"app {row.app}"] if row.app else []
    parts += [row.code] if row.code else []
    return ", ".join(parts) or "a person looks at it"


def _targets(handler: Handler) -> Iterator[str]:
    yield handler.otherwise
    for row in handler.results.values():
        yield row.retry.fail_state if row.retry is not None else row.next_state


def _app(row: Result) -> str:
    if row.treatment is None:
        return ""
    return f": app {row.treatment.app}" if row.treatment.app else f": dialplan {row.treatment.dialplan}"


def _retry(retry: Retry) -> str:
    times = ", ".join(f"{one:g}" for one in retry.intervals)
    following = ", next address" if retry.address_looping else ""
    return f"{retry.count} retries after {times} s{following}"


def _node(state: str) -> str:
    return "s_" + state.replace("-", "_")  # words of Mermaid itself, such as "state" or "end", may be names of states


def _safe(text: str) -> str:
    """A label must not hold what Mermaid reads as its own."""
    return text.replace(":", "꞉").replace(";", ",").replace("\n", " ").replace('"', "'")

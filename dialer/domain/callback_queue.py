"""Which callbacks go into an agent's queue now, and what becomes of those whose agent is not there."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from dialer.domain.callback import Callback, CallbackLimits, CallbackState, CallbackType
from dialer.domain.ids import JobId


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A callback whose time has come, and what of its job decides who may keep it."""

    callback: Callback
    skills: frozenset[str] = frozenset()  # that the job asks for
    opens_at: datetime | None = None  # when the contact may be called; None = now


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentQueue:
    """An agent who is there, and how much waits in front of this agent."""

    agent: str
    jobs: frozenset[JobId]  # for which the agent works
    skills: frozenset[str] = frozenset()
    waiting: int = 0  # callbacks in the queue


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What goes into the queue, in the order in which it is presented, and what is looked at again later (with its new moment).

    A callback that is in neither is for somebody else.
    """

    taken: tuple[Callback, ...] = ()
    postponed: tuple[Callback, ...] = ()


def fill(queue: AgentQueue, pending: Sequence[Due], limits: CallbackLimits, now: datetime) -> Filled:
    """Choose for one agent, by the rules of the reference product.

    The agent's own callbacks fill the queue up to its limit, the strict ones that find no room are postponed by the retry
    interval. One that anybody may keep is taken only into an empty queue, and so one at a time. Earlier promises come first;
    of two at the same moment the one that needs the empty queue. Whom the hours forbid to call is postponed until they open.
    """
    taken: list[Callback] = []
    postponed: list[Callback] = []
    for due in sorted(pending, key=lambda one: (one.callback.at, one.callback.type.is_personal, one.callback.id)):
        one = due.callback
        if one.state is not CallbackState.PENDING or one.attempt_id is not None or not one.is_due(now) or one.has_expired(now):
            continue
        if not _may_keep(queue, due):
            continue
        waiting = queue.waiting + len(taken)
        if due.opens_at is not None and due.opens_at > now:
            postponed.append(replace(one, at=due.opens_at))
        elif waiting < limits.queue_most and (one.type.is_personal or not waiting):
            taken.append(one)
        elif one.type is CallbackType.STRICT_AGENT:
            postponed.append(replace(one, at=now + timedelta(seconds=limits.retry_s)))
    return Filled(taken=tuple(taken), postponed=tuple(postponed))


def without_agent(callback: Callback, present: Collection[str], limits: CallbackLimits, now: datetime) -> Callback:
    """A due callback as it is when its agent is not among those `present`: looked for again later, or the campaign's from now on.

    A promise that could not be kept any more at the next look is not held back for its agent: better another than nobody.
    """
    if not callback.type.is_personal or callback.agent in present:
        return callback
    again, tries = now + timedelta(seconds=limits.retry_s), callback.tries + 1
    gives_up = callback.type is CallbackType.AGENT or tries >= limits.tries_most
    if gives_up or (callback.expires_at is not None and callback.expires_at <= again):
        return replace(callback, type=CallbackType.CAMPAIGN, tries=tries, reassigned_at=now)
    return replace(callback, tries=tries, at=again)


def _may_keep(queue: AgentQueue, due: Due) -> bool:
    one = due.callback
    match one.type:
        case CallbackType.AGENT | CallbackType.STRICT_AGENT:
            return one.agent == queue.agent
        case CallbackType.CAMPAIGN:
            return one.job_id in queue.jobs
        case CallbackType.STANDARD:
            return due.skills <= queue.skills

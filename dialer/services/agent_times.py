"""What agents did: each change of state on record, and the time in each of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from dialer.domain.agent import Agent, AgentState
from dialer.domain.agent_times import AgentTimes as AgentTimes
from dialer.domain.agent_times import seconds_in_states
from dialer.domain.ids import AgentId, OrgId
from dialer.errors import BadInput
from dialer.store.agents import StateChange
from dialer.store.store import Store, Tx

LONGEST_LOOK = timedelta(days=92)


async def note_states(store: Store, changes: Sequence[StateChange]) -> None:
    """Put changes of state on record, in their order. Raises StoreDown."""
    await store.write(lambda tx: tx.agents(None).note_states(changes))


async def nobody_is_there(store: Store, *, at: datetime, because: str) -> int:
    """Put on record that whoever was logged in is not any more: the dialer has been away. Returns how many there were."""

    def work(tx: Tx) -> int:
        there = [one for one in tx.agents(None).last_states().values() if one.state is not AgentState.LOGGED_OUT]
        gone = [StateChange(agent_id=one.agent_id, at=at, state=AgentState.LOGGED_OUT, reason=because) for one in there]
        tx.agents(None).note_states(gone)
        return len(gone)

    return await store.write(work)


async def present_agents(store: Store, org_id: OrgId) -> list[tuple[Agent, StateChange | None]]:
    """What each agent is doing now, as far as it is on record; None = never worked."""

    def work(tx: Tx) -> list[tuple[Agent, StateChange | None]]:
        last = tx.agents(org_id).last_states()
        return [(one, last.get(one.id)) for one in tx.agents(org_id).all()]

    return await store.read(work)


async def agent_times(store: Store, org_id: OrgId, *, since: datetime, until: datetime) -> list[AgentTimes]:
    """What each agent who worked did between two moments. Raises BadInput for more than three months."""
    if not timedelta(0) < until - since <= LONGEST_LOOK:
        raise BadInput("such a stretch of time", where="since", mend=f"up to {LONGEST_LOOK.days} days that lie behind")

    def work(tx: Tx) -> list[AgentTimes]:
        agents = tx.agents(org_id)
        before = agents.last_states(before=since)
        changes: defaultdict[AgentId, list[tuple[datetime, AgentState]]] = defaultdict(list)
        for change in agents.states(since=since, until=until):
            changes[change.agent_id].append((change.at, change.state))
        codes = agents.attempts_ended(since=since, until=until)
        found = []
        for one in agents.all():
            last = before.get(one.id)
            seconds = seconds_in_states(AgentState.LOGGED_OUT if last is None else last.state, changes[one.id], since, until)
            times = AgentTimes(login=one.login, seconds=seconds, codes=codes.get(one.login, {}))
            if times.logged_in_s or times.contacts:
                found.append(times)
        return found

    return await store.read(work)


async def agent_history(store: Store, org_id: OrgId, login: str, *, since: datetime, until: datetime) -> list[StateChange]:
    """Each change of an agent's state between two moments. Raises NotFound."""

    def work(tx: Tx) -> list[StateChange]:
        found = tx.agents(org_id).by_login(login)
        return tx.agents(org_id).states(since=since, until=until, agent_id=found.id)

    return await store.read(work)

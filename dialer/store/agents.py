"""Agents: who they are, what they can do and for which campaigns, and each change of their state."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from dialer.domain.agent import Agent, AgentState
from dialer.domain.codes import name_key
from dialer.domain.ids import AgentId, AttemptId, CampaignId, JobId, OrgId
from dialer.errors import Conflict, NotFound
from dialer.store.tables import attempts, campaigns
from dialer.store.tables_agents import agent_campaigns, agent_skills, agent_states, agents, listenings, not_ready_reasons

REASON_LIMIT = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChange:
    """An agent's state from a moment on."""

    agent_id: AgentId
    at: datetime
    state: AgentState
    reason: str = ""
    walked_away: bool = False
    job_id: JobId | None = None  # whose contact the agent had
    attempt_id: AttemptId | None = None


class Agents:
    """Agents of an organisation; of all of them when it is built for none (the engine)."""

    def __init__(self, connection: sa.Connection, org_id: OrgId | None, now: datetime) -> None:
        self._connection, self._org_id, self._now = connection, org_id, now

    def create(self, new: Agent) -> Agent:
        """A new agent; the id is given here. Raises Conflict when the login is in use."""
        values = {"org_id": self._org_id, "login": new.login, "login_key": name_key(new.login), "created_at": self._now}
        statement = sa.insert(agents).values(
            **values, name=new.name, phone=new.phone, active=new.active, supervisor=new.supervisor
        )
        try:
            made = self._connection.execute(statement.returning(agents.c.id)).scalar_one()
        except IntegrityError as exc:
            raise Conflict(f"there is an agent {new.login!r} already (capitals make no difference)") from exc
        return self.get(AgentId(made))

    def change(self, agent_id: AgentId, *, name: str, phone: str, active: bool, supervisor: bool) -> Agent:
        """Write anew who it is. An agent who is not active any more has no token. Raises NotFound."""
        values: dict[str, Any] = {"name": name, "phone": phone, "active": active, "supervisor": supervisor}
        values |= {} if active else {"token_hash": None}
        self._connection.execute(sa.update(agents).where(agents.c.id == self.get(agent_id).id).values(values))
        return self.get(agent_id)

    def delete(self, agent_id: AgentId) -> None:
        """Take away an agent who never worked. Raises NotFound, Conflict."""
        found = self.get(agent_id)
        by = (attempts.c.org_id == found.org_id, attempts.c.agent == found.login)
        worked = (
            sa.select(agent_states.c.id).where(agent_states.c.agent_id == agent_id),
            sa.select(attempts.c.id).where(attempts.c.agent != "", *by),
            sa.select(listenings.c.id).where(listenings.c.org_id == found.org_id, listenings.c.supervisor == found.login),
        )
        if any(self._connection.execute(query.limit(1)).first() is not None for query in worked):
            raise Conflict(f"{found.login} has worked: what was done stays on record (make the agent passive instead)")
        for table in (agent_skills, agent_campaigns):
            self._connection.execute(sa.delete(table).where(table.c.agent_id == agent_id))
        self._connection.execute(sa.delete(agents).where(agents.c.id == agent_id))

    def get(self, agent_id: AgentId) -> Agent:
        """One agent. Raises NotFound."""
        found = self._read(agents.c.id == agent_id)
        if not found:
            raise NotFound(f"no agent with the number {agent_id}")
        return found[0]

    def by_login(self, login: str) -> Agent:
        """The agent of that login. Raises NotFound."""
        found = self._read(agents.c.login_key == name_key(login))
        if not found:
            raise NotFound(f"no agent {login!r}")
        return found[0]

    def by_token(self, token_hash: str) -> Agent | None:
        """Whose token it is; None where it is nobody's, or that of somebody who may not log in."""
        found = self._read(agents.c.token_hash == token_hash, agents.c.active)
        return found[0] if found else None

    def all(self) -> list[Agent]:
        """The agents, by login."""
        return self._read()

    def with_token(self) -> set[AgentId]:
        """Who may use a desk."""
        return {
            AgentId(one) for one in self._connection.scalars(self._mine(sa.select(agents.c.id), agents.c.token_hash.is_not(None)))
        }

    def set_token(self, agent_id: AgentId, token_hash: str | None) -> None:
        """Only the hash is kept; None takes the right away. Raises NotFound."""
        self._connection.execute(sa.update(agents).where(agents.c.id == self.get(agent_id).id).values(token_hash=token_hash))

    def set_skills(self, agent_id: AgentId, skills: Mapping[str, int]) -> None:
        """All skills of an agent, with their levels."""
        self._connection.execute(sa.delete(agent_skills).where(agent_skills.c.agent_id == agent_id))
        rows = [{"agent_id": agent_id, "name_key": name_key(one), "name": one, "level": level} for one, level in skills.items()]
        if rows:
            self._connection.execute(sa.insert(agent_skills), rows)

    def set_campaigns(self, agent_id: AgentId, *, allowed: Collection[CampaignId], preferred: Sequence[CampaignId]) -> None:
        """For which campaigns an agent works (none = all), and which come first, in order."""
        self._connection.execute(sa.delete(agent_campaigns).where(agent_campaigns.c.agent_id == agent_id))
        place = {one: number for number, one in enumerate(preferred)}
        rows = [
            {"agent_id": agent_id, "campaign_id": one, "allowed": one in allowed, "preferred": place.get(one)}
            for one in dict.fromkeys((*allowed, *preferred))
        ]
        if rows:
            self._connection.execute(sa.insert(agent_campaigns), rows)

    # ── what they did ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def note_states(self, changes: Sequence[StateChange]) -> None:
        """Append changes of state, in their order."""
        rows = [
            {
                "agent_id": one.agent_id,
                "at": one.at,
                "state": one.state.value,
                "reason": one.reason[:REASON_LIMIT],
                "walked_away": one.walked_away,
                "job_id": one.job_id,
                "attempt_id": one.attempt_id,
            }
            for one in changes
        ]
        if rows:
            self._connection.execute(sa.insert(agent_states), rows)

    def last_states(self, *, before: datetime | None = None) -> dict[AgentId, StateChange]:
        """What each agent was doing at last, or at a moment; who never worked is not in it."""
        noted = agent_states.alias("noted")
        last = sa.select(noted.c.id).where(noted.c.agent_id == agents.c.id)
        if before is not None:
            last = last.where(noted.c.at <= before)
        last = last.order_by(noted.c.at.desc(), noted.c.id.desc()).limit(1)  # along the index: one row for each agent
        query = sa.select(agent_states).join(agents, agents.c.id == agent_states.c.agent_id)
        rows = self._connection.execute(self._mine(query, agent_states.c.id == last.scalar_subquery()))
        return {AgentId(row.agent_id): _change(row) for row in rows}

    def states(self, *, since: datetime, until: datetime, agent_id: AgentId | None = None) -> list[StateChange]:
        """Changes after `since` and up to `until`, in their order."""
        query = sa.select(agent_states).join(agents, agents.c.id == agent_states.c.agent_id)
        query = self._mine(query, agent_states.c.at > since, agent_states.c.at <= until)
        if agent_id is not None:
            query = query.where(agent_states.c.agent_id == agent_id)
        return [_change(row) for row in self._connection.execute(query.order_by(agent_states.c.at, agent_states.c.id))]

    def attempts_ended(self, *, since: datetime, until: datetime) -> dict[str, dict[str, int]]:
        """How many attempts of each agent (by login) ended after `since` and up to `until`, by completion code."""
        query = sa.select(attempts.c.agent, attempts.c.code, sa.func.count().label("count")).where(
            attempts.c.agent != sa.literal_column("''"), attempts.c.ended_at > since, attempts.c.ended_at <= until
        )
        if self._org_id is not None:
            query = query.where(attempts.c.org_id == self._org_id)
        found: dict[str, dict[str, int]] = {}
        for row in self._connection.execute(query.group_by(attempts.c.agent, attempts.c.code)):
            found.setdefault(row.agent, {})[row.code or ""] = row._mapping["count"]
        return found

    # ── why they rest ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def reasons(self) -> list[str]:
        """Why an agent may be not ready; none = any word will do."""
        query = sa.select(not_ready_reasons.c.name).where(not_ready_reasons.c.org_id == self._org_id)
        return list(self._connection.scalars(query.order_by(not_ready_reasons.c.name_key)))

    def add_reason(self, name: str) -> None:
        """One more reason. Raises Conflict when it is there."""
        values = {"org_id": self._org_id, "name_key": name_key(name), "name": name}
        try:
            self._connection.execute(sa.insert(not_ready_reasons).values(values))
        except IntegrityError as exc:
            raise Conflict(f"there is a reason {name!r} already") from exc

    def remove_reason(self, name: str) -> None:
        """Take a reason away; what was done under it stays on record. Raises NotFound."""
        mine = (not_ready_reasons.c.org_id == self._org_id, not_ready_reasons.c.name_key == name_key(name))
        if not self._connection.execute(sa.delete(not_ready_reasons).where(*mine)).rowcount:
            raise NotFound(f"no reason {name!r}")

    def _mine(self, query: sa.Select[Any], *conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
        query = query.where(*conditions)
        return query if self._org_id is None else query.where(agents.c.org_id == self._org_id)

    def _read(self, *conditions: sa.ColumnElement[bool]) -> list[Agent]:
        rows = self._connection.execute(self._mine(sa.select(agents), *conditions).order_by(agents.c.login_key)).all()
        ids = [row.id for row in rows]
        skills: dict[int, dict[str, int]] = {}
        order = (agent_skills.c.agent_id, agent_skills.c.name_key)
        for row in self._connection.execute(sa.select(agent_skills).where(agent_skills.c.agent_id.in_(ids)).order_by(*order)):
            skills.setdefault(row.agent_id, {})[row.name] = row.level
        works: dict[int, list[sa.Row[Any]]] = {}
        # One that was deleted keeps its place: an agent of that campaign alone does not work for all others now.
        name = sa.case((campaigns.c.deleted_at.is_(None), campaigns.c.name), else_=campaigns.c.name.concat(" (deleted)"))
        query = sa.select(agent_campaigns, name.label("name"))
        query = query.join(campaigns, campaigns.c.id == agent_campaigns.c.campaign_id).where(agent_campaigns.c.agent_id.in_(ids))
        for row in self._connection.execute(query.order_by(agent_campaigns.c.preferred, campaigns.c.name_key)):
            works.setdefault(row.agent_id, []).append(row)
        return [
            Agent(
                id=AgentId(row.id),
                org_id=OrgId(row.org_id),
                login=row.login,
                name=row.name,
                phone=row.phone,
                active=row.active,
                supervisor=row.supervisor,
                skills=skills.get(row.id, {}),
                campaigns=tuple(one.name for one in works.get(row.id, ()) if one.allowed),
                preferred=tuple(one.name for one in works.get(row.id, ()) if one.preferred is not None),
            )
            for row in rows
        ]


def _change(row: sa.Row[Any]) -> StateChange:
    return StateChange(
        agent_id=AgentId(row.agent_id),
        at=row.at,
        state=AgentState(row.state),
        reason=row.reason,
        walked_away=row.walked_away,
        job_id=None if row.job_id is None else JobId(row.job_id),
        attempt_id=None if row.attempt_id is None else AttemptId(row.attempt_id),
    )

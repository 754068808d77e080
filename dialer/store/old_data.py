"""Which rows belong to which class of retention, and what must not go however old it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from dialer.domain.callback import CallbackState
from dialer.domain.campaign import JobState
from dialer.domain.data_source import OVER
from dialer.domain.export_definition import ExportRunState
from dialer.domain.ids import OrgId
from dialer.domain.received import AnswerState, InboxState
from dialer.domain.retention import ABANDON_WINDOW_DAYS, RetentionClass, RetentionState
from dialer.domain.rules import Rule
from dialer.store.contact_lists import GONE
from dialer.store.message_ids import strays_before
from dialer.store.old_attempts import OldAttempts
from dialer.store.old_places import OldPlaces
from dialer.store.old_rows import OldRows, PlainRows
from dialer.store.organisations import Organisations
from dialer.store.rules import Rules
from dialer.store.tables import attempts, contact_lists, contacts, job_contacts, jobs
from dialer.store.tables_agents import agent_states, listenings
from dialer.store.tables_callbacks import callbacks
from dialer.store.tables_contacts import unmaskings
from dialer.store.tables_exports import export_runs
from dialer.store.tables_messages import message_ids
from dialer.store.tables_received import received_messages
from dialer.store.tables_retention import retention_runs
from dialer.store.tables_schedules import edits, schedule_runs
from dialer.store.tables_sources import import_runs

_JOBS_OVER = sa.select(jobs.c.id).where(jobs.c.state == JobState.COMPLETED.value)


class OldData:
    """Of all organisations together: how long things are kept is a setting of the installation."""

    def __init__(self, connection: sa.Connection, now: datetime) -> None:
        self._connection, self._now = connection, now

    def of(self, kind: RetentionClass, days: int, now: datetime | None = None) -> Sequence[OldRows]:
        """The rows of a class that are older than so many days and may go. None for a class that is files only."""
        today = now or self._now
        cutoff = today - timedelta(days=days)
        match kind:
            case RetentionClass.ATTEMPTS:
                # News of a message that never was, such as one of an attempt that is gone, goes with attempts of its age.
                strays = PlainRows(self._connection, message_ids, at=message_ids.c.at, where=strays_before(cutoff))
                return [OldAttempts(self._connection, self._attempts_before(today, days)), strays]
            case RetentionClass.PLACES:
                return [OldPlaces(self._connection, cutoff)]
            case RetentionClass.CALLBACKS:
                closed = sa.and_(callbacks.c.state != CallbackState.PENDING.value, callbacks.c.closed_at < cutoff)
                over = callbacks.c.job_id.in_(_JOBS_OVER)  # limits count the callbacks of a job that goes on
                return [PlainRows(self._connection, callbacks, at=callbacks.c.closed_at, where=sa.and_(closed, over))]
            case RetentionClass.RECEIVED:
                settled = sa.and_(
                    received_messages.c.at < cutoff,
                    received_messages.c.inbox != InboxState.OPEN.value,
                    received_messages.c.answer_state.not_in((AnswerState.DUE.value, AnswerState.SENDING.value)),
                )
                return [PlainRows(self._connection, received_messages, at=received_messages.c.at, where=settled)]
            case RetentionClass.CONTACTS:
                return [self._contacts(cutoff)]
            case RetentionClass.SCHEDULE_RUNS:
                return [PlainRows(self._connection, schedule_runs, at=schedule_runs.c.at, where=schedule_runs.c.at < cutoff)]
            case RetentionClass.IMPORTS:
                return [self._import_runs(cutoff)]
            case RetentionClass.EXPORTS:
                ended = (ExportRunState.DONE.value, ExportRunState.FAILED.value)
                old = sa.and_(export_runs.c.state.in_(ended), export_runs.c.ended_at < cutoff)
                return [PlainRows(self._connection, export_runs, at=export_runs.c.ended_at, where=old)]
            case RetentionClass.AGENT_STATES:
                later = agent_states.alias("later")  # what an agent does now is known by the last change alone
                newer = sa.exists().where(later.c.agent_id == agent_states.c.agent_id, later.c.id > agent_states.c.id)
                passed = sa.and_(agent_states.c.at < cutoff, newer)
                return [PlainRows(self._connection, agent_states, at=agent_states.c.at, where=passed)]
            case RetentionClass.EDITS:
                return self._audit(cutoff)
            case _:
                return []

    def rules_that_hold(self, days: int) -> list[tuple[str, Rule]]:
        """Organisations whose rules look further back than so many days, each with the rule that looks furthest."""
        found = []
        for name, org_id in Organisations(self._connection).all().items():
            rule = self._longest(org_id)
            if rule is not None and rule.window > timedelta(days=days):
                found.append((name, rule))
        return found

    def _attempts_before(self, now: datetime, days: int) -> dict[int, datetime]:
        """For each organisation: attempts that one of its rules in force still counts stay, and those that abandon rates need."""
        least = timedelta(days=max(days, ABANDON_WINDOW_DAYS))
        return {
            org_id: now - max(least, rule.window if (rule := self._longest(org_id)) else least)
            for org_id in Organisations(self._connection).all().values()
        }

    def _longest(self, org_id: OrgId) -> Rule | None:
        in_force = [rule for rule in Rules(self._connection, org_id).all() if rule.active]
        return max(in_force, key=lambda rule: rule.window, default=None)

    def _contacts(self, cutoff: datetime) -> OldRows:
        """The bare rows that stay of deleted contacts, once nothing refers to them."""
        graves = sa.select(contact_lists.c.id).where(contact_lists.c.name == GONE)
        referred = [
            sa.exists().where(table.c.contact_id == contacts.c.id).correlate(contacts)
            for table in (attempts, job_contacts, callbacks)
        ]
        gone = sa.and_(contacts.c.list_id.in_(graves), contacts.c.updated_at < cutoff, *(~one for one in referred))
        return PlainRows(self._connection, contacts, at=contacts.c.updated_at, where=gone)

    def _import_runs(self, cutoff: datetime) -> OldRows:
        later = import_runs.alias("later")
        old = sa.and_(
            import_runs.c.state.in_([state.value for state in OVER]),
            import_runs.c.ended_at < cutoff,
            # The last run of a source says where it stands; what a schedule's record refers to stays until that is gone.
            sa.exists().where(later.c.source_id == import_runs.c.source_id, later.c.id > import_runs.c.id),
            ~sa.exists().where(schedule_runs.c.run_id == import_runs.c.id),
        )
        return PlainRows(self._connection, import_runs, at=import_runs.c.ended_at, where=old)

    def _audit(self, cutoff: datetime) -> Sequence[OldRows]:
        open_jobs = sa.select(jobs.c.id).where(jobs.c.state != JobState.COMPLETED.value)
        of_open = sa.and_(edits.c.kind == "job", edits.c.of_id.in_(open_jobs))
        ended = sa.and_(retention_runs.c.state != RetentionState.RUNNING.value, retention_runs.c.ended_at < cutoff)
        return [
            PlainRows(self._connection, edits, at=edits.c.at, where=sa.and_(edits.c.at < cutoff, ~of_open)),
            PlainRows(self._connection, unmaskings, at=unmaskings.c.at, where=unmaskings.c.at < cutoff),
            PlainRows(self._connection, listenings, at=listenings.c.ended_at, where=listenings.c.ended_at < cutoff),
            PlainRows(self._connection, retention_runs, at=retention_runs.c.ended_at, where=ended),
        ]

"""A unit of work: one transaction, and the repositories that read and write in it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from dialer.domain.campaign import Job
from dialer.domain.ids import CampaignId, JobId, OrgId
from dialer.store.agents import Agents
from dialer.store.area_codes import AreaCodeTable
from dialer.store.attempt_history import AttemptHistory
from dialer.store.attempts import AttemptLedger
from dialer.store.callbacks import Callbacks
from dialer.store.campaigns import Campaigns
from dialer.store.codes import Codes
from dialer.store.contact_history import ContactHistory
from dialer.store.contact_lists import ContactLists
from dialer.store.contact_notes import ContactNotes
from dialer.store.contact_rules import ContactRules
from dialer.store.contacts import Contacts
from dialer.store.counters import Counters
from dialer.store.data_sources import DataSources
from dialer.store.dnc import Dnc
from dialer.store.edits import Edits
from dialer.store.exports import Exports
from dialer.store.import_runs import ImportRuns
from dialer.store.job_contacts import JobContacts
from dialer.store.jobs import Jobs
from dialer.store.listenings import Listenings
from dialer.store.live_answers import LiveAnswers
from dialer.store.messages import Messages
from dialer.store.node_status import NodeStatuses
from dialer.store.old_data import OldData
from dialer.store.organisations import Organisations
from dialer.store.outbox import Outbox
from dialer.store.pacing import PacingRecords
from dialer.store.received import ReceivedMessages
from dialer.store.retention_runs import RetentionRuns
from dialer.store.rules import Rules
from dialer.store.schedules import Schedules
from dialer.store.strategies import Strategies
from dialer.store.unmaskings import Unmaskings


class Tx:
    """Handed to every unit of work. Nobody but the store commits; a repository sees the rows of its organisation only."""

    __slots__ = ("_noted", "_started", "connection", "now")

    def __init__(self, connection: sa.Connection, now: datetime, started: dict[JobId, Job] | None = None) -> None:
        self.connection = connection
        self.now = now  # aware UTC, when the transaction began
        self._started = {} if started is None else started
        self._noted: list[dict[str, Any]] = []  # what happened to attempts, for the end of the unit

    def finish(self) -> None:
        """At the end of each unit of work that writes, by whoever commits it."""
        self.attempts.write_events()

    def forget(self) -> None:
        """The unit failed: what it has not written yet is not to be written by the next one."""
        self._noted.clear()

    @property
    def organisations(self) -> Organisations:
        """The organisations themselves."""
        return Organisations(self.connection)

    def contact_lists(self, org_id: OrgId | None) -> ContactLists:
        """Contact lists of an organisation; of all of them with None, for the engine."""
        return ContactLists(self.connection, org_id, self.now)

    def contacts(self, org_id: OrgId) -> Contacts:
        """Contacts and their addresses."""
        return Contacts(self.connection, org_id, self.now)

    @property
    def contact_history(self) -> ContactHistory:
        """What was done about contacts."""
        return ContactHistory(self.connection)

    def contact_rules(self, org_id: OrgId) -> ContactRules:
        """What holds for the contacts: definitions, checks of numbers, exclusions, removal."""
        return ContactRules(self.connection, org_id, self.now)

    def contact_notes(self, org_id: OrgId) -> ContactNotes:
        """What people wrote down about contacts."""
        return ContactNotes(self.connection, org_id, self.now)

    def agents(self, org_id: OrgId | None) -> Agents:
        """Agents of an organisation; of all of them with None, for the engine."""
        return Agents(self.connection, org_id, self.now)

    def area_codes(self, org_id: OrgId) -> AreaCodeTable:
        """Where numbers are, by their first digits."""
        return AreaCodeTable(self.connection, org_id)

    def dnc(self, org_id: OrgId | None) -> Dnc:
        """Whom an organisation must not call; with None, the lists common to all organisations."""
        return Dnc(self.connection, org_id, self.now)

    def rules(self, org_id: OrgId) -> Rules:
        """Rules across campaigns."""
        return Rules(self.connection, org_id)

    def codes(self, org_id: OrgId | None) -> Codes:
        """Custom completion codes of an organisation; with None those of all, for a global user to see."""
        return Codes(self.connection, org_id)

    def strategies(self, org_id: OrgId) -> Strategies:
        """Versions of strategies."""
        return Strategies(self.connection, org_id, self.now)

    def campaigns(self, org_id: OrgId) -> Campaigns:
        """Campaign definitions."""
        return Campaigns(self.connection, org_id, self.now)

    def jobs(self, org_id: OrgId | None) -> Jobs:
        """Jobs of an organisation; of all of them with None, for the engine."""
        return Jobs(self.connection, org_id, self.now, self._started if org_id is None else None)

    def schedules(self, org_id: OrgId | None) -> Schedules:
        """Schedules of campaigns and data sources; of all organisations with None, for the engine."""
        return Schedules(self.connection, org_id, self.now)

    def data_sources(self, org_id: OrgId | None) -> DataSources:
        """Data sources of an organisation; of all of them with None, for the engine."""
        return DataSources(self.connection, org_id, self.now)

    def import_runs(self, org_id: OrgId | None) -> ImportRuns:
        """Runs of data sources; of all organisations with None, for the engine."""
        return ImportRuns(self.connection, org_id, self.now)

    def callbacks(self, org_id: OrgId | None) -> Callbacks:
        """Callbacks of an organisation; of all of them with None, for the engine."""
        return Callbacks(self.connection, org_id, self.now)

    def unmaskings(self, org_id: OrgId) -> Unmaskings:
        """Who saw masked attributes of an organisation's contacts."""
        return Unmaskings(self.connection, org_id, self.now)

    def listenings(self, org_id: OrgId | None) -> Listenings:
        """Who listened to an organisation's agents; of all of them with None, for the engine."""
        return Listenings(self.connection, org_id)

    def exports(self, org_id: OrgId | None) -> Exports:
        """Recurring exports and their runs; of all organisations with None, for the engine."""
        return Exports(self.connection, org_id, self.now)

    def received(self, org_id: OrgId | None) -> ReceivedMessages:
        """What people wrote to an organisation; to all of them with None, for the engine."""
        return ReceivedMessages(self.connection, org_id)

    @property
    def outbox(self) -> Outbox:
        """Results that wait to be told, for the engine."""
        return Outbox(self.connection, self.now)

    @property
    def edits(self) -> Edits:
        """Who changed what."""
        return Edits(self.connection, self.now)

    def counters(self, campaign_id: CampaignId) -> Counters:
        """Counters of a campaign, for its apps."""
        return Counters(self.connection, campaign_id)

    def history(self, org_id: OrgId) -> AttemptHistory:
        """Attempts as people read them."""
        return AttemptHistory(self.connection, org_id)

    @property
    def attempts(self) -> AttemptLedger:
        """The ledger, for the engine."""
        return AttemptLedger(self.connection, self._noted)

    @property
    def messages(self) -> Messages:
        """Text messages and emails on record, for the engine."""
        return Messages(self.connection, self.now)

    def live_answers(self, org_id: OrgId) -> LiveAnswers:
        """Who answered calls for agents, and found one or not."""
        return LiveAnswers(self.connection, org_id)

    @property
    def pacing(self) -> PacingRecords:
        """Why so many calls were placed, and what pacers have learned."""
        return PacingRecords(self.connection, self.now)

    @property
    def job_contacts(self) -> JobContacts:
        """Where contacts stand in jobs, for the engine."""
        return JobContacts(self.connection, self.now)

    @property
    def old_data(self) -> OldData:
        """What is old enough to be archived and purged, of all organisations."""
        return OldData(self.connection, self.now)

    @property
    def retention_runs(self) -> RetentionRuns:
        """What was archived and purged."""
        return RetentionRuns(self.connection, self.now)

    @property
    def node_statuses(self) -> NodeStatuses:
        """What the running nodes say of themselves."""
        return NodeStatuses(self.connection)

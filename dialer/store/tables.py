"""The tables: one database for organisations, contacts, campaigns, jobs and the ledger of attempts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, MetaData, String, Table, Text, UniqueConstraint, text

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(at: datetime) -> int:
    """An aware instant as the tables keep it: microseconds since 1970 UTC."""
    if at.tzinfo is None:
        raise ValueError("a naive datetime may not be stored")
    return (at - _EPOCH) // _MICROSECOND  # whole numbers all the way: a float would lose a microsecond now and then


class Instant(sa.types.TypeDecorator[datetime]):
    """An instant as integer microseconds since 1970 UTC: the same order and the same value on every database."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> int | None:
        """An aware datetime to microseconds; a naive one is a bug of ours."""
        return None if value is None else microseconds(value)

    def process_result_value(self, value: int | None, dialect: Any) -> datetime | None:
        """Microseconds to an aware UTC datetime."""
        return None if value is None else _EPOCH + value * _MICROSECOND


Id = sa.BigInteger().with_variant(Integer, "sqlite")  # SQLite gives row ids to INTEGER PRIMARY KEY only


def _org() -> Column[int]:
    return Column("org_id", Id, ForeignKey("organisations.id"), nullable=False)


organisations = Table(
    "organisations",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(80), nullable=False),
    Column("name_key", String(80), nullable=False, unique=True),
)

contact_lists = Table(
    "contact_lists",
    metadata,
    Column("id", Id, primary_key=True),
    _org(),
    Column("name", String(80), nullable=False),
    Column("name_key", String(80), nullable=False),
    Column("attributes", sa.JSON, nullable=False),  # names of the attributes that its contacts may have, in order
    Column("created_at", Instant, nullable=False),
    Column("emptying_since", Instant),  # whoever was written before this moment is to go; NULL = nobody is
    UniqueConstraint("org_id", "name_key"),
)

contacts = Table(
    "contacts",
    metadata,
    Column("id", Id, primary_key=True),
    _org(),
    Column("list_id", Id, ForeignKey("contact_lists.id"), nullable=False),
    Column("user_contact_id", String(80), nullable=False),  # the user's own id, unique in its list
    Column("language", String(16), nullable=False, default="en"),
    Column("time_zone", String(64), nullable=False, default=""),  # as imported; "" = by the number
    Column("attributes", sa.JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    UniqueConstraint("list_id", "user_contact_id"),
    Index("ix_contacts_list_id_id", "list_id", "id"),  # the order in which a job walks its list
    Index("ix_contacts_list_id_updated_at", "list_id", "updated_at", "id"),  # who changed behind a job's back
)

addresses = Table(
    "addresses",
    metadata,
    Column("id", Id, primary_key=True),
    Column("org_id", Id, nullable=False),  # its contact's: no reference of its own, which an import would pay for with each row
    Column("contact_id", Id, ForeignKey("contacts.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(40), nullable=False),  # "mobile", "home", ...: what a strategy calls it
    Column("channel", String(8), nullable=False, default="voice"),
    Column("value", String(254), nullable=False),  # E.164 for voice
    Column("zones", Text, nullable=False),  # the IANA zones in which it may be, joined by commas
    UniqueConstraint("contact_id", "name"),
    Index("ix_addresses_org_id_value", "org_id", "value"),
)

completion_codes = Table(  # custom codes; the system's are in dialer.domain.codes
    "completion_codes",
    metadata,
    Column("id", Id, primary_key=True),
    _org(),
    Column("name", String(80), nullable=False),
    Column("name_key", String(80), nullable=False),
    Column("description", String(400), nullable=False),
    Column("is_rpc", sa.Boolean, nullable=False),
    Column("is_success", sa.Boolean, nullable=False),
    Column("is_closure", sa.Boolean, nullable=False),
    Column("is_answer_machine", sa.Boolean, nullable=False),
    Column("add_to_dnc", sa.Boolean, nullable=False),
    Column("next_action", String(16), nullable=False),
    Column("schedule_after_s", Integer, nullable=False, server_default="86400"),
    Column("block_scope", String(16), nullable=False, server_default="organisation"),
    Column("active", sa.Boolean, nullable=False),
    UniqueConstraint("org_id", "name_key"),
)

strategies = Table(  # append-only: an edit is a new version
    "strategies",
    metadata,
    Column("id", Id, primary_key=True),
    _org(),
    Column("name", String(80), nullable=False),
    Column("version", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("org_id", "name", "version"),
)

campaigns = Table(
    "campaigns",
    metadata,
    Column("id", Id, primary_key=True),
    _org(),
    Column("name", String(80), nullable=False),
    Column("name_key", String(80), nullable=False),
    Column("definition", sa.JSON, nullable=False),  # strategy, trunk, caller_id, pace, finish
    Column("created_at", Instant, nullable=False),
    Column("version", Integer, nullable=False, server_default=text("1")),  # counts its edits
    Column("deleted_at", Instant),  # its name is free again; the row stays for its jobs
    UniqueConstraint("org_id", "name_key"),
)

campaign_lists = Table(
    "campaign_lists",
    metadata,
    Column("campaign_id", Id, ForeignKey("campaigns.id"), primary_key=True),
    Column("list_id", Id, ForeignKey("contact_lists.id"), primary_key=True),
    Column("position", Integer, nullable=False),
)

campaign_codes = Table(
    "campaign_codes",
    metadata,
    Column("campaign_id", Id, ForeignKey("campaigns.id"), primary_key=True),
    Column("code_id", Id, ForeignKey("completion_codes.id"), primary_key=True),
)

_OPEN_JOB = text("state <> 'completed'")

jobs = Table(
    "jobs",
    metadata,
    Column("id", Id, primary_key=True),
    _org(),
    Column("campaign_id", Id, ForeignKey("campaigns.id"), nullable=False),
    Column("state", String(16), nullable=False),
    Column("because", String(200), nullable=False),
    Column("changed_by", String(80), nullable=False),  # who asked for the present state
    Column("force", sa.Boolean, nullable=False, default=False),
    Column("strategy_text", Text, nullable=False),
    Column("definition", sa.JSON, nullable=False),
    Column("pace", sa.JSON, nullable=False),  # the operator's knob: may change while the job runs
    Column("list_ids", sa.JSON, nullable=False),  # in dialling order
    Column("created_at", Instant, nullable=False),
    Column("started_at", Instant),
    Column("ended_at", Instant),
    Column("version", Integer, nullable=False, server_default=text("1")),  # counts the operators' edits
    Column("restrictions", Integer, nullable=False, server_default=text("0")),  # how often one held a contact back for a while
    Column("walk", sa.JSON),  # how far it has come along its lists (store/job_walk.py); NULL = not begun
    Column("recycled_from", Id),  # it calls only contacts that ended in that earlier job ...
    Column("recycled_codes", sa.JSON),  # ... with one of these codes
    Column("archived", sa.JSON),  # places that retention has taken from job_contacts: {state: how many}; NULL = none
    CheckConstraint("state IN ('queued','running','paused','stopping','completed')", name="state"),
    Index("ix_jobs_state", "state"),
    # A campaign runs once at a time, whoever starts it and from wherever.
    Index("uq_jobs_open_campaign", "campaign_id", unique=True, sqlite_where=_OPEN_JOB, postgresql_where=_OPEN_JOB),
)

_LEASED = text("state = 'claimed'")
_WAITING = text("state = 'scheduled'")

job_contacts = Table(
    "job_contacts",
    metadata,
    Column("job_id", Id, ForeignKey("jobs.id"), primary_key=True),
    Column("contact_id", Id, ForeignKey("contacts.id"), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("due_at", Instant),  # SCHEDULED: not before
    Column("because", String(200), nullable=False, default=""),  # why it waits
    Column("restricted", sa.Boolean, nullable=False, server_default=sa.false()),  # ... for a restriction of the strategy
    Column("handler", String(40), nullable=False, default="initial"),
    Column("address_index", Integer, nullable=False, default=0),  # which of the handler's addresses comes next
    Column("progress", sa.JSON, nullable=False),  # attempts so far in this handler, by code
    Column("attempts", Integer, nullable=False, default=0),
    Column("lease_owner", String(80)),
    Column("lease_until", Instant),
    Column("last_code", String(80)),
    Column("finished_at", Instant),
    Column("list_id", Id),  # the list that it is on; NULL = the contact was deleted since
    CheckConstraint("state IN ('claimed','scheduled','in_call','finished')", name="state"),
    Index("ix_job_contacts_due", "job_id", "state", "due_at", "list_id"),  # the queue; and everything that totals ask
    Index("ix_job_contacts_handler", "job_id", "handler", "due_at", sqlite_where=_WAITING, postgresql_where=_WAITING),
    Index("ix_job_contacts_lease", "lease_until", sqlite_where=_LEASED, postgresql_where=_LEASED),  # few, on any list
    Index("ix_job_contacts_contact_id", "contact_id"),
)

_LIVE = text("code IS NULL")
_LIVE_ADDRESS = text("code IS NULL AND address <> ''")
_BY_AGENT = text("agent <> ''")
_PERSON = text("person_at IS NOT NULL")

attempts = Table(
    "attempts",
    metadata,
    Column("id", String(26), primary_key=True),
    _org(),
    Column("job_id", Id, ForeignKey("jobs.id"), nullable=False),
    Column("contact_id", Id, ForeignKey("contacts.id"), nullable=False),
    Column("handler", String(40), nullable=False),
    Column("channel", String(8), nullable=False, server_default="voice"),
    Column("address_name", String(40), nullable=False),
    Column("address", String(254), nullable=False, server_default=text("''")),  # "" = the attempt needed none
    Column("trunk", String(40), nullable=False),
    Column("switch", String(40), nullable=False),
    Column("node", String(40), nullable=False),
    Column("nonce", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("intent_at", Instant, nullable=False),
    Column("sent_at", Instant),
    Column("ringing_at", Instant),
    Column("answered_at", Instant),
    Column("person_at", Instant),  # of a call for agents: it was known that a person had answered
    Column("joined_at", Instant),  # ... and an agent had them
    Column("ended_at", Instant),
    Column("cause", Integer),
    Column("tech_cause", Integer),
    Column("amd_status", String(16)),
    Column("amd_cause", String(80)),
    Column("app", String(80)),
    Column("app_code", String(80)),
    Column("app_note", Text),
    Column("next_at", Instant),  # the date given on the call for the next one
    Column("system_code", String(80), nullable=False),
    Column("code", String(80)),  # NULL while it lives; written once
    Column("code_source", String(16)),
    Column("agent", String(80), nullable=False, server_default=text("''")),  # who had the contact: the login; "" = nobody
    Column("again_after", String(26)),  # the attempt that an agent redialled
    CheckConstraint("(code IS NULL) = (state <> 'final')", name="one_code"),
    # On each channel one live attempt per contact, and per address in an organisation (whatever job asks for it).
    Index("uq_attempts_live_contact", "contact_id", "channel", unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE),
    Index(
        "uq_attempts_live_address",
        "org_id",
        "channel",
        "address",
        unique=True,
        sqlite_where=_LIVE_ADDRESS,
        postgresql_where=_LIVE_ADDRESS,
    ),
    Index("ix_attempts_job_id_id", "job_id", "id"),
    # How many people answered, and found an agent or not: what the law limits.
    Index("ix_attempts_job_id_person_at", "job_id", "person_at", sqlite_where=_PERSON, postgresql_where=_PERSON),
    Index("ix_attempts_contact_id", "contact_id"),
    Index("ix_attempts_org_id_address", "org_id", "address", "intent_at"),  # how often was it attempted, and when
    Index("ix_attempts_agent", "org_id", "agent", "ended_at", sqlite_where=_BY_AGENT, postgresql_where=_BY_AGENT),
)

attempt_events = Table(  # append-only: what happened, in the order in which we learned it
    "attempt_events",
    metadata,
    Column("id", Id, primary_key=True),
    Column("attempt_id", String(26), ForeignKey("attempts.id"), nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("kind", String(24), nullable=False),
    Column("data", sa.JSON, nullable=False),
)

job_code_counts = Table(  # kept in the transaction that writes the code, so that a finish criterion needs no scan
    "job_code_counts",
    metadata,
    Column("job_id", Id, ForeignKey("jobs.id"), primary_key=True),
    Column("code", String(80), primary_key=True),
    Column("count", Integer, nullable=False),
    Column("slot", sa.BigInteger, nullable=False, server_default=text("0")),  # of time, in which it came up last
)

job_code_marks = Table(  # what a count was when a slot of time began in which the code came up (store/code_counts.py)
    "job_code_marks",
    metadata,
    Column("job_id", Id, ForeignKey("jobs.id"), primary_key=True),
    Column("code", String(80), primary_key=True),
    Column("slot", sa.BigInteger, primary_key=True, autoincrement=False),
    Column("count_before", Integer, nullable=False),
)

node_status = Table(  # what a running node sees, written about once a second: for `why`, `status` and `watch`
    "node_status",
    metadata,
    Column("node", String(40), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("data", sa.JSON, nullable=False),
)

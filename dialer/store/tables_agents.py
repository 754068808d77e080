"""The tables of agents: who they are, what they can do, what they did, and what they wrote down about contacts."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from dialer.store.tables import Id, Instant, metadata

agents = Table(
    "agents",
    metadata,
    Column("id", Id, primary_key=True),
    Column("org_id", Id, ForeignKey("organisations.id"), nullable=False),
    Column("login", String(80), nullable=False),
    Column("login_key", String(80), nullable=False),
    Column("name", String(80), nullable=False),
    Column("phone", String(80), nullable=False),  # where the own telephone is rung; "" = said at log-in
    Column("active", sa.Boolean, nullable=False),
    Column("supervisor", sa.Boolean, nullable=False, server_default=sa.false()),  # may see the floor, and listen to others
    Column("token_hash", String(64), unique=True),  # SHA-256 of the token; NULL = may not use a desk
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("org_id", "login_key"),
)

agent_skills = Table(
    "agent_skills",
    metadata,
    Column("agent_id", Id, ForeignKey("agents.id", ondelete="CASCADE"), primary_key=True),
    Column("name_key", String(80), primary_key=True),
    Column("name", String(80), nullable=False),
    Column("level", Integer, nullable=False),
)

agent_campaigns = Table(  # for which campaigns an agent works, and which come first
    "agent_campaigns",
    metadata,
    Column("agent_id", Id, ForeignKey("agents.id", ondelete="CASCADE"), primary_key=True),
    Column("campaign_id", Id, ForeignKey("campaigns.id"), primary_key=True),
    Column("allowed", sa.Boolean, nullable=False),  # no row that is = every campaign
    Column("preferred", Integer),  # place in the order; NULL = not preferred
)

agent_states = Table(  # append-only: each change of an agent's state
    "agent_states",
    metadata,
    Column("id", Id, primary_key=True),
    Column("agent_id", Id, ForeignKey("agents.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(80), nullable=False),
    Column("walked_away", sa.Boolean, nullable=False),
    Column("job_id", Id),  # whose contact the agent had
    Column("attempt_id", String(26)),
    Index("ix_agent_states_agent_id_at", "agent_id", "at"),
)

listenings = Table(  # append-only but for its end: which supervisor was at whose side, when and how
    "listenings",
    metadata,
    Column("id", Id, primary_key=True),
    Column("org_id", Id, ForeignKey("organisations.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("supervisor", String(80), nullable=False),  # logins
    Column("agent", String(80), nullable=False),
    Column("how", String(16), nullable=False),
    Column("attempt_id", String(26)),  # the talk that went on when it began
    Column("ended_at", Instant),  # NULL = it goes on
    Column("because", String(200), nullable=False),  # why it ended; "" = the supervisor wanted it
    Index("ix_listenings_org_id_id", "org_id", "id"),
)

not_ready_reasons = Table(
    "not_ready_reasons",
    metadata,
    Column("org_id", Id, ForeignKey("organisations.id"), primary_key=True),
    Column("name_key", String(80), primary_key=True),
    Column("name", String(80), nullable=False),
)

contact_notes = Table(  # append-only: what people wrote down about a contact
    "contact_notes",
    metadata,
    Column("id", Id, primary_key=True),
    Column("contact_id", Id, ForeignKey("contacts.id", ondelete="CASCADE"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", String(80), nullable=False),
    Column("text", Text, nullable=False),
    Column("attempt_id", String(26)),  # on which call
    Index("ix_contact_notes_contact_id_id", "contact_id", "id"),
)

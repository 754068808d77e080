"""The tables of text messages and emails: one row beside each attempt that was one, and the ids by which providers know it."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text, text

from dialer.store.tables import Id, Instant, metadata

_TO_LOOK_UP = text("look_at IS NOT NULL")

messages = Table(  # written before its gateway has it; goes with its attempt
    "messages",
    metadata,
    Column("attempt_id", String(26), ForeignKey("attempts.id"), primary_key=True),
    Column("org_id", Id, ForeignKey("organisations.id"), nullable=False),
    Column("channel", String(8), nullable=False),
    Column("gateway", String(40), nullable=False),
    Column("sender", String(254), nullable=False),
    Column("recipient", String(254), nullable=False),
    Column("subject", String(500), nullable=False),
    Column("body", Text, nullable=False),
    Column("segments", Integer, nullable=False),
    Column("expected", Integer, nullable=False),  # ids of its provider
    Column("put_at", Instant, nullable=False),
    Column("state", String(16)),  # of all that its provider said, in whatever order; NULL = nothing yet
    Column("state_at", Instant),
    Column("refusal", String(16)),
    Column("told_code", String(40), nullable=False),
    Column("told_text", String(400), nullable=False),
    Column("looks", Integer, nullable=False),
    Column("look_at", Instant),
    Index("ix_messages_recipient_put_at", "recipient", "put_at"),  # to whom somebody who writes to us is answering
    Index("ix_messages_look_at", "look_at", sqlite_where=_TO_LOOK_UP, postgresql_where=_TO_LOOK_UP),
)

message_ids = Table(  # news may come before its message is known by this id: then attempt_id is NULL for a while
    "message_ids",
    metadata,
    Column("gateway", String(40), primary_key=True),
    Column("provider_id", String(400), primary_key=True),
    Column("attempt_id", String(26), ForeignKey("messages.attempt_id"), index=True),
    Column("at", Instant, nullable=False),
    Column("state", String(16), nullable=False),
    Column("refusal", String(16)),
    Column("told_code", String(40), nullable=False),
    Column("told_text", String(400), nullable=False),
)

"""The table of what people wrote to us."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint, text

from dialer.store.tables import Id, Instant, metadata

_OPEN = text("inbox = 'open'")
_ANSWERED = text("answer_state IN ('due','sending')")

received_messages = Table(
    "received_messages",
    metadata,
    Column("id", Id, primary_key=True),
    Column("org_id", Id, ForeignKey("organisations.id"), nullable=False),  # the default one where nobody knows whom it is for
    Column("gateway", String(40), nullable=False),
    Column("digest", String(64), nullable=False),  # of the provider's id; of the words where it gives none
    Column("channel", String(8), nullable=False),
    Column("sender", String(254), nullable=False),
    Column("recipient", String(254), nullable=False),
    Column("subject", String(500), nullable=False),
    Column("text", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("taken_for", String(16), nullable=False),
    # No references: an attempt or a contact may be purged before the message is.
    Column("attempt_id", String(26)),
    Column("contact_id", Id),
    Column("code", String(80), nullable=False),
    Column("note", String(400), nullable=False),
    Column("inbox", String(8), nullable=False),
    Column("assigned_to", String(80), nullable=False),
    Column("closed_by", String(80), nullable=False),
    Column("closed_at", Instant),
    Column("answer", Text, nullable=False),
    Column("answer_to", String(254), nullable=False),
    Column("answer_state", String(8), nullable=False),
    Column("answer_id", String(26)),
    Column("answer_at", Instant),  # not before; once it is sent: when
    Column("answer_tries", Integer, nullable=False),
    CheckConstraint(
        "taken_for IN ('automatic','opt-out','opt-in','help','reply','not understood','unmatched')", name="taken_for"
    ),
    CheckConstraint("inbox IN ('none','open','closed')", name="inbox"),
    CheckConstraint("answer_state IN ('none','due','sending','sent','failed','unknown')", name="answer_state"),
    UniqueConstraint("gateway", "digest"),
    Index("ix_received_messages_open", "org_id", "id", sqlite_where=_OPEN, postgresql_where=_OPEN),
    Index("ix_received_messages_answers", "answer_at", sqlite_where=_ANSWERED, postgresql_where=_ANSWERED),  # few
    Index("ix_received_messages_sender_at", "sender", "at"),  # what an address has written, and was answered, of late
    Index("ix_received_messages_attempt_id", "attempt_id"),
    Index("ix_received_messages_at", "at"),
)

"""Draw the consequences of what became of a message: its completion code, now or late, and addresses that are of no use."""

from __future__ import annotations

from datetime import datetime

from dialer.domain.channel import Channel
from dialer.domain.codes import SystemCode
from dialer.domain.message import Message
from dialer.domain.message_codes import EMAIL_CODES, SMS_CODES, code_of
from dialer.domain.message_state import Refusal
from dialer.services.completion import Completed, StrategyOf, close_in
from dialer.services.finishing import finish_if_met
from dialer.services.late_codes import replace_code
from dialer.store.attempts import Closing
from dialer.store.store import Tx

GATEWAY, RECONCILE = "gateway", "reconcile"  # the sources of codes that later news may correct
_CORRECTED = SMS_CODES | EMAIL_CODES | {SystemCode.UNKNOWN}


def settle(tx: Tx, message: Message, strategy_of: StrategyOf, now: datetime) -> Completed | None:
    """Close the attempt of a message that has come to its end; None while it has not, and when it was closed before.

    What is told after the attempt was closed corrects its code, where no person's answer gave it; the contact has gone on.
    """
    code = code_of(message.channel, message.state, message.refusal)
    if code is None:
        return None
    if code is SystemCode.EMAIL_BOUNCED and message.refusal is Refusal.ADDRESS:
        no_such_mailbox(tx, message, now)
    closing = Closing(code=code, source=GATEWAY, system_code=code, ended_at=max(now, message.put_at), note=note_of(message))
    if (completed := close_in(tx, message.attempt_id, closing, strategy_of)) is not None:
        return completed
    attempt = tx.attempts.get(message.attempt_id)
    if attempt is None or attempt.code is None:
        return None
    if attempt.code != code and attempt.code in _CORRECTED and attempt.code_source in (GATEWAY, RECONCILE):
        tx.job_contacts.get(attempt.job_id, attempt.contact_id, hold=True)  # nobody else replaces it at the same time
        job = tx.jobs(None).as_started(attempt.job_id)
        handler = strategy_of(job.id, job.strategy_text).handler(attempt.handler)
        replace_code(tx, job, attempt, handler, code, None, source=GATEWAY, now=now)
        finish_if_met(tx, job, code)
    return None


def no_such_mailbox(tx: Tx, message: Message, now: datetime) -> None:
    """Never write there again: who goes on writing to dead mailboxes is soon taken for a sender of spam."""
    if message.channel is Channel.EMAIL:
        tx.dnc(message.org_id).add(message.recipient, reason="no such mailbox", now=now)


def note_of(message: Message) -> str:
    """Why, in the provider's words, for the record."""
    said = " ".join(part for part in (message.told_code, message.told_text) if part)
    return f"{message.state.value if message.state else ''}: {said}" if said else str(message.state or "")

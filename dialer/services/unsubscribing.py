"""Stop all messages to an address, at the click of whoever reads its mails."""

from __future__ import annotations

from datetime import datetime

from dialer.domain.channel import Channel
from dialer.domain.ids import AttemptId
from dialer.ports import InboundSink, MessageReceived
from dialer.services.opt_outs import STOPPED
from dialer.store.store import Store, Tx

WORD = "UNSUBSCRIBE"  # as which the click goes on to where all opt-outs go


async def unsubscribe(store: Store, attempt_id: AttemptId, now: datetime, sink: InboundSink) -> bool:
    """From its commit on nothing is sent to the address that this mail went to. False when there is no such mail (any more).

    The click then goes on as a message to us, so that the campaign and whoever looks after answers know of it. Raises StoreDown.
    """

    def work(tx: Tx) -> tuple[str, str]:
        attempt, message = tx.attempts.get(attempt_id), tx.messages.get(attempt_id)
        if attempt is None or attempt.channel is not Channel.EMAIL:
            return "", ""
        tx.dnc(attempt.org_id).add(attempt.address, reason=STOPPED, now=now)
        return attempt.address, "" if message is None else message.gateway

    address, gateway = await store.write(work)
    if not address:
        return False
    await sink(
        MessageReceived(
            gateway=gateway,
            provider_id=f"one-click-{attempt_id}-{now.timestamp():.3f}",  # who opts in again may click again
            sender=address,
            recipient="unsubscribe",
            text=WORD,
            at=now,
            attempt_id=attempt_id,
            automatic=True,  # nobody waits for an answer to a click
        )
    )
    return True

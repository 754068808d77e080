"""Opt somebody out whose message a person has read: what a STOP would have done, where no program could tell that it was one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from dialer.domain.channel import Channel
from dialer.domain.ids import OrgId, ReceivedId
from dialer.domain.received import InboxState, Received
from dialer.domain.wording import ENGLISH, Wish
from dialer.errors import Conflict
from dialer.services.completion import StrategyOf
from dialer.services.names import NAME_LIMIT
from dialer.services.on_record import OLDEST
from dialer.services.opt_outs import Asked, ReplyRules, carry_out
from dialer.services.reply_words import shipped_wording
from dialer.store.store import Store, Tx


async def opt_out_sender(store: Store, org_id: OrgId, received_id: ReceivedId, strategy_of: StrategyOf, *, by: str) -> Received:
    """From the commit on nothing is sent to whoever wrote it; the message is closed. It gets no confirmation: that one is owed
    within five minutes of a STOP. Raises NotFound, Conflict.
    """

    def work(tx: Tx) -> Received:
        one = tx.received(org_id).get(received_id, hold=True)
        if one.inbox is not InboxState.OPEN:
            raise Conflict(f"the message {received_id} waits for nobody (any more)")
        attempt = None if one.attempt_id is None else tx.attempts.get(one.attempt_id)
        asked = Asked(
            tx=tx,
            rules=ReplyRules(wording=shipped_wording(), confirm=False),
            message=replace(one, at=tx.now),
            attempt=attempt,
            signed=attempt is not None and one.channel is Channel.EMAIL,  # else a mail finds no attempt
            automatic=False,
            writers=_writers(tx, one),
            strategy_of=strategy_of,
            job_of=tx.jobs(None).get_for_update,
        )
        done, _completed = carry_out(asked, Wish.STOP, ENGLISH)
        values = {"inbox": InboxState.CLOSED.value, "closed_by": by[:NAME_LIMIT], "closed_at": tx.now}
        tx.received(org_id).change(received_id, taken_for=done.taken_for.value, code=done.code, **values)
        return tx.received(org_id).get(received_id)

    return await store.write(work)


def _writers(tx: Tx, one: Received) -> list[OrgId]:
    """The organisations that have written to its sender."""
    written = tx.messages.put_to({one.sender}, since=one.at - OLDEST - timedelta(days=1))
    return [ours.org_id for ours in written.get(one.sender, ()) if ours.channel is one.channel]

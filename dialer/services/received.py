"""Take what people write to us: opt-outs first, then the answers to our messages; the rest waits for somebody to read it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from dialer.domain.attempt import Attempt
from dialer.domain.channel import Channel
from dialer.domain.codes import SystemCode
from dialer.domain.ids import AttemptId
from dialer.domain.message import Message
from dialer.domain.received import InboxState, Received, TakenFor
from dialer.domain.reply import Matched, Replies, ReplyRow, match
from dialer.domain.wording import fold
from dialer.errors import BadInput, Conflict, NotFound
from dialer.services.completion import Completed, StrategyOf
from dialer.services.incoming import Incoming
from dialer.services.on_record import OnRecord
from dialer.services.opt_outs import Asked, ReplyRules, carry_out
from dialer.services.pdc_contacts import set_attribute_in
from dialer.services.reply_codes import give_code
from dialer.services.reply_patterns import search
from dialer.store.store import Store, Tx
from pdc import PdcError

log = structlog.get_logger()

AGAIN_S = 600.0  # where a provider gives no ids, the same words within this time are the same message
NO_ANSWER = "the campaign asks for no answer"
MAY_STOP = "may be meant as an opt-out"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppCall:
    """A message app that is to be handed a message."""

    row: ReplyRow
    attempt: Attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What became of a message."""

    message: Received | None = None  # None: it had come before
    completed: Completed | None = None  # an attempt that ended with it, or has another code
    app: AppCall | None = None  # to be run now


async def receive(
    store: Store,
    arrived: Sequence[Incoming],
    rules: ReplyRules,
    strategy_of: StrategyOf,
    *,
    newly_barred: Collection[str] = (),
) -> list[Heard]:
    """Keep messages and do what they ask for, in one transaction: all of it is on disk when this returns.

    `newly_barred`: digests of opt-outs whose senders were barred beforehand (`bar_at_once`).

    A message that comes again changes nothing. Raises StoreDown, and what was wrong with any of them: then nothing was kept.
    """

    def work(tx: Tx) -> list[Heard]:
        record = OnRecord(tx, arrived)
        return [_Taking(tx, record, one, rules, strategy_of, one.digest in newly_barred).take() for one in arrived]

    found = await store.write(work)
    for one, heard in zip(arrived, found, strict=True):
        if (kept := heard.message) is None:
            log.info("a message that came before", gateway=one.message.gateway)
        else:
            of = {"gateway": kept.gateway, "taken_for": kept.taken_for.value, "attempt": kept.attempt_id, "code": kept.code}
            log.info("a message came", **of)
    return found


class _Taking:
    """One message, in a transaction."""

    def __init__(
        self, tx: Tx, record: OnRecord, incoming: Incoming, rules: ReplyRules, strategy_of: StrategyOf, newly_barred: bool
    ) -> None:
        self._tx, self._record, self._incoming, self._newly_barred = tx, record, incoming, newly_barred
        self._rules, self._strategy_of = rules, strategy_of
        self._news, self._now = incoming.news, incoming.news.at
        self._completed: Completed | None = None
        self._written: list[Message] = []  # our messages to the sender
        self._app: AppCall | None = None
        # Signed: the message itself says what it answers, and only who has got that mail can know it.
        self._signed = None if self._news.attempt_id is None else self._attempt_of(self._news.attempt_id)

    def take(self) -> Heard:
        if self._record.came_before(self._incoming):
            return Heard()
        one = self._incoming.message
        self._written = self._record.written_to(self._incoming)
        attempt, replies = self._answered(one)
        if attempt is not None:
            one = replace(one, org_id=attempt.org_id, attempt_id=attempt.id, contact_id=attempt.contact_id)
        else:
            one = replace(one, org_id=self._record.default_organisation())
        received = self._tx.received(None)
        # An opt-out is never taken for the one before: there may have been a START in between.
        if not self._news.provider_id and not self._incoming.stops and received.said_again(one, within_s=AGAIN_S):
            return Heard()
        one = self._understood(one, attempt, replies)
        one = replace(one, id=received.add(one, digest=self._incoming.digest))
        self._record.kept(self._incoming)
        if attempt is not None:
            self._record.changed(attempt, self._completed)
        return Heard(message=one, completed=self._completed, app=self._app)

    # ── whom it answers ───────────────────────────────────────────────────────────────────────────────────────────

    def _answered(self, one: Received) -> tuple[Attempt | None, Replies | str]:
        """The message of ours that this one answers, and what its handler makes of answers, or why it makes nothing of this one.

        What a mail answers it must say itself: anybody can write any sender's name. For a telephone it is the latest message to
        its number that asks for an answer and whose time for one is not over, else the latest at all.
        """
        if self._signed is not None:
            return self._signed, self._replies(self._signed) or NO_ANSWER
        if one.channel is not Channel.SMS:
            return None, ""
        latest, because = None, NO_ANSWER
        for message in self._written_by_number(one):
            attempt = self._record.attempt(message.attempt_id)
            if attempt is None or attempt.code == SystemCode.NOT_LAUNCHED:
                continue
            latest = latest or attempt
            if (replies := self._replies(attempt)) is None:
                continue
            if one.at <= message.put_at + timedelta(seconds=replies.within_s):
                return attempt, replies
            because = "it came when the time for answers was over"
        return latest, because

    def _attempt_of(self, named: AttemptId) -> Attempt | None:
        """The attempt that a mail names: or that of the message which our own answer answered, for people answer those, too."""
        found = self._record.attempt(named)
        if found is None and (ours := self._tx.received(None).answered_as(self._incoming.message.sender, named)):
            found = self._record.attempt(ours)
        return found

    def _written_by_number(self, one: Received) -> list[Message]:
        """Our messages to this number, the latest first: from the very number to which it has answered, if any was."""
        found = [message for message in self._written if message.gateway == one.gateway]
        return [message for message in found if message.sender == one.recipient] or found

    def _replies(self, attempt: Attempt) -> Replies | None:
        job = self._tx.jobs(None).as_started(attempt.job_id)
        return self._strategy_of(job.id, job.strategy_text).handler(attempt.handler).replies

    # ── what it means ─────────────────────────────────────────────────────────────────────────────────────────────

    def _understood(self, one: Received, attempt: Attempt | None, replies: Replies | str) -> Received:
        """Opt-outs go before everything. A machine's mail may carry one too: a mail program's button to unsubscribe."""
        if self._news.automatic and not self._incoming.stops:
            return replace(one, taken_for=TakenFor.AUTOMATIC)
        if self._incoming.wish is not None:
            asked = Asked(
                tx=self._tx,
                rules=self._rules,
                message=one,
                attempt=attempt,
                signed=self._signed is not None,
                automatic=self._news.automatic,
                writers=[message.org_id for message in self._written],
                strategy_of=self._strategy_of,
                job_of=self._record.job,
                newly_barred=self._newly_barred,
            )
            one, self._completed = carry_out(asked, *self._incoming.wish)
            return one
        if attempt is None:
            return replace(one, inbox=InboxState.OPEN, note=self._hint(one))
        if isinstance(replies, str):
            note = self._hint(one) or replies
            return replace(one, taken_for=TakenFor.NOT_UNDERSTOOD, inbox=InboxState.OPEN, note=note)
        return self._replied(one, attempt, replies)

    def _hint(self, one: Received) -> str:
        """What a person should know of a message that is read by nobody else."""
        hints = [MAY_STOP] if self._rules.wording.may_mean_stop(f"{one.subject}\n{one.text}") else []
        if attached := self._news.attached:
            hints.append(
                f"{attached} file{'s' if attached > 1 else ''} came with it, and {'are' if attached > 1 else 'is'} not kept"
            )
        return "; ".join(hints)

    def _replied(self, one: Received, attempt: Attempt, replies: Replies) -> Received:
        found = match(replies, one.text or one.subject, search, self._rules.wording.polite)
        taken_for = TakenFor.REPLY if found.understood else TakenFor.NOT_UNDERSTOOD
        one = replace(one, taken_for=taken_for)
        if not found.understood:
            notes = [self._hint(one)]
        else:  # "Yes\nbut stop texting me": a row fits, and a person should look all the same
            more = fold(one.text) not in found.row.words and self._rules.wording.may_mean_stop(one.text)
            notes = [MAY_STOP] if more else []
        notes += self._set(attempt, found)
        if found.row.app:
            # Until the app has done its work, the message is a person's: so it is not lost where the dialer dies before.
            self._app = AppCall(row=found.row, attempt=attempt)
            notes.append(f"handed to the app {found.row.app}")
        elif found.row.code:
            code, because = self._give(attempt, found.row.code)
            one = replace(one, code=code)
            notes.append(because)
        note = "; ".join(one for one in notes if one)
        return replace(one, note=note[:400], inbox=InboxState.OPEN if note or not found.understood else InboxState.NONE)

    def _set(self, attempt: Attempt, found: Matched) -> list[str]:
        """Write the attributes; what cannot be written stands in the way of nothing else."""
        trouble = []
        for name, value in found.values.items():
            try:
                set_attribute_in(self._tx, attempt.org_id, attempt.contact_id, name, value, now=self._now)
            except (PdcError, NotFound) as mistake:
                log.error("an answer could not be kept", attempt=attempt.id, attribute=name, reason=str(mistake))
                trouble.append(f"{name} was not set: {mistake}")
        return trouble

    def _give(self, attempt: Attempt, name: str) -> tuple[str, str]:
        """The code that was given and "", or "" and why none was."""
        try:
            code, custom = self._record.code(attempt, name)
        except (BadInput, NotFound, Conflict) as mistake:
            log.error("an answer gives no code of its campaign", attempt=attempt.id, reason=str(mistake))
            return "", str(mistake)
        given = give_code(
            self._tx, attempt, code, strategy_of=self._strategy_of, now=self._now, custom=custom, job_of=self._record.job
        )
        self._completed = given.completed
        return ("", f"{code}: {given.because}") if given.because else (code, "")

"""Take what people write to us: opt-outs first, then the answers to our messages; the rest waits for somebody to read it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from dialer.domain.attempt import Attempt
from dialer.domain.channel import Channel
from dialer.domain.codes import SystemCode
from dialer.domain.ids import AttemptId, ReceivedId
from dialer.domain.message import Message
from dialer.domain.received import InboxState, Received, TakenFor, channel_of, digest_of
from dialer.domain.reply import Matched, Replies, ReplyRow, match
from dialer.domain.wording import Wish
from dialer.errors import BadInput, Conflict, NotFound
from dialer.ports import MessageReceived
from dialer.services.codes import settable_code
from dialer.services.completion import Completed, StrategyOf
from dialer.services.opt_outs import Asked, ReplyRules, carry_out
from dialer.services.organisations import DEFAULT
from dialer.services.pdc_contacts import set_attribute_in
from dialer.services.reply_codes import give_code
from dialer.services.reply_patterns import search
from dialer.store.store import Store, Tx
from pdc import PdcError

log = structlog.get_logger()

AGAIN_S = 600.0  # where a provider gives no ids, the same words within this time are the same message
OLDEST = timedelta(days=90)  # no older message of ours is looked at
TEXT_LIMIT = 20_000
NO_ANSWER = "the campaign asks for no answer"


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


async def receive(store: Store, news: MessageReceived, rules: ReplyRules, strategy_of: StrategyOf) -> Heard:
    """Keep a message and do what it asks for, in one transaction: all of it is on disk when this returns.

    A message that comes again changes nothing. Raises StoreDown: then nothing was kept, and the provider is to try again.
    """
    heard = await store.write(lambda tx: _Taking(tx, news, rules, strategy_of).take())
    if heard.message is None:
        log.info("a message that came before", gateway=news.gateway)
    else:
        one = heard.message
        log.info("a message came", gateway=one.gateway, taken_for=one.taken_for.value, attempt=one.attempt_id, code=one.code)
    return heard


class _Taking:
    """One message in one transaction."""

    def __init__(self, tx: Tx, news: MessageReceived, rules: ReplyRules, strategy_of: StrategyOf) -> None:
        self._tx, self._news, self._rules, self._strategy_of = tx, news, rules, strategy_of
        self._now = news.at
        self._completed: Completed | None = None
        self._written: list[Message] = []  # our messages to the sender
        self._app: AppCall | None = None
        # Signed: the message itself says what it answers, and only who has got that mail can know it.
        self._signed = None if news.attempt_id is None else self._attempt_of(news.attempt_id)
        self._wish: tuple[Wish, str] | None = None  # and the language in which it is said

    def take(self) -> Heard:
        one = self._tidy()
        self._wish = self._rules.wording.wish_in(one.text or one.subject)
        self._written = self._tx.messages.put_to(one.sender, channel=one.channel, since=one.at - OLDEST)
        attempt, replies = self._answered(one)
        if attempt is not None:
            one = replace(one, org_id=attempt.org_id, attempt_id=attempt.id, contact_id=attempt.contact_id)
        received = self._tx.received(None)
        digest = digest_of("id", one.sender, self._news.provider_id)
        if not self._news.provider_id:
            # An opt-out is never taken for the one before: there may have been a START in between.
            if not self._stops and received.said_again(one, within_s=AGAIN_S):
                return Heard()
            digest = digest_of("words", one.sender, one.recipient, one.text, one.at.isoformat())
        if received.known(one.gateway, digest):
            return Heard()
        one = self._understood(one, attempt, replies)
        one = replace(one, id=received.add(one, digest=digest))
        return Heard(message=one, completed=self._completed, app=self._app)

    def _tidy(self) -> Received:
        """What fits the table, and nothing that a database or a terminal could stumble over."""
        news = self._news
        channel = channel_of(news.sender)
        sender = _plain(news.sender, 254)
        return Received(
            id=ReceivedId(0),
            gateway=news.gateway[:40],
            channel=channel,
            sender=sender.casefold() if channel is Channel.EMAIL else _number(sender),
            recipient=_plain(news.recipient, 254),
            subject=_plain(news.subject, 500),
            text=_plain(news.text, TEXT_LIMIT, lines=True),
            at=news.at,
            taken_for=TakenFor.UNMATCHED,
            org_id=self._tx.organisations.ensure(DEFAULT),
        )

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
            attempt = self._tx.attempts.get(message.attempt_id)
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
        found = self._tx.attempts.get(named)
        if found is None and (ours := self._tx.received(None).answered_as(_plain(self._news.sender, 254).casefold(), named)):
            found = self._tx.attempts.get(ours)
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
        if self._news.automatic and not self._stops:
            return replace(one, taken_for=TakenFor.AUTOMATIC)
        if self._wish is not None:
            asked = Asked(
                tx=self._tx,
                rules=self._rules,
                message=one,
                attempt=attempt,
                signed=self._signed is not None,
                automatic=self._news.automatic,
                writers=[message.org_id for message in self._written],
                strategy_of=self._strategy_of,
            )
            one, self._completed = carry_out(asked, *self._wish)
            return one
        if attempt is None:
            return replace(one, inbox=InboxState.OPEN, note=self._hint(one))
        if isinstance(replies, str):
            note = self._hint(one) or replies
            return replace(one, taken_for=TakenFor.NOT_UNDERSTOOD, inbox=InboxState.OPEN, note=note)
        return self._replied(one, attempt, replies)

    @property
    def _stops(self) -> bool:
        return self._wish is not None and self._wish[0] is Wish.STOP

    def _hint(self, one: Received) -> str:
        return "may be meant as an opt-out" if self._rules.wording.may_mean_stop(one.text) else ""

    def _replied(self, one: Received, attempt: Attempt, replies: Replies) -> Received:
        found = match(replies, one.text or one.subject, search, self._rules.wording.polite)
        taken_for = TakenFor.REPLY if found.understood else TakenFor.NOT_UNDERSTOOD
        one = replace(one, taken_for=taken_for)
        notes = [] if found.understood else [self._hint(one)]
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
            code = settable_code(self._tx, attempt, name)
        except (BadInput, NotFound, Conflict) as mistake:
            log.error("an answer gives no code of its campaign", attempt=attempt.id, reason=str(mistake))
            return "", str(mistake)
        given = give_code(self._tx, attempt, code, strategy_of=self._strategy_of, now=self._now)
        self._completed = given.completed
        return ("", f"{code}: {given.because}") if given.because else (code, "")


def _number(sender: str) -> str:
    """A number as the ledger writes it: some gateways leave the plus sign out."""
    return f"+{sender}" if sender.isascii() and sender.isdecimal() and 8 <= len(sender) <= 15 else sender


def _plain(text: str, limit: int, *, lines: bool = False) -> str:
    """Text without control characters, halves of characters and what lies beyond the limit."""
    whole = text[:limit].encode(errors="replace").decode()
    kept = (char if char.isprintable() or (lines and char in "\n\t") else " " for char in whole.replace("\r\n", "\n"))
    return "".join(kept).strip()

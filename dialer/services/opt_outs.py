"""Carry out STOP, START and HELP: the DNC list, the end of the contact's campaign, and our one answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from dialer.domain.attempt import Attempt
from dialer.domain.campaign import Job
from dialer.domain.channel import Channel
from dialer.domain.codes import SystemCode
from dialer.domain.dnc import DncEntry
from dialer.domain.ids import JobId, OrgId, new_attempt_id
from dialer.domain.received import AnswerState, InboxState, Received, TakenFor
from dialer.domain.wording import Wish, Wording
from dialer.services.completion import Completed, StrategyOf
from dialer.services.organisations import DEFAULT
from dialer.services.reply_codes import give_code
from dialer.store.store import Tx

STOPPED = "opted out in writing"  # the reason of such a DNC entry; one with another reason is not for a START to take away
DAY = timedelta(days=1)
ANSWERS_A_DAY = 4  # that one address gets, so that no machine can keep us talking
HELPS_A_DAY = 2
_TAKEN_FOR = {Wish.STOP: TakenFor.OPT_OUT, Wish.START: TakenFor.OPT_IN, Wish.HELP: TakenFor.HELP}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyRules:
    """What an installation says of answers."""

    wording: Wording
    region: str = "US"  # of numbers that come without a country code
    confirm: bool = True  # answer opt-outs and opt-ins; false where the provider does
    names: Mapping[str, str] = field(default_factory=dict)  # organisation -> its name as contacts know it
    helps: Mapping[str, str] = field(default_factory=dict)  # organisation -> its answer to HELP


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A message that asks for one of the three, and what is known of it."""

    tx: Tx
    rules: ReplyRules
    message: Received
    attempt: Attempt | None  # the message of ours that it answers
    signed: bool  # the message itself says so, and only who got ours can know how
    automatic: bool  # a machine wrote it: it gets no answer
    writers: Sequence[OrgId]  # the organisations that have written to this sender
    strategy_of: StrategyOf
    job_of: Callable[[JobId], Job]  # held until the commit
    newly_barred: bool = False  # its sender was put on the DNC list a moment ago, because of this message


def carry_out(asked: Asked, wish: Wish, language: str) -> tuple[Received, Completed | None]:
    """Do what the message asks for; returns the message as it is to be kept, and an attempt that ended with it."""
    one, completed, changed = replace(asked.message, taken_for=_TAKEN_FOR[wish]), None, True
    match wish:
        case Wish.STOP:
            one, completed, changed = _stop(asked, one)
        case Wish.START:
            one, changed = _start(asked, one)
    if changed and not asked.automatic and (wish is Wish.HELP or asked.rules.confirm):
        one = _answered(asked, one, wish, language)
    return one, completed


def _stop(asked: Asked, one: Received) -> tuple[Received, Completed | None, bool]:
    """On the DNC list with the commit, whoever of us may have been meant."""
    changed, owners, addresses = asked.newly_barred, _owners(asked), _addresses(asked)
    for owner in owners:
        for address in addresses:
            changed |= asked.tx.dnc(owner).add(address, reason=STOPPED, now=one.at)
    if asked.attempt is None:
        return one, None, changed
    code, barred = SystemCode.OPTED_OUT.value, asked.attempt.address in addresses and asked.attempt.org_id in owners
    given = give_code(
        asked.tx, asked.attempt, code, strategy_of=asked.strategy_of, now=one.at, job_of=asked.job_of, barred=barred
    )
    return replace(one, code=code), given.completed, changed


def _start(asked: Asked, one: Received) -> tuple[Received, bool]:
    """Off the DNC list again, as far as a STOP has put it there. What a mail says of its sender is not enough for that."""
    if one.channel is Channel.EMAIL and not asked.signed:
        return replace(one, inbox=InboxState.OPEN, note="wants messages again, and answers none of ours"), False
    changed, others = False, list[str]()
    for owner in {*_owners(asked), None}:
        for address in _addresses(asked):
            entry = asked.tx.dnc(owner).get(address)
            if entry is not None and entry.reason == STOPPED:
                changed |= asked.tx.dnc(owner).remove(address)
            elif entry is not None and not _is_over(entry, one.at):
                others.append(entry.reason or "an entry without a reason")
    if others:
        return replace(one, inbox=InboxState.OPEN, note=f"still on the DNC list: {', '.join(others)}"[:400]), False
    return one, changed


def _owners(asked: Asked) -> list[OrgId | None]:
    """Whose DNC lists: that of whom a mail answers; of all who wrote to a telephone; where nobody did, that of all together."""
    if asked.signed and asked.attempt is not None:
        return [asked.attempt.org_id]
    found: list[OrgId | None] = [*sorted(set(asked.writers))]
    return found or [None]


def _addresses(asked: Asked) -> list[str]:
    """The address that we wrote to; and that of the sender, unless anybody could have put that name there."""
    ours = [asked.attempt.address] if asked.attempt is not None and asked.attempt.address else []
    theirs = [asked.message.sender] if asked.message.channel is Channel.SMS or not ours else []
    return list(dict.fromkeys((*ours, *theirs)))


# ── our answer ────────────────────────────────────────────────────────────────────────────────────────────────────


def _answered(asked: Asked, one: Received, wish: Wish, language: str) -> Received:
    """One answer, written down here and sent after the commit. A mail that answers none of ours gets none: its sender's name may
    be anybody's.
    """
    if one.channel is Channel.EMAIL and not asked.signed:
        return replace(one, note="not answered: it answers no mail of ours")
    if _had_enough(asked.tx, one, wish):
        return replace(one, note="not answered: this address has had enough answers today")
    languages = [language]
    if (attempt := asked.attempt) is not None:
        languages.insert(0, asked.tx.contacts(attempt.org_id).get(attempt.contact_id, with_addresses=False).language)
    text = _text(asked, wish, languages)
    if not text:
        return one
    # A mail is answered to where we had written: what it says of its sender may be anybody's name.
    to = one.sender if one.channel is Channel.SMS or attempt is None else attempt.address
    return replace(one, answer=text, answer_to=to, answer_state=AnswerState.DUE, answer_id=new_attempt_id())


def _had_enough(tx: Tx, one: Received, wish: Wish) -> bool:
    received, since = tx.received(None), one.at - DAY
    if wish is Wish.HELP and received.answers_to(one.sender, since=since, taken_for=TakenFor.HELP) >= HELPS_A_DAY:
        return True
    return received.answers_to(one.sender, since=since) >= ANSWERS_A_DAY


def _text(asked: Asked, wish: Wish, languages: Sequence[str]) -> str:
    organisation = asked.tx.organisations.name_of(asked.message.org_id)
    if wish is Wish.HELP and (own := asked.rules.helps.get(organisation)):
        return own
    shown = asked.rules.names.get(organisation) or ("" if organisation == DEFAULT else organisation)
    text = asked.rules.wording.answer(wish, *languages).replace("${organisation}", shown)
    if shown:
        return text
    text = text.lstrip(" :")  # it would begin with nobody's name
    return text[:1].upper() + text[1:]


def _is_over(entry: DncEntry, now: datetime) -> bool:
    return entry.ends_at is not None and entry.ends_at <= now

"""Read a message to us by itself, before anything on record is looked at: who wrote, what it asks for, how it is known again."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.domain.channel import Channel
from dialer.domain.ids import OrgId, ReceivedId
from dialer.domain.received import Received, TakenFor, channel_of, digest_of
from dialer.domain.wording import ENGLISH, Wish, Wording
from dialer.ports import MessageReceived
from dialer.services.phone import NoNumber, normalise

TEXT_LIMIT = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """What came, and what it says. Whom it answers is not known yet, nor whose it is."""

    news: MessageReceived
    message: Received
    wish: tuple[Wish, str] | None  # and the language in which it is said
    digest: str  # by which it is known when it comes again

    @property
    def stops(self) -> bool:
        """Whether it is an opt-out."""
        return self.wish is not None and self.wish[0] is Wish.STOP

    @property
    def goes_first(self) -> bool:
        """An opt-out binds at once, whatever else waits; what takes one back may not be overtaken by the next one."""
        return self.wish is not None and self.wish[0] in (Wish.STOP, Wish.START)


def read_incoming(news: MessageReceived, wording: Wording, *, region: str = "US") -> Incoming:
    """What fits the table, and nothing that a database or a terminal could stumble over. `region`: of numbers without a
    country code.
    """
    channel = channel_of(news.sender)
    sender = plain(news.sender, 254)
    one = Received(
        id=ReceivedId(0),  # given by the database
        gateway=news.gateway[:40],
        channel=channel,
        sender=sender.casefold() if channel is Channel.EMAIL else _number(sender, region, national=news.national),
        recipient=plain(news.recipient, 254),
        subject=plain(news.subject, 500),
        text=plain(news.text, TEXT_LIMIT, lines=True),
        at=news.at,
        taken_for=TakenFor.UNMATCHED,
        org_id=OrgId(0),  # found out when it is kept
    )
    if news.provider_id:
        digest = digest_of("id", one.sender, news.provider_id)
    else:
        digest = digest_of("words", one.sender, one.recipient, one.text, one.at.isoformat())
    return Incoming(news=news, message=one, wish=_wish(news, one, wording), digest=digest)


def _wish(news: MessageReceived, one: Received, wording: Wording) -> tuple[Wish, str] | None:
    """What it asks for: by its words, or as its provider took it. An opt-out goes before the others.

    A mail whose subject is such a word is an opt-out whatever stands below, be it a signature or nothing.
    """
    found = wording.wish_in(one.text or one.subject)
    if found is not None and found[0] is Wish.STOP:
        return found
    if one.channel is Channel.EMAIL and (by_subject := wording.wish_in(one.subject)) and by_subject[0] is Wish.STOP:
        return by_subject
    if news.asks is not None and (found is None or news.asks is Wish.STOP):
        return news.asks, ENGLISH
    return found


def _number(sender: str, region: str, *, national: bool) -> str:
    """A number as the ledger writes it: some gateways leave the plus sign out, or the country's code."""
    if not (sender.isascii() and sender.isdecimal() and 8 <= len(sender) <= 15):
        return sender
    if national or sender.startswith("0"):  # no number in the world begins with a zero
        found = normalise(sender, region)
        return sender if isinstance(found, NoNumber) else found.e164
    return f"+{sender}"


def plain(text: str, limit: int, *, lines: bool = False) -> str:
    """Text without control characters, halves of characters and what lies beyond the limit."""
    if text.isascii() and text.isprintable():
        return text[:limit].strip()
    whole = text[:limit].encode(errors="replace").decode()
    kept = (char if char.isprintable() or (lines and char in "\n\t") else " " for char in whole.replace("\r\n", "\n"))
    return "".join(kept).strip()

"""Read a message to us by itself, before anything on record is looked at: who wrote, what it asks for, how it is known again."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.domain.channel import Channel
from dialer.domain.ids import OrgId, ReceivedId
from dialer.domain.received import Received, TakenFor, channel_of, digest_of
from dialer.domain.wording import Wish, Wording
from dialer.ports import MessageReceived

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


def read_incoming(news: MessageReceived, wording: Wording) -> Incoming:
    """What fits the table, and nothing that a database or a terminal could stumble over."""
    channel = channel_of(news.sender)
    sender = plain(news.sender, 254)
    one = Received(
        id=ReceivedId(0),  # given by the database
        gateway=news.gateway[:40],
        channel=channel,
        sender=sender.casefold() if channel is Channel.EMAIL else _number(sender),
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
    return Incoming(news=news, message=one, wish=wording.wish_in(one.text or one.subject), digest=digest)


def _number(sender: str) -> str:
    """A number as the ledger writes it: some gateways leave the plus sign out."""
    return f"+{sender}" if sender.isascii() and sender.isdecimal() and 8 <= len(sender) <= 15 else sender


def plain(text: str, limit: int, *, lines: bool = False) -> str:
    """Text without control characters, halves of characters and what lies beyond the limit."""
    if text.isascii() and text.isprintable():
        return text[:limit].strip()
    whole = text[:limit].encode(errors="replace").decode()
    kept = (char if char.isprintable() or (lines and char in "\n\t") else " " for char in whole.replace("\r\n", "\n"))
    return "".join(kept).strip()

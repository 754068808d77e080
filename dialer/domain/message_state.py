"""How far a text message or an email has come, whatever the order in which the news of it arrives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType


class MessageState(StrEnum):
    """How far it has come. News may arrive twice and in any order: the higher rank is the truth, and is never left again.

        ACCEPTED ──> SENT ──> DELAYED ──┬──> FAILED | EXPIRED | UNDELIVERED
                                        ├──> DELIVERED ──> READ
                                        └──> BOUNCED

    Two ends of one message are news of different weight: a telephone that says it has the message outweighs a network that
    says it could not reach it, since believing the latter would send it twice. A bounce outweighs an earlier "delivered",
    which in email only says that the next server took it.
    """

    ACCEPTED = "accepted"  # the provider has it, and will try
    SENT = "sent"  # the provider gave it to the network or to the next mail server
    DELAYED = "delayed"  # not yet, and still being tried (a mail server's warning)
    FAILED = "failed"  # the provider gave up before it left, or the network refused it
    EXPIRED = "expired"  # its time ran out before it could be delivered
    UNDELIVERED = "undelivered"  # it left, and did not arrive
    DELIVERED = "delivered"  # it arrived: on the telephone, or in the mail server of the address
    READ = "read"  # it was shown to somebody
    BOUNCED = "bounced"  # the address's mail server refused it for good

    @property
    def rank(self) -> int:
        """How much it says: the weightier of two states stands."""
        return _RANKS[self]

    @property
    def final(self) -> bool:
        """Nothing but a weightier end can follow."""
        return self.rank >= _RANKS[MessageState.FAILED]

    @property
    def failed(self) -> bool:
        """It came to an end, and not to the contact."""
        return self in _FAILURES

    def after(self, news: MessageState | None) -> MessageState:
        """The truth once this is known as well."""
        return self if news is None or news.rank <= self.rank else news


_RANKS = {state: rank for rank, state in enumerate(MessageState)}
_FAILURES = frozenset({MessageState.FAILED, MessageState.EXPIRED, MessageState.UNDELIVERED, MessageState.BOUNCED})


class Refusal(StrEnum):
    """Why a message was refused or did not arrive: whose doing it was decides what follows."""

    ADDRESS = "address"  # there is no such number or mailbox, or it cannot take messages: the address is of no use
    OPTED_OUT = "opted out"  # the provider keeps this contact from us at the contact's own wish
    CONTENT = "content"  # a filter or a size limit: another text might pass
    ACCOUNT = "account"  # our account, sender or rights with the provider: nothing of the contact's doing
    UNREACHABLE = "unreachable"  # switched off, out of range, mailbox full: later it may work
    NETWORK = "network"  # a failure on the way, or one that nobody explains


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFacts:
    """What is known of one message. A provider may carry it in several segments, each under an id of its own.

    `expected` is the number of those ids. `seen` takes news in any order, and twice: any permutation ends in the same facts.
    """

    expected: int = 1
    whole: MessageState | None = None  # news of the message as one
    parts: Mapping[str, MessageState] = field(default_factory=lambda: MappingProxyType({}))  # by the provider's id

    def seen(self, state: MessageState, provider_id: str = "") -> MessageFacts:
        """These facts and one more."""
        if not provider_id:
            return replace(self, whole=state.after(self.whole))
        return replace(self, parts=MappingProxyType({**self.parts, provider_id: state.after(self.parts.get(provider_id))}))

    @property
    def state(self) -> MessageState | None:
        """One lost segment loses the message; it is delivered when all are; until then it is as far as its last one."""
        found = list(self.parts.values())
        if lost := [state for state in found if state.failed]:
            of_parts: MessageState | None = max(lost, key=lambda state: state.rank)
        elif not found:
            of_parts = None
        elif len(found) < self.expected:
            of_parts = min(*found, MessageState.SENT, key=lambda state: state.rank)
        else:
            of_parts = min(found, key=lambda state: state.rank)
        return self.whole if of_parts is None else of_parts.after(self.whole)

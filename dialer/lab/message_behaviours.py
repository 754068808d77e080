"""What people and gateways of the laboratory do with a message, by the last two digits of the number or of the mailbox's name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from dialer.domain.message_state import MessageState

ANY_OTHER = "XX"  # the row for every ending that has no row of its own


class GatewayFault(StrEnum):
    """How a gateway of the laboratory misbehaves for one address."""

    NONE = "none"
    BUSY_ONCE = "busy once"  # refuses the first try for the moment: 429 with Retry-After, ESME_RTHROTTLED, 451
    ERROR_BEFORE = "error before"  # fails before it took the message: 500, ESME_RSYSERR, 421
    ERROR_AFTER = "error after"  # took the message and then says 500, or a mail server 451 after the final dot
    HANG_AFTER = "hang after"  # took the message and never answers
    RESET_AFTER = "reset after"  # took the message and cuts the connection
    SLOW = "slow"  # answers, after two seconds
    NEWS_FIRST = "news first"  # tells what became of it before it has answered that it took it
    NEWS_SHUFFLED = "news shuffled"  # tells everything twice, the last news first
    REFUSED = "refused"  # says no, for good: there is no such address
    BARRED = "barred"  # says no, for good: the contact does not want it


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageBehaviour:
    """One row: an address's ending, what happens to a message to it, and what its sender must come to know."""

    ending: str
    name: str  # the word in the truth log
    does: str
    send: str  # what `send` of the port must say
    state: MessageState | None  # where the message must end, once everything has been told; None: it was never taken
    replies: str = ""
    automatic: bool = False  # a machine replies
    fault: GatewayFault = GatewayFault.NONE


ACCEPTED, NOT_SENT, REJECTED, MAYBE_SENT = "Accepted", "NotSent", "Rejected", "MaybeSent"
DELIVERED = MessageState.DELIVERED

MESSAGE_BEHAVIOURS: tuple[MessageBehaviour, ...] = (
    MessageBehaviour(ending="41", name="replies-1", does='answers "1"', send=ACCEPTED, state=DELIVERED, replies="1"),
    MessageBehaviour(ending="42", name="replies-2", does='answers "2"', send=ACCEPTED, state=DELIVERED, replies="2"),
    MessageBehaviour(ending="43", name="replies-stop", does='answers "STOP"', send=ACCEPTED, state=DELIVERED, replies="STOP"),
    MessageBehaviour(
        ending="44",
        name="replies-nonsense",
        does='answers "who is this?"',
        send=ACCEPTED,
        state=DELIVERED,
        replies="who is this?",
    ),
    MessageBehaviour(ending="45", name="reads", does="gets it, and says nothing", send=ACCEPTED, state=DELIVERED),
    MessageBehaviour(
        ending="46",
        name="unreachable",
        does="cannot be reached; by email there is no such mailbox, and a bounce comes later",
        send=ACCEPTED,
        state=MessageState.UNDELIVERED,
    ),
    MessageBehaviour(
        ending="47",
        name="carrier-rejects",
        does="the carrier refuses it after the gateway took it",
        send=ACCEPTED,
        state=MessageState.FAILED,
    ),
    MessageBehaviour(
        ending="48",
        name="no-such-address",
        does="the gateway refuses it at once: no such address",
        send=REJECTED,
        state=None,
        fault=GatewayFault.REFUSED,
    ),
    MessageBehaviour(
        ending="49",
        name="replies-by-machine",
        does='a machine answers "I am out of office"',
        send=ACCEPTED,
        state=DELIVERED,
        replies="I am out of office until Monday.",
        automatic=True,
    ),
    MessageBehaviour(
        ending="50",
        name="expires",
        does="is switched off until the message expires; by email a warning of delay comes, and no more",
        send=ACCEPTED,
        state=MessageState.EXPIRED,
    ),
    MessageBehaviour(
        ending="51",
        name="barred",
        does="the gateway refuses it at once: the contact has opted out with it",
        send=REJECTED,
        state=None,
        fault=GatewayFault.BARRED,
    ),
    MessageBehaviour(
        ending="60",
        name="busy-once",
        does="the gateway is busy at the first try, and takes the next",
        send=NOT_SENT,
        state=DELIVERED,
        fault=GatewayFault.BUSY_ONCE,
    ),
    MessageBehaviour(
        ending="61",
        name="error-before",
        does="the gateway fails before it takes it",
        send=f"{MAYBE_SENT} by SMS, {NOT_SENT} by email",
        state=None,
        fault=GatewayFault.ERROR_BEFORE,
    ),
    MessageBehaviour(
        ending="62",
        name="hang-after",
        does="the gateway takes it and never answers",
        send=MAYBE_SENT,
        state=DELIVERED,
        fault=GatewayFault.HANG_AFTER,
    ),
    MessageBehaviour(
        ending="63",
        name="reset-after",
        does="the gateway takes it and cuts the connection",
        send=MAYBE_SENT,
        state=DELIVERED,
        fault=GatewayFault.RESET_AFTER,
    ),
    MessageBehaviour(
        ending="64",
        name="slow",
        does="the gateway answers after two seconds",
        send=ACCEPTED,
        state=DELIVERED,
        fault=GatewayFault.SLOW,
    ),
    MessageBehaviour(
        ending="65",
        name="news-first",
        does="its delivery is told before it is said to be taken",
        send=ACCEPTED,
        state=DELIVERED,
        fault=GatewayFault.NEWS_FIRST,
    ),
    MessageBehaviour(
        ending="66",
        name="news-shuffled",
        does="all news comes twice, the last first",
        send=ACCEPTED,
        state=DELIVERED,
        fault=GatewayFault.NEWS_SHUFFLED,
    ),
    MessageBehaviour(
        ending="67",
        name="error-after",
        does="the gateway takes it and says that it failed; a mail server that says so has not taken it",
        send=f"{MAYBE_SENT} by SMS, {NOT_SENT} by email",
        state=DELIVERED,
        fault=GatewayFault.ERROR_AFTER,
    ),
    MessageBehaviour(
        ending=ANY_OTHER,
        name="replies-1",
        does='every other ending: as 41, answers "1"',
        send=ACCEPTED,
        state=DELIVERED,
        replies="1",
    ),
)

_BY_ENDING = {row.ending: row for row in MESSAGE_BEHAVIOURS}
_ENDING = re.compile(r"([0-9]{2})[^0-9]*\Z")


def message_behaviour_of(address: str) -> MessageBehaviour:
    """What happens to a message to this number or email address."""
    found = _ENDING.search(address.partition("@")[0])
    return _BY_ENDING.get(found[1] if found else ANY_OTHER, _BY_ENDING[ANY_OTHER])


def messages_table(rows: Sequence[MessageBehaviour] = MESSAGE_BEHAVIOURS) -> str:
    """The rows as the table of docs/lab.md; a test keeps the document in step."""
    lines = ["| ends in | what happens | the sender is told | ends |", "|---|---|---|---|"]
    for row in rows:
        ending = "any other" if row.ending == ANY_OTHER else row.ending
        lines.append(f"| {ending} | {row.does} | {row.send} | {row.state or 'never taken'} |")
    return "\n".join(lines) + "\n"

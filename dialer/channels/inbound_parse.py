"""Read a mail that came to us: an answer of a person or of a machine, a bounce, or nothing that concerns us."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.errors import MessageError
from email.message import EmailMessage, Message
from email.utils import parseaddr

from dialer.channels.email_config import MailAddresses
from dialer.channels.inbound_text import reply_text
from dialer.channels.machine_mail import by_a_machine
from dialer.channels.mail_policy import LENIENT
from dialer.channels.smtp_codes import enhanced_status, refusal_of
from dialer.domain.ids import ALPHABET, AttemptId
from dialer.domain.mail_token import TokenUse, read_address
from dialer.domain.message_state import MessageState, Refusal
from dialer.ports import GatewayNews, MessageReceived, MessageUpdate

MAX_HEADER = 256 * 1024  # octets of the first header
MAX_PARTS = 100  # boundaries and enclosed mails
MAX_NESTED = 20
MAX_ODD = 200_000  # octets of a mail that is searched for the wording of a bounce
ANSWER_TO_ONE_CLICK = "UNSUBSCRIBE"
_ID = re.compile(r"<[^<>\s]+>")
_HEADERS_ONLY = ("text/rfc822-headers", "message/rfc822-headers")


class Unreadable(Exception):
    """A mail that cannot be read, or is made to be hard to read: refuse it for good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nobodys:
    """A mail that concerns none of our messages: take it and forget it."""

    because: str


def read_mail(
    octets: bytes, *, gateway: str, recipient: str, sender: str, answers: MailAddresses, now: datetime
) -> GatewayNews | Nobodys:
    """What one mail means. `recipient` and `sender` are the envelope's; an empty sender is a machine's.

    Raises Unreadable.
    """
    _refuse_bombs(octets)
    try:
        mail = message_from_bytes(octets, policy=LENIENT)
        return _Reader(mail, octets, gateway, recipient, sender, answers, now).read()
    except (MessageError, ValueError, LookupError, TypeError, AttributeError, IndexError, RecursionError) as odd:
        # The library's parsers fail in many ways on what the world sends.
        raise Unreadable(f"{type(odd).__name__}: {odd}"[:200]) from odd


@dataclass(frozen=True, slots=True)
class _Reader:
    mail: EmailMessage
    octets: bytes
    gateway: str
    recipient: str
    sender: str
    answers: MailAddresses
    now: datetime

    def read(self) -> GatewayNews | Nobodys:
        bounced = read_address(TokenUse.BOUNCE, self.recipient, self.answers.keys)
        if self._is_complaint():
            attempt_id = bounced or read_address(TokenUse.REPLY, self.recipient, self.answers.keys) or self._enclosed_attempt()
            if attempt_id is None:
                return Nobodys(because="a complaint that names none of our mails")
            return self._received(attempt_id, ANSWER_TO_ONE_CLICK)
        report = self.mail.get_content_type() == "multipart/report"
        if report or bounced:
            told = self._status() if report else self._odd_bounce()
            if told is not None:
                attempt_id = bounced or self._enclosed_attempt()
                if attempt_id is None:
                    return Nobodys(because="a bounce that names none of our mails")
                return told.of(self.gateway, attempt_id, self._message_id(attempt_id), self.now)
        if (attempt_id := read_address(TokenUse.UNSUBSCRIBE, self.recipient, self.answers.keys)) is not None:
            return self._received(attempt_id, ANSWER_TO_ONE_CLICK)
        attempt_id = bounced or read_address(TokenUse.REPLY, self.recipient, self.answers.keys) or self._answered_attempt()
        if attempt_id is None and by_a_machine(self.mail, self.sender):
            return Nobodys(because="a machine's mail that answers none of ours")
        return self._received(attempt_id, reply_text(self.mail))

    # -- bounces -----------------------------------------------------------------------------------------------------------------

    def _status(self) -> _Told | None:
        """A delivery status notification (RFC 3464), of one recipient: we write to one at a time."""
        for block in _status_blocks(self.mail):
            action = str(block.get("Action", "")).partition("(")[0].strip().lower()
            words = " ".join(str(block.get("Diagnostic-Code", "")).split())[:300]
            status = enhanced_status(str(block.get("Status", ""))) or enhanced_status(words)
            match action:
                case "failed":
                    permanent = not status.startswith("4")
                    state = MessageState.BOUNCED if permanent else MessageState.EXPIRED
                    refusal = refusal_of(None, status, words) if permanent else Refusal.UNREACHABLE
                    return _Told(state, refusal, status, words)
                case "delayed":
                    return _Told(MessageState.DELAYED, None, status, words)
                case "delivered" | "relayed" | "expanded":
                    return _Told(MessageState.DELIVERED, None, status, words)
        return self._odd_bounce()

    def _odd_bounce(self) -> _Told | None:
        """The many forms that are no RFC 3464."""
        from flufl.bounce import all_failures

        if len(self.octets) > MAX_ODD:
            return None
        temporary, permanent = all_failures(self.mail)
        if permanent:
            return _Told(MessageState.BOUNCED, Refusal.ADDRESS, "", "recognised by its wording")
        if temporary:
            return _Told(MessageState.DELAYED, None, "", "recognised by its wording")
        return None

    def _enclosed_attempt(self) -> AttemptId | None:
        """Our Message-ID in the mail, or its header, that a bounce gives back."""
        for part in _parts(self.mail):
            if part.get_content_type() in ("message/rfc822", "message/global", *_HEADERS_ONLY):
                payload = part.get_payload()
                enclosed = payload[0] if isinstance(payload, list) and payload else None
                if isinstance(enclosed, Message):
                    found = self._ours(str(enclosed.get("Message-ID", "")))
                else:
                    found = self._ours(str(payload))
                if found is not None:
                    return found
        return None

    # -- answers -----------------------------------------------------------------------------------------------------------------

    def _received(self, attempt_id: AttemptId | None, text: str) -> MessageReceived:
        return MessageReceived(
            gateway=self.gateway,
            provider_id=self._own_id() or hashlib.sha256(self.octets).hexdigest(),
            sender=parseaddr(str(self.mail.get("From", "")))[1].lower() or self.sender.lower(),
            recipient=self.recipient.lower(),
            text=text,
            at=self.now,
            attempt_id=attempt_id,
            subject=" ".join(str(self.mail.get("Subject", "")).split())[:500],
            automatic=by_a_machine(self.mail, self.sender),
            attached=sum(part.get_filename() is not None and part.get("Content-ID") is None for part in _parts(self.mail)),
        )

    def _own_id(self) -> str:
        """Its Message-ID; "" where it has none, or one that says nothing, as `<>`: all such mails would be one."""
        said = str(self.mail.get("Message-ID", "")).strip()
        return said if _ID.search(said) else ""

    def _is_complaint(self) -> bool:
        """Somebody pressed "this is spam" (RFC 5965): their provider tells us, and means that we are to write no more."""
        if self.mail.get_content_type() != "multipart/report":
            return False
        for part in _parts(self.mail):
            if part.get_content_type() == "message/feedback-report":
                payload = part.get_payload()
                report = payload[0] if isinstance(payload, list) and payload else None
                kind = str(report.get("Feedback-Type", "") if isinstance(report, Message) else "").strip().lower()
                return kind != "not-spam"
        return False

    def _answered_attempt(self) -> AttemptId | None:
        return self._ours(f"{self.mail.get('In-Reply-To', '')} {self.mail.get('References', '')}"[:20_000])

    def _ours(self, text: str) -> AttemptId | None:
        """The attempt in a Message-ID of ours. Its 80 random bits are known to those only who got that mail."""
        found = re.search(rf"<([{ALPHABET}]{{26}})@{re.escape(self.answers.domain)}>", text, re.IGNORECASE)
        return AttemptId(found[1].lower()) if found else None

    def _message_id(self, attempt_id: AttemptId) -> str:
        return f"<{attempt_id}@{self.answers.domain}>"


@dataclass(frozen=True, slots=True)
class _Told:
    """What a bounce says."""

    state: MessageState
    refusal: Refusal | None
    code: str
    words: str

    def of(self, gateway: str, attempt_id: AttemptId, message_id: str, now: datetime) -> MessageUpdate:
        return MessageUpdate(
            gateway=gateway,
            state=self.state,
            at=now,
            attempt_id=attempt_id,
            provider_id=message_id,
            refusal=self.refusal,
            code=self.code,
            text=self.words,
        )


def _status_blocks(mail: EmailMessage) -> Iterator[Message]:
    """The blocks of fields of a report; the first is about the server."""
    for part in _parts(mail):
        if part.get_content_type() in ("message/delivery-status", "message/global-delivery-status"):
            blocks = part.get_payload()
            if isinstance(blocks, list):
                yield from (block for block in blocks if isinstance(block, Message))


def _parts(mail: EmailMessage) -> Iterator[Message]:
    for number, part in enumerate(mail.walk()):
        if number >= MAX_PARTS:
            raise Unreadable("too many parts")
        yield part


def _refuse_bombs(octets: bytes) -> None:
    """What would cost the parser much is refused before it is parsed: it works by recursion."""
    header, _, _ = octets.partition(b"\r\n\r\n")
    if len(header) > MAX_HEADER:
        raise Unreadable("the header is too long")
    lowered = octets.lower()
    boundaries: Sequence[bytes] = re.findall(rb"boundary\s*=\s*\"?([^\"\s;]{1,100})", lowered)
    enclosed = len(re.findall(rb"content-type:\s*message/", lowered))
    if len(boundaries) > MAX_NESTED or enclosed > MAX_NESTED:
        raise Unreadable("too many parts in parts")
    if sum(lowered.count(b"--" + one) for one in set(boundaries)) > MAX_PARTS:
        raise Unreadable("too many parts")

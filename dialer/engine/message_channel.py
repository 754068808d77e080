"""The channels "sms" and "email": fill in a message for one contact, write it down, and hand it to its gateway."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Generic

from dialer import failpoints
from dialer.domain.channel import Channel
from dialer.domain.codes import SystemCode
from dialer.domain.email_content import UNSUBSCRIBE_URL, Attachment, EmailContent
from dialer.domain.ids import OrgId
from dialer.domain.mail_token import TokenUse, signed
from dialer.domain.message import NewMessage
from dialer.domain.message_codes import UNHEARD, refused_code
from dialer.domain.message_state import Refusal
from dialer.domain.node_status import GatewayStatus
from dialer.domain.sms_text import size_of
from dialer.domain.strategy import EmailHandler, Handler, MessageHandler, SmsHandler
from dialer.engine.message_book import MessageBook
from dialer.engine.message_gateway import REST_S, MessageGateway
from dialer.errors import BadInput, NotSent, Rejected
from dialer.ports import AttemptOrder, EmailOrder, OrderT, Receipt, SmsOrder

LARGEST_ATTACHMENT = 10_000_000  # octets
CONTENTS_KEPT = 64


class MessageChannel(ABC, Generic[OrderT]):
    """Implements `ports.ChannelPort` in front of the gateways of one channel; the first of them is the usual one."""

    channel: Channel

    def __init__(self, book: MessageBook, gateways: Sequence[MessageGateway[OrderT]], *, patience_s: float) -> None:
        self._book, self.patience_s = book, patience_s
        self._gateways: dict[str, MessageGateway[OrderT]] = {one.port.name: one for one in gateways}
        self.unheard = UNHEARD[self.channel]

    def cannot(self, handler: Handler) -> str:
        """Whether the handler's gateway is missing."""
        if not isinstance(handler, MessageHandler) or self._of(handler) is not None:
            return ""
        known = ", ".join(self._gateways) or "none"
        named = f" called {handler.gateway!r}" if handler.gateway else ""
        return f"the settings have no [[{self.channel.value}_gateway]]{named} (there is {known})"

    def room(self, handlers: Sequence[Handler] = ()) -> int:
        """What the gateway of these handlers with the least room has: none is claimed for one that is away."""
        rooms = [self._room_for(one) for one in handlers if isinstance(one, MessageHandler) and one.channel is self.channel]
        return min(rooms, default=sum(one.room() for one in self._gateways.values()))

    def code_of(self, refused: Rejected) -> SystemCode:
        """The code of a message that was refused."""
        return refused_code(self.channel, refused.refusal)

    def gateways(self) -> Mapping[str, GatewayStatus]:
        """How they stand."""
        return {name: one.status(self.channel) for name, one in self._gateways.items()}

    async def send(self, order: AttemptOrder) -> Receipt:
        """Write it down, and hand it over. What becomes of it is the book's to hear."""
        handler = order.handler
        gateway = self._of(handler) if isinstance(handler, MessageHandler) else None
        if gateway is None:
            raise NotSent(self.cannot(handler) or f"{handler.state!r} writes nothing")
        with gateway.begun() as handed_over, self._book.sending(order.attempt_id):
            wire, new = await self._written(order, gateway)
            await self._book.put(new)
            failpoints.hit("M0")
            try:
                await gateway.turn(new.sender, new.segments)
                handed_over()
                taken = await gateway.port.send(wire)
            except NotSent:
                raise
            except Rejected as why:
                if why.refusal == Refusal.ACCOUNT:  # no fault of the contact: it stays due
                    gateway.refuses(str(why))
                    raise NotSent(str(why), retry_after_s=REST_S) from why
                await self._book.refused(new, why)
                raise
            except Exception:
                await self._book.doubtful(order.attempt_id)
                raise
            gateway.took()
            failpoints.hit("M1")
            await self._book.accepted(order.attempt_id, gateway.port.name, taken)
        return Receipt(kept=True)

    def _of(self, handler: MessageHandler) -> MessageGateway[OrderT] | None:
        return self._gateways.get(handler.gateway) if handler.gateway else next(iter(self._gateways.values()), None)

    def _room_for(self, handler: MessageHandler) -> int:
        gateway = self._of(handler)
        senders = (handler.sender, *(one.shown for one in handler.senders))
        return 0 if gateway is None else gateway.room(senders)

    @abstractmethod
    async def _written(self, order: AttemptOrder, gateway: MessageGateway[OrderT]) -> tuple[OrderT, NewMessage]:
        """The message as it goes to the gateway, and as it is put on record. Raises NotSent, Rejected."""


class SmsChannel(MessageChannel[SmsOrder]):
    """Text messages."""

    channel = Channel.SMS

    def cannot(self, handler: Handler) -> str:
        """Whether its gateway is missing, or would refuse its text to everybody."""
        if because := super().cannot(handler):
            return because
        gateway = self._of(handler) if isinstance(handler, SmsHandler) else None
        if gateway is None or not isinstance(handler, SmsHandler):
            return ""
        length = len(handler.text.fill({}))
        if gateway.longest and length > gateway.longest:
            return (
                f"its text has {length} characters without what fills its blanks, and {gateway.port.name} takes {gateway.longest}"
            )
        return ""

    async def _written(self, order: AttemptOrder, gateway: MessageGateway[SmsOrder]) -> tuple[SmsOrder, NewMessage]:
        handler = order.handler
        if not isinstance(handler, SmsHandler):
            raise NotSent(f"{handler.state!r} sends no text messages")
        text = handler.text.fill(order.attributes)
        if not text.strip():
            raise Rejected("nothing is left of the text for this contact", refusal=Refusal.CONTENT)
        segments = size_of(text, gateway.centre).segments
        wire = SmsOrder(
            attempt_id=order.attempt_id,
            number=order.address,
            text=text,
            sender=order.sender,
            valid_for_s=handler.valid_for_s,
        )
        new = NewMessage(
            attempt_id=order.attempt_id,
            org_id=OrgId(order.org_id),
            channel=self.channel,
            gateway=gateway.port.name,
            sender=order.sender or gateway.sender,
            recipient=order.address,
            body=text,
            segments=segments,
            expected=segments if gateway.ids_per_segment else 1,
        )
        return wire, new


class EmailChannel(MessageChannel[EmailOrder]):
    """Emails. `unsubscribe_at` is where one click stops them, with the key that signs its address; "" = nowhere."""

    channel = Channel.EMAIL

    def __init__(
        self,
        book: MessageBook,
        gateways: Sequence[MessageGateway[EmailOrder]],
        *,
        patience_s: float,
        attachments: Path,
        unsubscribe_at: str = "",
        key: bytes = b"",
    ) -> None:
        super().__init__(book, gateways, patience_s=patience_s)
        self._folder, self._unsubscribe_at, self._key = attachments, unsubscribe_at, key
        # What is the same for all mails of a handler is one object: a gateway prepares it once.
        self._contents: OrderedDict[tuple[int, str], tuple[EmailHandler, EmailContent]] = OrderedDict()

    def cannot(self, handler: Handler) -> str:
        """Whether its gateway, one of its attachments or the page that its text leads to is missing."""
        if because := super().cannot(handler):
            return because
        if isinstance(handler, EmailHandler) and UNSUBSCRIBE_URL in handler.names and not self._unsubscribe_at:
            return f"its text has ${{{UNSUBSCRIBE_URL}}}, and the settings have no [web] listen and public_url"
        for one in handler.attachments if isinstance(handler, EmailHandler) else ():
            path = self._folder / one.file
            if not path.is_file():
                return f"there is no attachment {one.file!r} in {self._folder}"
            if path.stat().st_size > LARGEST_ATTACHMENT:
                return f"the attachment {one.file!r} has more than {LARGEST_ATTACHMENT // 1_000_000} MB"
        return ""

    async def _written(self, order: AttemptOrder, gateway: MessageGateway[EmailOrder]) -> tuple[EmailOrder, NewMessage]:
        handler = order.handler
        if not isinstance(handler, EmailHandler):
            raise NotSent(f"{handler.state!r} sends no mails")
        content = await self._content(handler, order.sender)
        name = " ".join(filter(None, (order.attributes.get("first_name", ""), order.attributes.get("last_name", ""))))
        page = self._unsubscribe_url(order)
        values = {**order.attributes, UNSUBSCRIBE_URL: page} if UNSUBSCRIBE_URL in content.names else order.attributes
        wire = EmailOrder(
            attempt_id=order.attempt_id,
            address=order.address,
            content=content,
            values=values,
            name=name,
            unsubscribe=handler.unsubscribe,
            # Programs that show mails offer one click only for https (RFC 8058).
            unsubscribe_url=page if handler.unsubscribe and page.startswith("https://") else "",
        )
        new = NewMessage(
            attempt_id=order.attempt_id,
            org_id=OrgId(order.org_id),
            channel=self.channel,
            gateway=gateway.port.name,
            sender=order.sender or gateway.sender,
            recipient=order.address,
            subject=content.subject.fill(order.attributes),
        )
        return wire, new

    def _unsubscribe_url(self, order: AttemptOrder) -> str:
        if not self._unsubscribe_at:
            return ""
        return f"{self._unsubscribe_at}/{signed(TokenUse.UNSUBSCRIBE, order.attempt_id, self._key)}"

    async def _content(self, handler: EmailHandler, sender: str) -> EmailContent:
        key = (id(handler), sender)
        known = self._contents.get(key)
        if known is None:
            try:
                known = (handler, await asyncio.to_thread(self._read, handler, sender))
            except OSError as gone:
                raise NotSent(f"an attachment cannot be read: {gone}") from gone
            except BadInput as wrong:
                raise Rejected(str(wrong), refusal=Refusal.CONTENT) from wrong
            known = self._contents.setdefault(key, known)
            while len(self._contents) > CONTENTS_KEPT:
                self._contents.popitem(last=False)
        return known[1]

    def _read(self, handler: EmailHandler, sender: str) -> EmailContent:
        attached = tuple(
            Attachment(name=one.name, content_type=one.content_type, data=(self._folder / one.file).read_bytes())
            for one in handler.attachments
        )
        return EmailContent(subject=handler.subject, text=handler.text, html=handler.html, attachments=attached, sender=sender)

"""Put the gateways of SMS and email together from the settings: what goes out, and how news and answers come back."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Protocol, TypeVar

import structlog
from aiohttp import web

from dialer import settings as settings_of
from dialer.channels.email_config import MailAddresses, MailSecurity, SmtpConfig
from dialer.channels.imap_poll import ImapConfig, ImapPoller
from dialer.channels.inbound_email import InboundConfig, InboundMail, LmtpListener
from dialer.channels.smpp_config import LongMessages, ReceiptIds, SmppConfig
from dialer.channels.smpp_sms import SmppSms
from dialer.channels.smtp_email import SmtpEmail
from dialer.channels.twilio_config import LONGEST_TEXT, TwilioConfig
from dialer.channels.twilio_sms import TwilioSms
from dialer.channels.twilio_webhooks import TwilioWebhooks
from dialer.domain.channel import Channel
from dialer.domain.message_state import Refusal
from dialer.domain.sms_text import CentreAlphabet
from dialer.engine.inbound import Inbound
from dialer.engine.message_book import MessageBook
from dialer.engine.message_channel import EmailChannel, SmsChannel
from dialer.engine.message_gateway import MessageGateway
from dialer.engine.replies import ReplyDesk
from dialer.errors import BadInput, BadSettings
from dialer.ivr.message import MessageApp
from dialer.ports import ChannelPort, Clock, EmailOrder, SmsOrder
from dialer.services.opt_outs import ReplyRules
from dialer.services.reply_words import load_wording
from dialer.services.unsubscribing import unsubscribe
from dialer.settings import Settings, split_listen
from dialer.settings import messages as messages_of
from dialer.store.store import Store
from dialer.web.hooks import make_hooks_app
from dialer.web.unsubscribe import UNSUBSCRIBE_PATH, add_unsubscribe

log = structlog.get_logger()

T = TypeVar("T")

BACKLOG = 1024  # connections of providers at one moment: one that finds no place is tried again only after a second
SmsConfig = TwilioConfig | SmppConfig


class _Part(Protocol):
    """Something that is started and stopped."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


@dataclass(slots=True, kw_only=True)
class MessageParts:
    """All that writes and listens. The engine takes `book` and `channels`; messages to us go to `inbound.received`."""

    book: MessageBook
    inbound: Inbound
    channels: dict[Channel, ChannelPort] = field(default_factory=dict)
    gateways: list[_Part] = field(default_factory=list)
    ways_in: list[_Part] = field(default_factory=list)
    site: web.AppRunner | None = None  # where providers post to us
    listen: socket.socket | None = None

    async def start(self) -> None:
        """Connect, and listen. Raises BadSettings where an address cannot be listened on."""
        for one in [*self.gateways, *self.ways_in]:
            try:
                await one.start()
            except OSError as taken:
                raise BadSettings([f"email_gateway.lmtp: cannot be listened on: {taken.strerror or taken}"]) from taken
        if self.site is not None and self.listen is not None:
            await self.site.setup()
            await web.SockSite(self.site, self.listen, backlog=BACKLOG).start()
            log.info("providers are heard", address=self.listen.getsockname()[:2])

    async def stop(self) -> None:
        """Hear nothing more, then send nothing more. What was not heard is told again at the next start."""
        if self.site is not None:
            await self.site.cleanup()
        for one in [*self.ways_in, *self.gateways]:
            await one.stop()


def make_messages(settings: Settings, store: Store, clock: Clock, listen: Callable[[str], socket.socket]) -> MessageParts | None:
    """The parts of these settings; None without a gateway. `listen` opens a socket. Raises BadSettings."""
    configs = gateway_configs(settings)
    if not configs.sms and not configs.email:
        return None
    book = MessageBook(store, clock)
    parts = MessageParts(book=book, inbound=Inbound(book))
    hooks: dict[str, TwilioWebhooks] = {}
    texts = [_sms_gateway(*one, clock, parts, hooks) for one in zip(configs.sms, settings.sms_gateway, strict=True)]
    mails = [_email_gateway(*one, clock, parts) for one in zip(configs.email, settings.email_gateway, strict=True)]
    book.gateways.update({one.port.name: one for one in texts})
    book.gateways.update({one.port.name: one for one in mails})
    keys = _keys(settings)
    if texts:
        parts.channels[Channel.SMS] = SmsChannel(book, texts, patience_s=settings.messages.sms_wait_s)
    if mails:
        parts.channels[Channel.EMAIL] = EmailChannel(
            book,
            mails,
            patience_s=settings.messages.email_wait_s,
            attachments=settings.root / settings.messages.attachments,
            unsubscribe_at=_unsubscribe_at(settings),
            key=keys[0],
        )
    if settings.web.listen is not None:
        sink = parts.inbound.take
        app = make_hooks_app(hooks, sink)
        if mails:
            add_unsubscribe(app, keys, lambda attempt_id: unsubscribe(store, attempt_id, clock.now(), sink))
        parts.site = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        parts.listen = listen(settings.web.listen)
    return parts


def _sms_gateway(
    config: SmsConfig, said: messages_of.SmsGateway, clock: Clock, parts: MessageParts, hooks: dict[str, TwilioWebhooks]
) -> MessageGateway[SmsOrder]:
    """A gateway of text messages, among the parts; `hooks` gets the address at which a provider tells us news."""
    per_segment, longest, centre = False, 0, CentreAlphabet.GSM
    if isinstance(config, TwilioConfig):
        longest = LONGEST_TEXT
        port: TwilioSms | SmppSms = TwilioSms(config, clock)
        hooks[config.name] = TwilioWebhooks(config, clock)
    else:
        port = SmppSms(config, clock, parts.inbound.take)
        per_segment, centre = config.long_messages is LongMessages.UDH, config.default_alphabet
    parts.gateways.append(port)
    return MessageGateway(
        port=port,
        clock=clock,
        sender=config.sender,
        sender_per_s=said.sender_per_s,
        ids_per_segment=per_segment,
        centre=centre,
        longest=longest,
    )


def _email_gateway(
    config: SmtpConfig, said: messages_of.EmailGateway, clock: Clock, parts: MessageParts
) -> MessageGateway[EmailOrder]:
    """A gateway of mails, among the parts with its ways in."""
    port = SmtpEmail(config, clock)
    parts.gateways.append(port)
    parts.ways_in += _ways_in(said, config, clock, parts.inbound)
    return MessageGateway(port=port, clock=clock, sender=config.sender, sender_per_s=said.sender_per_s)


def make_replies(
    settings: Settings, store: Store, clock: Clock, parts: MessageParts, apps: Mapping[str, MessageApp]
) -> ReplyDesk:
    """What deals with messages to us; from now on they go there. Raises BadInput."""
    desk = ReplyDesk(
        store=store,
        clock=clock,
        rules=reply_rules(settings),
        gateways=parts.book.gateways,
        apps=apps,
    )
    parts.inbound.received = desk.take
    return desk


def reply_rules(settings: Settings) -> ReplyRules:
    """What these settings say of those who write to us. Raises BadInput."""
    said, wording = settings.replies, load_wording(settings.reply_words)
    return ReplyRules(
        wording=wording,
        region=settings.numbers.region,
        confirm=said.confirm,
        names=dict(said.names),
        helps=dict(said.help),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Configs:
    """What the gateways of the settings are told, in their order."""

    sms: tuple[SmsConfig, ...]
    email: tuple[SmtpConfig, ...]


def gateway_configs(settings: Settings) -> Configs:
    """Every gateway's own configuration. Raises BadSettings with all that is wrong."""
    mistakes: list[str] = []

    def tried(section: str, name: str, make: Callable[[], T]) -> list[T]:
        try:
            return [make()]
        except BadInput as wrong:
            mistakes.append(f"{section} {name!r}: {wrong}")
            return []

    sms, email = list[SmsConfig](), list[SmtpConfig]()
    for text in settings.sms_gateway:
        sms += tried("sms_gateway", text.name, partial(_sms, settings, text))
    for mail in settings.email_gateway:
        email += tried("email_gateway", mail.name, partial(_smtp, settings, mail))
        if mail.imap_host:
            tried("email_gateway", mail.name, partial(_imap, mail))
    if mistakes:
        raise BadSettings(mistakes)
    return Configs(sms=tuple(sms), email=tuple(email))


def _sms(settings: Settings, one: messages_of.SmsGateway) -> SmsConfig:
    secret = one.secret.get_secret_value()
    if one.type == "twilio":
        return TwilioConfig(
            name=one.name,
            account_sid=one.account_sid,
            auth_token=secret,
            old_auth_token=one.old_secret.get_secret_value(),
            sender=one.sender,
            public_url=settings.web.public_url.rstrip("/"),
            api_url=one.api_url.rstrip("/"),
            max_per_s=one.max_per_s,
            max_in_flight=one.max_in_flight,
            answer_timeout_s=one.answer_s,
        )
    return SmppConfig(
        name=one.name,
        host=one.host,
        port=one.port,
        system_id=one.system_id,
        password=secret,
        system_type=one.system_type,
        sender=one.sender,
        long_messages=LongMessages(one.long_messages),
        receipt_ids=ReceiptIds(one.receipt_ids),
        default_alphabet=CentreAlphabet(one.default_alphabet),
        refusals=_refusals(one.refusals),
        max_per_s=one.max_per_s,
        window=one.window,
        tls=one.tls,
        tag_messages=one.tag_messages,
        answer_timeout_s=one.answer_s,
    )


def _refusals(said: Mapping[str, str]) -> Mapping[int, Refusal]:
    known = [refusal.value for refusal in Refusal]
    for status, word in said.items():
        if word not in known:
            raise BadInput(f"{word!r}", where=f"refusals.{status}", mend=f"one of {', '.join(known)}")
    return MappingProxyType({int(status, 16): Refusal(word) for status, word in said.items()})


def _smtp(settings: Settings, one: messages_of.EmailGateway) -> SmtpConfig:
    return SmtpConfig(
        name=one.name,
        host=one.host,
        port=one.port,
        security=MailSecurity(one.security),
        username=one.username,
        password=one.secret.get_secret_value(),
        ca_file=str(settings.root / one.ca_file) if one.ca_file else "",
        sender=one.sender,
        answers=MailAddresses(domain=one.answers_domain, keys=_keys(settings)),
        connections=one.connections,
        max_per_s=one.max_per_s,
        later_s=one.greylist_s,
        final_timeout_s=one.answer_s,
    )


def _imap(one: messages_of.EmailGateway) -> ImapConfig:
    return ImapConfig(
        host=one.imap_host,
        port=one.imap_port,
        security=MailSecurity(one.imap_security),
        username=one.imap_username,
        password=one.imap_secret.get_secret_value(),
        folder=one.imap_folder,
        every_s=one.imap_every_s,
    )


def _ways_in(one: messages_of.EmailGateway, config: SmtpConfig, clock: Clock, inbound: Inbound) -> list[_Part]:
    mail = InboundMail(InboundConfig(gateway=one.name, answers=config.answers, mailboxes=one.mailboxes), clock, inbound.take)
    ways: list[_Part] = []
    if one.lmtp is not None:
        host, port = split_listen(one.lmtp)
        ways.append(LmtpListener(mail, host=host, port=port))
    if one.imap_host:
        ways.append(ImapPoller(_imap(one), mail, clock))
    return ways


def _keys(settings: Settings) -> tuple[bytes, ...]:
    said = (settings.messages.secret, settings.messages.old_secret)
    return tuple(one.get_secret_value().encode() for one in said if one.get_secret_value())


def _unsubscribe_at(settings: settings_of.Settings) -> str:
    url = settings.web.public_url.rstrip("/")
    return f"{url}{UNSUBSCRIBE_PATH}" if url and settings.web.listen is not None else ""

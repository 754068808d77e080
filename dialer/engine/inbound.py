"""The one place where everything arrives that gateways tell: news of our messages, and messages to us."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog

from dialer.engine.message_book import MessageBook
from dialer.ports import GatewayNews, MessageReceived, MessageUpdate

log = structlog.get_logger()

Taker = Callable[[MessageReceived], Awaitable[None]]


class Inbound:
    """`take` is the `InboundSink` of all gateways: it returns when what it was told is on disk."""

    def __init__(self, book: MessageBook, received: Taker | None = None) -> None:
        """`received` keeps messages to us; it may be given later, before the first one can come."""
        self._book, self.received = book, received

    async def take(self, news: GatewayNews) -> None:
        """Raises StoreDown, and whatever keeps messages to us raises: the gateway tells it again."""
        if isinstance(news, MessageUpdate):
            await self._book.heard(news)
        elif self.received is not None:
            await self.received(news)
        else:
            log.warning("a message to us, and nobody to keep it", gateway=news.gateway)

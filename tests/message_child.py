"""A dialer in a process of its own that writes to people until its job is over, and can be killed at any point."""

from __future__ import annotations

import asyncio
import socket
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from dialer.app_messages import make_messages, make_replies
from dialer.domain.ids import JobId
from dialer.settings import load_settings, split_listen
from dialer.store.store import Store
from dialer.testing.voice import FakeVoice
from tests.engine_kit import FastClock, completed, running, until


def listen(address: str) -> socket.socket:
    """A socket at the address of the settings."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(split_listen(address))
    return sock


async def main(url: str, settings: str, began_at: str) -> None:
    """Until the job with the number 1 is over."""
    clock = FastClock(20, datetime.fromisoformat(began_at))
    store = Store(url, now=clock.now)
    said = load_settings(Path(settings), environ={})
    parts = make_messages(said, store, clock, listen)
    assert parts is not None
    replies = make_replies(said, store, clock, parts, {})
    await parts.start()
    engine_parts: dict[str, Any] = {"channels": parts.channels, "messages": parts.book, "replies": replies}
    async with running(store, FakeVoice(clock), clock=clock, **engine_parts):
        await until(completed(store, JobId(1)))
    await parts.stop()
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

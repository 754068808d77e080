"""The desk that agents' programs connect to, where the settings say that it is served."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from dialer.ports import Clock
from dialer.services.agent_floor import AgentFloor
from dialer.settings import Settings
from dialer.store.store import Store
from dialer.web.agent_desk import DeskOptions, make_agent_desk_app
from dialer.web.agent_questions import DeskBooks

CLOSES_S = 2.0  # desktops are told goodbye, and not waited for any longer


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskSite:
    """The desk of a running dialer."""

    runner: web.AppRunner
    address: str  # host:port

    async def close(self) -> None:
        """Say goodbye to everybody."""
        await self.runner.cleanup()


async def open_desk(
    settings: Settings, floor: AgentFloor, store: Store, clock: Clock, listen: Callable[[str], socket.socket]
) -> DeskSite | None:
    """Serve the agents' desk; None where the settings name no address for it."""
    if not settings.agents.listen:
        return None
    sock = listen(settings.agents.listen)
    books = DeskBooks.reading(store, unmask=settings.agents.unmask)
    app = make_agent_desk_app(floor, books, clock, DeskOptions(origins=settings.agents.origins))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=CLOSES_S)
    await runner.setup()
    await web.SockSite(runner, sock).start()
    host, port = sock.getsockname()[:2]
    return DeskSite(runner=runner, address=f"[{host}]:{port}" if ":" in host else f"{host}:{port}")

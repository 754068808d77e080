"""Close a server of ours so that nobody who was about to be let in is left standing at the door."""

from __future__ import annotations

import asyncio

TURNS = 5  # of the loop, in which a connection that was accepted just now comes into being


async def accept_no_more(server: asyncio.Server) -> None:
    """Close it; every connection that it accepted is there when this returns, to be ended by its owner.

    `Server.close` alone would lose one that is accepted in the same moment: it would stay open, and nobody would know of it.
    """
    loop = asyncio.get_running_loop()
    for listening in server.sockets:
        loop.remove_reader(listening.fileno())
    for _ in range(TURNS):
        await asyncio.sleep(0)
    server.close()

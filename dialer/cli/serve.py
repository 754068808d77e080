"""`dialer serve`: run the dialer until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
import sys

import typer

from dialer.app import Dialer
from dialer.cli.context import Config, plain_errors
from dialer.logs import configure
from dialer.settings import Settings, load_settings

SWITCH_INTERVAL_S = 0.0005

serve_app = typer.Typer(pretty_exceptions_enable=False)


@serve_app.command()
@plain_errors
def serve(config: Config = None) -> None:
    """Dial the jobs of the database. Ctrl-C or SIGTERM: no new calls, calls in flight end, then exit."""
    settings = load_settings(config)
    configure(level=settings.log.level, json_lines=settings.log.json_lines)
    # The store's thread computes while calls wait for the event loop: Python's 5 ms before it hands over are heard by contacts.
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    async with Dialer.started(settings) as dialer:
        loop = asyncio.get_running_loop()
        for one in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(one, dialer.drain)
        await dialer.wait()

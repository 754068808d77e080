"""One live call in a worker: its socket, its app's thread, and what the watchdog holds in its hand."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Mapping
from typing import Any

import structlog

from dialer.channels.asterisk.agi_driver import AgiDriver
from dialer.channels.asterisk.agi_threads import AppThread
from dialer.channels.asterisk.agi_wire import AgiConnection
from dialer.ivr.call import Call, CallSettings, Prompts
from dialer.ivr.config import IvrLimits
from dialer.ivr.pulse import Pulse
from dialer.ivr.registry import Apps
from dialer.ivr.runner import CallRun, Ending
from pdc import Pdc, Session, SessionKey, SessionPdc
from pdc.verbs import Verb, session_pdc


class PdcFromThread:
    """The worker's one PDC client, usable from the threads of apps: the verbs run on the loop that owns its connections."""

    def __init__(self, pdc: Pdc, home: asyncio.AbstractEventLoop) -> None:
        self._pdc, self._home = pdc, home

    def on(self, key: SessionKey) -> SessionPdc:
        """The verbs of one call."""

        async def hop(verb: Verb, given: Mapping[str, Any]) -> Any:
            work = verb.call(self._pdc.on(key), given)
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._home))

        return session_pdc(hop)


class LiveCall:
    """A call from the moment its session is open. `converse` runs on the app's thread; all else on the worker's loop."""

    def __init__(self, conn: socket.socket, rest: bytes, key: SessionKey, session: Session) -> None:
        self.key, self.session = key, session
        self.pulse = Pulse()
        self.condemned = False
        self.over = asyncio.Event()
        self._conn, self._rest = conn, rest
        self._lever = conn.dup()  # ours alone, so that the watchdog never cuts a socket that was closed and used again
        self._run: CallRun | None = None
        self._agi: AgiConnection | None = None
        self.thread: AppThread | None = None

    def verdict(self, now: float, limits: IvrLimits) -> str:
        """Why the app must be ended, or ""."""
        if self.pulse.used_s(now) > limits.max_app_s:
            return f"longer than {limits.max_app_s:g} s"
        if self.pulse.stalled_s(now) > limits.stall_s:
            return f"asked for nothing for {limits.stall_s:g} s"
        return ""

    async def converse(self, apps: Apps, pdc: SessionPdc, prompts: Prompts, settings: CallSettings) -> Ending:
        """Run the app over AGI to the end of the call."""
        with structlog.contextvars.bound_contextvars(attempt_id=self.key.attempt_id, ivr_app=self.session.app):
            reader, writer = await asyncio.open_connection(sock=self._conn, limit=16 * 1024)
            agi = self._agi = AgiConnection(reader, writer)
            try:
                if self._rest:
                    reader.feed_data(self._rest)
                driver = AgiDriver(agi)
                call = Call(driver, self.session, pdc=pdc, prompts=prompts, settings=settings, pulse=self.pulse)
                app, dialplan = self.session.app, self.session.dialplan
                self._run = CallRun(call, driver, app_name=app, apps=apps, pdc=pdc, prompts=prompts, dialplan=dialplan)
                return await self._run.run()
            finally:
                agi.close()
                await agi.wait_closed()

    def condemn(self, because: str) -> None:
        """To be called on the app's loop: let the runner end the app with an apology."""
        if self._run is not None:
            self._run.condemn(because)

    def cut(self) -> None:
        """Break the connection under the app: the switch goes on with the dialplan, which speaks and hangs up."""
        if self._agi is not None:
            self._agi.given_up = True
        with contextlib.suppress(OSError):
            self._lever.shutdown(socket.SHUT_RDWR)

    def release(self) -> None:
        """The call is over."""
        self._lever.close()

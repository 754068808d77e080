"""One live call in a worker: its socket, its app's thread, and what the watchdog holds in its hand."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Coroutine, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import structlog

from dialer.channels.asterisk.agi_driver import AgiDriver
from dialer.channels.asterisk.agi_threads import AppThread
from dialer.channels.asterisk.agi_wire import AgiConnection
from dialer.ivr.call import Call, CallSettings, Prompts
from dialer.ivr.config import IvrLimits
from dialer.ivr.pulse import Pulse
from dialer.ivr.registry import Apps
from dialer.ivr.runner import CallRun, Ending
from pdc.contract import CompletionCode, Contact, Pdc, Session, SessionKey

T = TypeVar("T")


class PdcFromThread:
    """The worker's one PDC client, usable from the threads of apps: the verbs run on the loop that owns its connections."""

    def __init__(self, pdc: Pdc, home: asyncio.AbstractEventLoop) -> None:
        self._pdc, self._home = pdc, home

    async def _hop(self, work: Coroutine[Any, Any, T]) -> T:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._home))

    async def open_session(self, key: SessionKey, *, amd_status: str = "", amd_cause: str = "") -> Session:
        return await self._hop(self._pdc.open_session(key, amd_status=amd_status, amd_cause=amd_cause))

    async def session(self, key: SessionKey) -> Session:
        return await self._hop(self._pdc.session(key))

    async def contact(self, key: SessionKey) -> Contact:
        return await self._hop(self._pdc.contact(key))

    async def get_attribute(self, key: SessionKey, name: str) -> str:
        return await self._hop(self._pdc.get_attribute(key, name))

    async def set_attribute(self, key: SessionKey, name: str, value: str) -> None:
        await self._hop(self._pdc.set_attribute(key, name, value))

    async def completion_codes(self, key: SessionKey) -> Sequence[CompletionCode]:
        return await self._hop(self._pdc.completion_codes(key))

    async def set_code(self, key: SessionKey, name: str) -> None:
        await self._hop(self._pdc.set_code(key, name))

    async def opt_out(self, key: SessionKey, reason: str = "") -> None:
        await self._hop(self._pdc.opt_out(key, reason))

    async def note(self, key: SessionKey, text: str) -> None:
        await self._hop(self._pdc.note(key, text))

    async def is_dnc(self, key: SessionKey, address: str = "") -> bool:
        return await self._hop(self._pdc.is_dnc(key, address))

    async def add_dnc(self, key: SessionKey, address: str = "", reason: str = "") -> None:
        await self._hop(self._pdc.add_dnc(key, address, reason))

    async def remove_dnc(self, key: SessionKey, address: str = "") -> None:
        await self._hop(self._pdc.remove_dnc(key, address))

    async def save_contact(
        self,
        key: SessionKey,
        user_contact_id: str,
        *,
        phones: Mapping[str, str],
        attributes: Mapping[str, str] | None = None,
        list_name: str = "",
    ) -> None:
        saving = self._pdc.save_contact(key, user_contact_id, phones=phones, attributes=attributes, list_name=list_name)
        await self._hop(saving)

    async def delete_contact(self, key: SessionKey, user_contact_id: str, *, list_name: str = "") -> None:
        await self._hop(self._pdc.delete_contact(key, user_contact_id, list_name=list_name))

    async def add_to_job(self, key: SessionKey, user_contact_id: str, *, list_name: str = "") -> None:
        await self._hop(self._pdc.add_to_job(key, user_contact_id, list_name=list_name))

    async def count(self, key: SessionKey, name: str, amount: int = 1, *, assign: bool = False, once: str = "") -> int:
        return await self._hop(self._pdc.count(key, name, amount, assign=assign, once=once))

    async def schedule_callback(
        self,
        key: SessionKey,
        at: datetime,
        *,
        zone: str = "",
        expires: datetime | None = None,
        address: str = "",
        note: str = "",
    ) -> None:
        asking = self._pdc.schedule_callback(key, at, zone=zone, expires=expires, address=address, note=note)
        await self._hop(asking)

    async def end_session(self, key: SessionKey, *, outcome: str = "", error: str = "") -> None:
        await self._hop(self._pdc.end_session(key, outcome=outcome, error=error))

    async def close(self) -> None:
        await self._hop(self._pdc.close())


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
        self.thread: AppThread | None = None

    def verdict(self, now: float, limits: IvrLimits) -> str:
        """Why the app must be ended, or ""."""
        if self.pulse.used_s(now) > limits.max_app_s:
            return f"longer than {limits.max_app_s:g} s"
        if self.pulse.stalled_s(now) > limits.stall_s:
            return f"asked for nothing for {limits.stall_s:g} s"
        return ""

    async def converse(self, apps: Apps, pdc: Pdc, prompts: Prompts, settings: CallSettings) -> Ending:
        """Run the app over AGI to the end of the call."""
        with structlog.contextvars.bound_contextvars(attempt_id=self.key.attempt_id, ivr_app=self.session.app):
            reader, writer = await asyncio.open_connection(sock=self._conn, limit=16 * 1024)
            agi = AgiConnection(reader, writer)
            try:
                if self._rest:
                    reader.feed_data(self._rest)
                driver = AgiDriver(agi)
                call = Call(
                    driver,
                    self.session,
                    pdc=pdc,
                    key=self.key,
                    prompts=prompts,
                    settings=settings,
                    pulse=self.pulse,
                )
                self._run = CallRun(call, driver, app_name=self.session.app, apps=apps, pdc=pdc, key=self.key, prompts=prompts)
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
        with contextlib.suppress(OSError):
            self._lever.shutdown(socket.SHUT_RDWR)

    def release(self) -> None:
        """The call is over."""
        self._lever.close()

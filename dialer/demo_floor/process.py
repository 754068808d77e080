"""The dialer of a demo in a process of its own: started, stopped in order, and killed as a crash would."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from dialer.lab.errors import LabFailed
from dialer.lab.instance import KEEPER
from dialer.lab.lab import Lab
from dialer.lab.ports import free_port

STARTS_S, STOPS_S = 60.0, 30.0
LOOKS_S = 0.05
LOG_TAIL = 3000


class DialerProcess:
    """`dialer serve` on a lab, with settings and data in `folder`. It dies with us, whatever ends us."""

    def __init__(self, lab: Lab, folder: Path, *, cps: float, tts: Sequence[str]) -> None:
        self.config, self.log_file = folder / "dialer.toml", folder / "dialer.log"
        self._desk_port = free_port()
        self._keeper: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self.config.touch(mode=0o600)
        self.config.write_text(_settings(lab, folder / "data", self._desk_port, cps=cps, tts=tts), encoding="utf-8")

    @classmethod
    @asynccontextmanager
    async def running(cls, lab: Lab, folder: Path, *, cps: float, tts: Sequence[str]) -> AsyncIterator[DialerProcess]:
        """Up for as long as the block runs. Raises LabFailed."""
        made = cls(lab, folder, cps=cps, tts=tts)
        await made.start()
        try:
            yield made
        finally:
            await asyncio.shield(made.stop())

    @property
    def desk_url(self) -> str:
        """Where agents' programs connect, before and after a restart."""
        return f"http://127.0.0.1:{self._desk_port}"

    async def start(self) -> None:
        """Start it; returns when agents can connect. Raises LabFailed with the end of its log."""
        with self.log_file.open("ab") as log:
            self._keeper = subprocess.Popen(  # noqa: ASYNC220  takes a millisecond
                [sys.executable, "-I", "-S", str(KEEPER), sys.executable, "-m", "dialer", "serve", "--config", str(self.config)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C in the terminal is for us; we stop it in order
            )
        for _ in range(int(STARTS_S / LOOKS_S)):
            self.check()
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self._desk_port)
                writer.close()
                return
            await asyncio.sleep(LOOKS_S)
        raise LabFailed(f"the dialer did not start within {STARTS_S:g} s:\n{self._log_tail()}")

    def check(self) -> None:
        """Raises LabFailed where it has ended by itself."""
        if self._keeper is None or self._keeper.poll() is not None:
            raise LabFailed(f"the dialer has ended:\n{self._log_tail()}")

    async def kill(self) -> None:
        """kill -9; returns when it is gone."""
        await self._end(signal.SIGKILL, STOPS_S)

    async def stop(self) -> None:
        """Let it end in order, and by force where it does not."""
        await self._end(signal.SIGTERM, STOPS_S)
        await self._end(signal.SIGKILL, STOPS_S)

    async def _end(self, how: signal.Signals, within_s: float) -> None:
        keeper = self._keeper
        if keeper is None:
            return
        for pid in _children(keeper.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, how)
        with suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(keeper.wait, within_s)
            if keeper.stdin is not None:
                keeper.stdin.close()
            self._keeper = None

    def _log_tail(self) -> str:
        return self.log_file.read_text(encoding="utf-8", errors="replace")[-LOG_TAIL:].strip()


def _children(pid: int) -> list[int]:
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
    except FileNotFoundError:
        return []


def _settings(lab: Lab, data: Path, desk_port: int, *, cps: float, tts: Sequence[str]) -> str:
    """The settings file, for this dialer and for whoever looks at it with the `dialer` command."""
    switch = lab.switch
    text = json.dumps  # a string of JSON is one of TOML
    return f"""\
[node]
name = "demo"
data_dir = {text(str(data))}
[[switch]]
name = {text(switch.name)}
host = {text(switch.host)}
port = {switch.port}
username = {text(switch.username)}
secret = {text(switch.secret)}
max_cps = {cps:g}
[[trunk]]
name = {text(lab.trunk)}
switch = {text(switch.name)}
caller_id = {text(lab.caller_id)}
tag_calls = true
max_cps = {cps:g}
[ivr]
workers = 1
[ivr.tts]
command = [{", ".join(map(text, tts))}]
[agents]
listen = "127.0.0.1:{desk_port}"
[dialling]
drain_s = 5
"""

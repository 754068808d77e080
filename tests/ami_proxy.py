"""A wire to a switch that can be made bad: it stands between the dialer and the manager port (AMI) and parses the frames.

    async with AmiProxy("127.0.0.1", lab.switch.port) as proxy:   # let the dialer connect to 127.0.0.1:proxy.port
        proxy.reset()                       # end every connection with an RST, now; new ones are taken
        proxy.refuse = True                 # new connections are reset at once
        proxy.frozen = True                 # half-open: bytes are read and thrown away, the sockets stay; False: go on
        proxy.delay_s = 60.0                # every frame from the switch comes so much later (order kept)
        proxy.spoil("Hangup", drop=1.0)     # events of that name are lost with this probability ...
        proxy.spoil("Newstate", duplicate=0.5)   # ... or come twice ...
        proxy.spoil("Hangup", hold=0.5)     # ... or come after the next frame (another order)
        proxy.swallow("Originate")          # the response to the next action of that name is lost
        proxy.cut_mid_frame("Hangup")       # the next event of that name is sent by half, then the connection is reset
        proxy.spoils.clear()                # behave again
        proxy.seen["Originate"]             # how many actions, events and responses of each name went by
        proxy.actions                       # every action that the dialer sent, byte for byte

Chances come from `rng`, so that the seed of a run repeats them.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections import Counter
from dataclasses import dataclass
from types import TracebackType

END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoil:
    """What befalls the events of one name, each with its probability."""

    drop: float = 0.0
    duplicate: float = 0.0
    hold: float = 0.0


class AmiProxy:
    """See the module's own words for what it can do."""

    def __init__(self, host: str, port: int, *, rng: random.Random | None = None) -> None:
        self.host, self.target_port = host, port
        self.rng = rng or random.Random(0)
        self.port = 0
        self.refuse = False
        self.frozen = False
        self.delay_s = 0.0
        self.spoils: dict[str, Spoil] = {}
        self.seen: Counter[str] = Counter()
        self.actions: list[bytes] = []
        self._swallow: Counter[str] = Counter()
        self._swallowed_ids: set[str] = set()
        self._cut: set[str] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> AmiProxy:
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 22)
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None) -> None:
        self._listener.close()
        self.reset()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._listener.wait_closed()

    def spoil(self, event: str, *, drop: float = 0.0, duplicate: float = 0.0, hold: float = 0.0) -> None:
        self.spoils[event] = Spoil(drop=drop, duplicate=duplicate, hold=hold)

    def swallow(self, action: str) -> None:
        self._swallow[action] += 1

    def cut_mid_frame(self, event: str) -> None:
        self._cut.add(event)

    def reset(self) -> None:
        for writer in list(self._writers):
            _reset(writer)

    # -- inside --------------------------------------------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            if self.refuse:
                return
            far_reader, far_writer = await asyncio.open_connection(self.host, self.target_port, limit=1 << 22)
            self._writers.add(far_writer)
            pumps = [
                asyncio.create_task(self._to_switch(reader, far_writer)),
                asyncio.create_task(self._from_switch(far_reader, writer)),
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
                self._writers.discard(far_writer)
                far_writer.transport.abort()
        except OSError:
            pass  # the switch is not there: the dialer sees its connection end
        finally:
            self._writers.discard(writer)
            _reset(writer)
            self._tasks.discard(task)

    async def _to_switch(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                frame = await reader.readuntil(END)
                name, action_id = _header(frame, b"Action"), _header(frame, b"ActionID")
                self.seen[name] += 1
                self.actions.append(frame)
                if self._swallow[name]:
                    self._swallow[name] -= 1
                    self._swallowed_ids.add(action_id)
                if not self.frozen:
                    writer.write(frame)

    async def _from_switch(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held: list[bytes] = []
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            writer.write(await reader.readuntil(b"\r\n"))  # the banner
            while True:
                frame = await reader.readuntil(END)
                out = self._spoiled(frame, held, writer)
                if out and not self.frozen:
                    if self.delay_s:
                        asyncio.get_running_loop().call_later(self.delay_s, _write, writer, out)
                    else:
                        writer.write(out)

    def _spoiled(self, frame: bytes, held: list[bytes], writer: asyncio.StreamWriter) -> bytes:
        """The bytes that go on to the dialer for one frame."""
        event = _header(frame, b"Event")
        self.seen[event or "Response"] += 1
        action_id = _header(frame, b"ActionID")
        if not event and action_id in self._swallowed_ids:
            self._swallowed_ids.discard(action_id)
            return b""
        if event in self._cut:
            self._cut.discard(event)
            writer.write(frame[: len(frame) // 2])
            asyncio.get_running_loop().call_later(0.05, _reset, writer)
            return b""
        spoil = self.spoils.get(event, Spoil())
        if self.rng.random() < spoil.drop:
            return b""
        if self.rng.random() < spoil.hold:
            held.append(frame)
            return b""
        out = frame * (2 if self.rng.random() < spoil.duplicate else 1) + b"".join(held)
        held.clear()
        return out


def _header(frame: bytes, name: bytes) -> str:
    for line in frame.split(b"\r\n"):
        if line.startswith(name + b": "):
            return line[len(name) + 2 :].decode(errors="replace")
    return ""


def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    if not writer.is_closing():
        writer.write(data)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with an RST, as a crashed peer or a firewall does."""
    sock = writer.get_extra_info("socket")
    if sock is not None and not writer.is_closing():
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()

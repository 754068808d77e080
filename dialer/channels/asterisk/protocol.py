"""Read and write Asterisk's manager protocol (AMI) on one connection, on panoramisk and without its traps.

panoramisk 1.4 gives the Action (its text and its id) and the Manager that opens the connection. What it gets wrong is
replaced here:

- it sends an unacknowledged Originate again after a reconnect: here nothing outlives its connection, every pending action ends in
  an error, and nobody reconnects behind our back;
- it decodes each TCP segment by itself, strips messages and hides headers behind methods: here frames are cut as bytes and
  become plain dicts;
- it parses every event of a busy switch: here unwanted ones are dropped before they are parsed;
- it closes the link when a callback raises: here there is one callback, and it cannot.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from panoramisk import Manager
from panoramisk.actions import Action
from panoramisk.ami_protocol import AMIProtocol

from dialer.errors import MaybeSent, NotSent, Rejected

log = structlog.get_logger()

AmiFrame = Mapping[str, str]

END = b"\r\n\r\n"
BANNER = b"Asterisk Call Manager/"
MAX_FRAME_BYTES = 1 << 20  # a frame of AMI is about 1 kB; more than this without an end is no AMI
MAX_LINE_BYTES = 1000  # Asterisk refuses an input line of 1,024 bytes and more
MAX_UNANSWERED = 1000
FORBIDDEN = ("\r", "\n", "\0")


def check_action(fields: Mapping[str, str | tuple[str, ...]]) -> None:
    """Refuse what could add a header, an action or a variable of its own. Raises Rejected, before a byte is written."""
    for key, value in fields.items():
        for part in (value,) if isinstance(value, str) else value:
            if any(mark in key or mark in part for mark in FORBIDDEN) or ":" in key or not key:
                raise Rejected(f"a control character in the AMI header {key!r}")
            # Asterisk splits one Variable header at its commas: a comma in a value would set a second variable.
            if key.casefold() == "variable" and ("," in part or part.partition("=")[0].endswith(")")):
                raise Rejected("a comma or a function in an AMI variable")
            if len(f"{key}: {part}".encode()) > MAX_LINE_BYTES:
                raise Rejected(f"the AMI header {key!r} is too long")


class PendingAction(Action):  # type: ignore[misc]  # panoramisk carries no types
    """An action that waits for its answer: one response, or a list up to its closing event, named outright and never guessed."""

    def __init__(self, fields: Mapping[str, str | tuple[str, ...]], *, complete: str = "") -> None:
        super().__init__(dict(fields))
        self.complete = complete
        self.frames: list[AmiFrame] = []

    def add_frame(self, frame: AmiFrame) -> bool:
        """Take one frame that carries our ActionID; True when that was the last one."""
        self.frames.append(frame)
        if self.complete and frame.get("Response") != "Error" and frame.get("Event") != self.complete:
            return False
        if not self.future.done():
            self.future.set_result(tuple(self.frames))
        return True


class AmiProtocol(AMIProtocol):  # type: ignore[misc]  # panoramisk carries no types
    """One connection. It ends once, and then everything that waited on it has ended too."""

    def __init__(self, wanted: frozenset[str], on_event: Callable[[AmiFrame], None]) -> None:
        self.wanted = frozenset(name.encode() for name in wanted)
        self.on_event = on_event
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.dropped = 0
        self.buffer = bytearray()
        self.banner: bytes | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.encoding = "utf-8"
        self.responses: dict[str, PendingAction] = {}
        sock = transport.get_extra_info("socket")
        if sock is not None:
            keep_alive(sock)

    # -- reading -------------------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Cut the stream into frames; a character or a header may be split anywhere between two segments."""
        self.buffer += data
        if self.banner is None and not self.take_banner():
            return
        end = self.buffer.rfind(END)
        if end < 0:
            if len(self.buffer) > MAX_FRAME_BYTES:
                self.end("a frame without an end")
            return
        block = bytes(self.buffer[:end])
        del self.buffer[: end + len(END)]
        for frame in block.split(END):
            self.take_frame(frame)

    def take_banner(self) -> bool:
        line, newline, rest = bytes(self.buffer).partition(b"\r\n")
        if not newline:
            if not (BANNER.startswith(line[: len(BANNER)]) and len(line) < 200):
                self.end("this is no Asterisk manager port")
            return False
        if not line.startswith(BANNER):
            self.end("this is no Asterisk manager port")
            return False
        self.banner = line
        self.buffer = bytearray(rest)
        return True

    def take_frame(self, raw: bytes) -> None:
        raw = raw.lstrip(b"\r\n")
        if raw.startswith(b"Event: "):
            name = raw[7 : raw.find(b"\r\n")] if b"\r\n" in raw else raw[7:]
            if name not in self.wanted and b"\r\nActionID: " not in raw:
                self.dropped += 1
                return
        frame = parse(raw)
        action = self.responses.get(frame.get("ActionID", ""))
        # OriginateResponse carries the ActionID of its order and is an event all the same: never swallow it as an answer.
        if action is not None and frame.get("Event", "").encode() not in self.wanted:
            if action.add_frame(frame):
                self.forget(action)
        elif "Event" in frame:
            self.tell(frame)
        elif frame:
            log.info("ami_late_response", response=frame.get("Response", ""), text=frame.get("Message", ""))

    def tell(self, frame: AmiFrame) -> None:
        try:
            self.on_event(frame)
        except Exception:
            log.exception("ami_event_failed", event_name=frame.get("Event", ""))
        if frame.get("Event") == "Shutdown":
            self.end("the switch shuts down")

    # -- writing -------------------------------------------------------------------------------------------------------------

    def send_action(self, action: PendingAction) -> asyncio.Future[tuple[AmiFrame, ...]]:
        """Write one action. Raises NotSent when the connection has ended; after this returns it may have been sent."""
        if self.lost.done() or self.transport.is_closing():
            raise NotSent("the link to the switch is down")
        if len(self.responses) >= MAX_UNANSWERED:
            raise NotSent("the switch owes too many answers")
        self.responses[action.id] = action
        self.transport.write(str(action).encode(self.encoding))
        return action.future  # type: ignore[no-any-return]  # panoramisk carries no types

    def forget(self, action: PendingAction) -> None:
        """Stop waiting for an action: a late answer is then noted and dropped."""
        self.responses.pop(action.id, None)

    # -- ending --------------------------------------------------------------------------------------------------------------

    def connection_lost(self, exc: BaseException | None) -> None:
        self.end(f"the connection was lost: {exc}" if exc else "the switch closed the connection")

    def close(self) -> None:
        self.end("closed")

    def end(self, because: str) -> None:
        """End the connection now. Nothing is queued for a later one: what was written and not answered is MaybeSent."""
        if self.lost.done():
            return
        self.closed = True
        self.lost.set_result(because)
        pending, self.responses = list(self.responses.values()), {}
        for action in pending:
            if not action.future.done():
                action.future.set_exception(MaybeSent(f"the link was lost before the answer: {because}"))
                action.future.exception()  # somebody may have stopped waiting: asyncio must not complain of it
        self.transport.abort()


class OneConnection(Manager):  # type: ignore[misc]  # panoramisk carries no types
    """panoramisk's Manager for exactly one connection: it logs nobody in, pings nobody and never connects again."""

    def connection_made(self, task: asyncio.Task[tuple[asyncio.Transport, AmiProtocol]]) -> None:
        if not task.cancelled() and task.exception() is None:
            _, self.protocol = task.result()
            self.protocol.factory = self

    def connection_lost(self, exc: BaseException | None) -> None:
        """The link's supervisor decides what happens next."""

    def ping(self) -> None:
        """The link pings, with a deadline."""


async def open_connection(
    host: str, port: int, *, wanted: frozenset[str], on_event: Callable[[AmiFrame], None], timeout_s: float
) -> AmiProtocol:
    """Connect. Raises OSError or TimeoutError; a connection that came too late is closed."""
    manager = OneConnection(
        host=host,
        port=port,
        loop=asyncio.get_running_loop(),
        encoding="utf-8",
        protocol_factory=lambda: AmiProtocol(wanted, on_event),
    )
    connecting = manager.connect()
    try:
        async with asyncio.timeout(timeout_s):
            _, protocol = await connecting
    except BaseException:
        with contextlib.suppress(Exception):  # whatever the race left: it must not stay open
            if connecting.done() and not connecting.cancelled():
                connecting.result()[1].end("not wanted any more")
        raise
    assert isinstance(protocol, AmiProtocol)  # noqa: S101  # for the type checker: our own factory made it
    return protocol


def parse(raw: bytes) -> dict[str, str]:
    """One frame as a dict. Of a header that comes twice the first counts; an empty value stays, as ""."""
    frame: dict[str, str] = {}
    for line in raw.decode("utf-8", "replace").split("\r\n"):
        key, colon, value = line.partition(":")
        if colon:
            frame.setdefault(key, value.removeprefix(" "))
    return frame


def keep_alive(sock: socket.socket) -> None:
    """Let the kernel notice a dead peer too; the pings notice it first."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 5), ("TCP_KEEPINTVL", 2), ("TCP_KEEPCNT", 3), ("TCP_USER_TIMEOUT", 10_000)):
        number = getattr(socket, option, None)  # not every system has all of them
        if number is not None:
            sock.setsockopt(socket.IPPROTO_TCP, number, value)

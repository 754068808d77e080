"""A manager port (AMI) that does what a test tells it: real TCP, and no Asterisk behind it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from types import TracebackType

from dialer.closing import accept_no_more

Action = dict[str, list[str]]
Answer = Callable[["FakeConnection", Action], None]


class FakeConnection:
    """One client."""

    def __init__(self, server: FakeAmi, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server, self.reader, self.writer = server, reader, writer

    def raw(self, data: bytes) -> None:
        if not self.writer.is_closing():
            self.writer.write(data)

    def send(self, frame: Mapping[str, str]) -> None:
        self.raw("".join(f"{key}: {value}\r\n" for key, value in frame.items()).encode() + b"\r\n")

    def answer(self, action: Action, **headers: str) -> None:
        self.send({"Response": "Success", "ActionID": action["ActionID"][0], **headers})

    def refuse(self, action: Action, message: str) -> None:
        self.send({"Response": "Error", "ActionID": action["ActionID"][0], "Message": message})

    def event(self, name: str, **headers: str) -> None:
        self.send({"Event": name, "Privilege": "call,all", **headers})

    def abort(self) -> None:
        """End it as a reset does."""
        self.writer.transport.abort()


class FakeAmi:
    """`async with FakeAmi() as ami`. `answers[action]` scripts an action; an action in `mute` is left unanswered."""

    def __init__(self) -> None:
        self.port = 0
        self.secret = "secret"
        self.booted = True
        self.started = ("2026-01-01", "00:00:00")
        self.banner = b"Asterisk Call Manager/11.0.0\r\n"
        self.mute: set[str] = set()
        self.actions: list[Action] = []
        self.connections: list[FakeConnection] = []
        self.channels: list[dict[str, str]] = []
        self.answers: dict[str, Answer] = {
            "Login": log_in,
            "Ping": lambda conn, action: conn.answer(action, Ping="Pong"),
            "CoreStatus": core_status,
            "CoreShowChannels": show_channels,
            "Originate": lambda conn, action: conn.answer(action, Message="Originate successfully queued"),
            "Hangup": lambda conn, action: conn.refuse(action, "No such channel"),
        }
        self.tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> FakeAmi:
        await self.open()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None) -> None:
        await self.shut()

    async def open(self) -> None:
        """Listen, on the same port as before if there was one."""
        self.listener = await asyncio.start_server(self.serve, "127.0.0.1", self.port)
        self.port = self.listener.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        """Stop listening and end every connection."""
        await accept_no_more(self.listener)
        for connection in self.connections:
            connection.abort()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.listener.wait_closed()

    def of(self, name: str) -> list[Action]:
        """The actions of one name that came, on all connections."""
        return [action for action in self.actions if action["Action"] == [name]]

    @property
    def last(self) -> FakeConnection:
        return self.connections[-1]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        connection = FakeConnection(self, reader, writer)
        self.connections.append(connection)
        connection.raw(self.banner)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                action: Action = {}
                for line in (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n"):
                    key, colon, value = line.partition(": ")
                    if colon:
                        action.setdefault(key, []).append(value)
                self.actions.append(action)
                name = action["Action"][0]
                if name not in self.mute:
                    self.answers[name](connection, action)
        writer.close()
        self.tasks.discard(task)


def log_in(conn: FakeConnection, action: Action) -> None:
    if action["Secret"] != [conn.server.secret]:
        conn.refuse(action, "Authentication failed")
        return
    conn.answer(action, Message="Authentication accepted")
    if conn.server.booted:
        conn.event("FullyBooted", Uptime="1", Status="Fully Booted")


def core_status(conn: FakeConnection, action: Action) -> None:
    date, time = conn.server.started
    conn.answer(action, CoreStartupDate=date, CoreStartupTime=time, CoreCurrentCalls="0")


def show_channels(conn: FakeConnection, action: Action) -> None:
    action_id = action["ActionID"][0]
    conn.answer(action, EventList="start", Message="Channels will follow")
    for channel in conn.server.channels:
        conn.event("CoreShowChannel", ActionID=action_id, **channel)
    items = str(len(conn.server.channels))
    conn.event("CoreShowChannelsComplete", ActionID=action_id, EventList="Complete", ListItems=items)

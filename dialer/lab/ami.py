"""A short conversation with an Asterisk's manager, one action at a time: for the lab and for checking a switch."""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Callable, Mapping
from types import TracebackType

from dialer.lab.errors import LabFailed

Headers = dict[str, str]


class AmiRefused(LabFailed):
    """The manager refused the login."""


class AmiTalk:
    """One logged-in connection. Not for the dialer itself: it blocks, and waits for each answer before it goes on."""

    def __init__(self, host: str, port: int, *, timeout_s: float = 5.0) -> None:
        """Connect. Raises OSError where nobody listens."""
        self._timeout_s = timeout_s
        self._socket = socket.create_connection((host, port), timeout=timeout_s)
        self._buffer = b""
        self._number = 0
        self.events: deque[Headers] = deque()
        try:
            self.banner = self._line(time.monotonic() + timeout_s).decode(errors="replace")
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> AmiTalk:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._socket.close()

    def login(self, username: str, secret: str, *, events: bool = True) -> None:
        """Raises AmiRefused."""
        answer = self.action("Login", {"Username": username, "Secret": secret, "Events": "on" if events else "off"})
        if answer.get("Response") != "Success":
            raise AmiRefused(answer.get("Message", "refused"))

    def action(self, name: str, headers: Mapping[str, str] | None = None) -> Headers:
        """Send one action and return its response. Events that arrive before it are kept in `events`."""
        self._number += 1
        ours = str(self._number)
        lines = {"Action": name, "ActionID": ours, **(headers or {})}
        if any(character in text for pair in lines.items() for text in pair for character in "\r\n\0"):
            raise LabFailed("a line end in a manager action")
        self._socket.sendall("".join(f"{key}: {value}\r\n" for key, value in lines.items()).encode() + b"\r\n")
        deadline = time.monotonic() + self._timeout_s
        while True:
            message = self._message(deadline)
            if message.get("ActionID") == ours and "Response" in message:
                return message
            self.events.append(message)

    def listing(self, name: str, headers: Mapping[str, str] | None = None) -> tuple[Headers, list[Headers]]:
        """An action that is answered by a list: its response, and its entries; no entries where it was refused."""
        answer = self.action(name, headers)
        entries: list[Headers] = []
        if answer.get("Response") == "Success":
            deadline = time.monotonic() + self._timeout_s
            while True:
                entry = self.wait_for(lambda event: event.get("ActionID") == answer["ActionID"], deadline=deadline)
                if entry is None:
                    raise LabFailed(f"the list of {name} was not ended")
                if entry.get("EventList") == "Complete":
                    break
                entries.append(entry)
        return answer, entries

    def get(self, variable: str) -> str | None:
        """A global variable or a function's value; None where this switch or our rights do not allow it."""
        answer = self.action("Getvar", {"Variable": variable})
        return answer.get("Value") if answer.get("Response") == "Success" else None

    def wait_for(self, wanted: Callable[[Headers], bool], *, deadline: float) -> Headers | None:
        """The next event that is wanted, by the monotonic clock; None when it does not come. Others are dropped."""
        while True:
            while self.events:
                event = self.events.popleft()
                if wanted(event):
                    return event
            try:
                self.events.append(self._message(deadline))
            except TimeoutError:
                return None

    def _message(self, deadline: float) -> Headers:
        message: Headers = {}
        while True:
            line = self._line(deadline)
            if not line:
                if message:
                    return message
                continue
            key, _, value = line.decode(errors="replace").partition(":")
            message[key] = value.strip()

    def _line(self, deadline: float) -> bytes:
        while b"\r\n" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("the manager did not answer in time")
            self._socket.settimeout(left)
            more = self._socket.recv(65536)
            if not more:
                raise ConnectionResetError("the manager closed the connection")
            self._buffer += more
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line

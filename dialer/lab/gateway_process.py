"""The process that runs a lab's message gateways: start it, ask it, stop it, and read what really happened."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from dialer.errors import BadInput
from dialer.lab.errors import LabFailed
from dialer.lab.instance import KEEPER
from dialer.lab.ports import Ports
from dialer.lab.ready import PortTaken
from dialer.lab.truth_log import read_truth_log

READY_WITHIN_S = 15.0
PLAN, PID = "gateways.json", "pid"


@dataclass(slots=True, kw_only=True)
class GatewayProcess:
    """The gateways beside one switch and carrier. `sms` is a Twilio and a message centre, `email` a mail server."""

    folder: Path
    ports: Ports
    sms: bool
    email: bool
    _started: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def plan_file(self) -> Path:
        return self.folder / PLAN

    @property
    def plan(self) -> dict[str, Any]:
        """Names, passwords and ports, as `GatewaysPlan` has them. Raises LabFailed."""
        try:
            plan: dict[str, Any] = json.loads(self.plan_file.read_text())
        except (OSError, ValueError) as broken:
            raise LabFailed(f"{self.plan_file} cannot be read: {broken}") from broken
        return plan

    @property
    def twilio_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.twilio}"

    @property
    def control_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.control}"

    def start(self, *, detached: bool, sms_url: str = "", lmtp: str = "") -> None:
        """Start it; returns when it answers. Raises LabFailed, PortTaken."""
        self.folder.mkdir(parents=True, exist_ok=True)
        token = secrets.token_hex(8)
        plan = {
            "token": token,
            "control": self.ports.control,
            "twilio": self.ports.twilio if self.sms else 0,
            "smpp": self.ports.smpp if self.sms else 0,
            "smtp": self.ports.smtp if self.email else 0,
            "account_sid": "AC" + secrets.token_hex(16),
            "auth_token": secrets.token_hex(16),
            "system_id": "outdial",
            "password": secrets.token_hex(4),
            "sms_url": sms_url,
            "lmtp": lmtp,
        }
        self.plan_file.touch(mode=0o600)
        self.plan_file.write_text(json.dumps(plan, indent=1) + "\n")
        argv = [sys.executable, "-m", "dialer.lab.gateways", str(self.plan_file)]
        with (self.folder / "console").open("ab") as console:
            self._started = subprocess.Popen(
                argv if detached else [sys.executable, "-I", "-S", str(KEEPER), *argv],
                stdin=subprocess.DEVNULL if detached else subprocess.PIPE,
                stdout=console,
                stderr=console,
                start_new_session=True,  # a Ctrl-C in the terminal is for whoever started us; they stop us in order
            )
        self._await(token)

    def alive(self) -> bool:
        """Whether its process is there, and is really it."""
        return self.pid > 0

    @property
    def pid(self) -> int:
        """The process id that it wrote down itself, if it is its own still; else 0."""
        try:
            pid = int((self.folder / PID).read_text())
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (OSError, ValueError, IndexError):
            return 0
        return pid if state != "Z" and str(self.plan_file).encode() in words else 0

    @property
    def keeper_pid(self) -> int:
        """The process that kills it when we are gone; 0 where there is none."""
        return self._started.pid if self._started else 0

    def stop(self) -> None:
        """End it in order, and by force where that does not help. Quiet where it is gone already."""
        for last_word in (signal.SIGTERM, signal.SIGKILL):
            if pid := self.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, last_word)
            if self._gone(3.0):
                break
        if self._started is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._started.wait(3)
            if self._started.stdin:
                self._started.stdin.close()
            self._started = None

    def log_tail(self) -> str:
        """The last lines of what it printed: nothing, where all is well."""
        path = self.folder / "console"
        return path.read_text(errors="replace")[-3000:].strip() if path.is_file() else ""

    def truth(self) -> list[dict[str, Any]]:
        """What the gateways accepted, refused, told and were answered, in the order of time."""
        found = [entry for name in ("twilio", "smpp", "email") for entry in read_truth_log(self.folder / f"{name}.jsonl")]
        return sorted(found, key=lambda entry: str(entry["at"]))

    def _await(self, token: str) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while True:
            if self._token() == token:
                return
            tail = self.log_tail()
            if "ddress already in use" in tail:
                raise PortTaken(tail[-300:])
            if self._started is not None and self._started.poll() is not None:
                raise LabFailed(f"the message gateways ended while they started:\n{tail}")
            if time.monotonic() > deadline:
                raise LabFailed(f"the message gateways are not ready in time:\n{tail}")
            time.sleep(0.02)

    def tell(self, path: str, body: object) -> int:
        """Post an order to the control port, as `Gateways` has them; the HTTP status. Raises OSError where nobody answers."""
        return self._asked("POST", path, json.dumps(body))[0]

    def _token(self) -> str:
        """The token of whoever answers on the control port; "" where nobody does."""
        try:
            return str(json.loads(self._asked("GET", "/ready")[1])["token"])
        except (OSError, HTTPException, ValueError, KeyError, TypeError):
            return ""

    def _asked(self, method: str, path: str, body: str | None = None) -> tuple[int, bytes]:
        asking = HTTPConnection("127.0.0.1", self.ports.control, timeout=5)
        try:
            asking.request(method, path, body, {"Content-Type": "application/json"})
            answer = asking.getresponse()
            return answer.status, answer.read()
        finally:
            asking.close()

    def _gone(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.pid:
            if time.monotonic() > deadline:
                return False
            if self._started is not None:
                self._started.poll()
            time.sleep(0.02)
        return True


def host_port(text: str) -> tuple[str, int] | None:
    """The parts of "127.0.0.1:2424"; None for "". Raises BadInput."""
    if not text:
        return None
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise BadInput(f"{text!r} is no such address", where="where answers go", mend="host:port")
    return host, int(port)

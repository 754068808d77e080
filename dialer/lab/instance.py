"""One running Asterisk of the lab: start it, ask it, kill it, stop it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from dialer.lab.errors import LabFailed
from dialer.lab.obtain import AsteriskBuild

KEEPER = Path(__file__).with_name("keeper.py")


@dataclass(slots=True, kw_only=True)
class Instance:
    """The switch or the carrier. `project` is the name of the compose project where the build is one of containers."""

    role: str
    folder: Path
    run_folder: Path
    build: AsteriskBuild
    project: str
    pid: int = 0
    _keeper: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def arguments(self) -> list[str]:
        return [*self.build.command, "-C", str(self.folder / "etc/asterisk.conf")]

    def start(self, *, detached: bool) -> None:
        """Start it; returns when it has its process id. Not detached, it dies with this process, whatever ends that."""
        if self.build.compose_file:
            self._compose("up", "-d", "--no-deps", self.role)
            return
        self.run_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        pid_file = self.run_folder / "asterisk.pid"
        pid_file.unlink(missing_ok=True)
        argv = [*self.arguments, "-f", "-n"]
        with (self.folder / "log/console").open("ab") as console:
            started = subprocess.Popen(
                argv if detached else [sys.executable, "-I", "-S", str(KEEPER), *argv],
                stdin=subprocess.DEVNULL if detached else subprocess.PIPE,
                stdout=console,
                stderr=console,
                cwd=self.folder,
                env={**os.environ, "TZ": "UTC", "LC_ALL": "C", "TERM": "dumb"},
                start_new_session=True,  # a Ctrl-C in the terminal is for whoever started us; they stop us in order
            )
        self._keeper = started
        if not _within(20, lambda: bool(_pid_in(pid_file)) or started.poll() is not None) or started.poll() is not None:
            raise LabFailed(f"the {self.role} did not start:\n{self.log_tail()}")
        self.pid = _pid_in(pid_file)

    def rx(self, command: str, *, timeout_s: float = 10) -> str:
        """Run one command on its console and return what it prints. Raises LabFailed where it does not answer."""
        argv = [*self.arguments, "-rx", command]
        if self.build.compose_file:
            argv = [*self._compose_words(), "exec", "-T", self.role, *argv]
        try:
            done = subprocess.run(
                argv, capture_output=True, text=True, timeout=timeout_s, stdin=subprocess.DEVNULL, env=self._environment()
            )
        except subprocess.TimeoutExpired as late:
            raise LabFailed(f"the {self.role} did not answer `{command}` within {timeout_s:g} s") from late
        if done.returncode:
            raise LabFailed(f"the {self.role} does not answer: {(done.stdout + done.stderr).strip()[:500]}")
        return done.stdout

    def channels(self) -> int:
        """How many channels it has now."""
        for line in self.rx("core show channels count").splitlines():
            words = line.split()
            if len(words) > 1 and words[1].startswith("active") and "channel" in line:
                return int(words[0])
        raise LabFailed(f"the {self.role} did not say how many channels it has")

    def alive(self) -> bool:
        """Whether its process is there, and is really it."""
        if self.build.compose_file:
            done = subprocess.run(
                [*self._compose_words(), "ps", "-q", "--status", "running", self.role], capture_output=True, env=self._environment()
            )
            return bool(done.stdout.strip())
        return is_ours(self.pid, self.folder)

    def kill(self) -> None:
        """End it as a crash would: no goodbye to anyone. Returns when it is gone."""
        if self.build.compose_file:
            self._compose("kill", "-s", "SIGKILL", self.role)
            return
        if self.alive():
            os.kill(self.pid, signal.SIGKILL)
        self._gone(5)

    def stop(self) -> None:
        """End it in order, and by force where that does not help. Returns when it is gone."""
        if self.build.compose_file:
            self._compose("rm", "-s", "-f", self.role)
            return
        if self.alive():
            try:
                self.rx("core stop now", timeout_s=3)
            except LabFailed:
                pass  # it hangs, or is on its way out: the signals below need no answer
            for last_word in (signal.SIGTERM, signal.SIGKILL):
                if self._gone(3) or not self.alive():
                    break
                os.kill(self.pid, last_word)
        self._gone(5)

    def log_tail(self) -> str:
        """The last lines of what it logged."""
        text = ""
        for name in ("console", "messages"):
            path = self.folder / "log" / name
            if path.is_file():
                text += path.read_text(errors="replace")[-3000:]
        return text.strip()[-4000:]

    def _gone(self, seconds: float) -> bool:
        if self._keeper:
            try:
                self._keeper.wait(seconds)
            except subprocess.TimeoutExpired:
                return False
            if self._keeper.stdin:
                self._keeper.stdin.close()
            self._keeper = None
        return _within(seconds, lambda: not self.alive())

    def _compose_words(self) -> list[str]:
        return ["docker", "compose", "-f", str(self.build.compose_file), "-p", self.project]

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "LC_ALL": "C", "TERM": "dumb", "OUTDIAL_LAB_FOLDER": str(self.folder.parent)}

    def _compose(self, *words: str) -> None:
        done = subprocess.run([*self._compose_words(), *words], capture_output=True, text=True, env=self._environment())
        if done.returncode:
            raise LabFailed(f"`docker compose {' '.join(words)}` failed:\n{done.stderr.strip()[-2000:]}")


def is_ours(pid: int, folder: Path) -> bool:
    """Whether the process is an Asterisk that was started for this folder: a number alone may be somebody else's by now."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return pid > 0 and state != "Z" and str(folder / "etc/asterisk.conf").encode() in words


def _pid_in(path: Path) -> int:
    try:
        return int(path.read_text().strip() or 0)
    except (OSError, ValueError):
        return 0


def _within(seconds: float, true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True

"""One running Asterisk of the lab: start it, ask it, kill it, stop it."""

from __future__ import annotations

import contextlib
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
PROJECT = Path(__file__).resolve().parents[2]


@dataclass(slots=True, kw_only=True)
class Instance:
    """The switch or the carrier. `container` is its name where it runs in one.

    A container shares the network and the process ids of this machine, and sees the lab's folder where it is: so its
    ports, its process id, its console and its files are used as those of any other process.
    """

    role: str
    folder: Path
    run_folder: Path
    build: AsteriskBuild
    container: str
    _keeper: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def _configured(self) -> list[str]:
        return [*self.build.command, "-C", str(self.folder / "etc/asterisk.conf")]

    @property
    def pid_file(self) -> Path:
        return self.run_folder / "asterisk.pid"

    @property
    def pid(self) -> int:
        """The process id that it wrote down itself; 0 where it never ran."""
        return _pid_in(self.pid_file)

    @property
    def keeper_pid(self) -> int:
        """The process that kills it when we are gone; 0 where it was started detached, or is not running."""
        return self._keeper.pid if self._keeper else 0

    def start(self, *, detached: bool) -> None:
        """Start it; returns when it has its process id. Not detached, it dies with this process, whatever ends that."""
        self.run_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.pid_file.unlink(missing_ok=True)
        argv = [*self._in_container(), *self._configured, "-f", "-n"]
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
        if not _within(20, lambda: bool(self.pid) or started.poll() is not None) or started.poll() is not None:
            raise LabFailed(f"the {self.role} did not start:\n{self.log_tail()}")

    def rx(self, command: str, *, timeout_s: float = 10) -> str:
        """Run one command on its console and return what it prints. Raises LabFailed where it does not answer."""
        argv = [*(["docker", "exec", self.container] if self.build.image else []), *self._configured, "-rx", command]
        try:
            done = subprocess.run(
                argv,
                capture_output=True,
                text=True,
                timeout=timeout_s,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "LC_ALL": "C", "TERM": "dumb"},
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
        return is_ours(self.pid, self.folder)

    def kill(self) -> None:
        """End it as a crash would: no goodbye to anyone. Returns when it is gone."""
        self._signal(signal.SIGKILL)
        self._gone(5)

    def stop(self) -> None:
        """End it in order, and by force where that does not help. Returns when it is gone."""
        if self.alive():
            with contextlib.suppress(LabFailed):  # it hangs, or is on its way out: the signals below need no answer
                self.rx("core stop now", timeout_s=3)
            for last_word in (signal.SIGTERM, signal.SIGKILL):
                if self._gone(3) or not self.alive():
                    break
                self._signal(last_word)
        self._gone(5)

    def _signal(self, number: signal.Signals) -> None:
        if self.alive():
            with contextlib.suppress(ProcessLookupError):  # it ended between the look and the signal
                os.kill(self.pid, number)

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

    def _in_container(self) -> list[str]:
        if not self.build.image:
            return []
        words = ["docker", "run", "--rm", "--name", self.container, "--network", "host", "--pid", "host"]
        words += ["--user", f"{os.getuid()}:{os.getgid()}", "--entrypoint", "env"]
        # The folders that prompts are named in: the lab's own, the project's, and the one that we work in.
        for folder, mode in {self.run_folder.parent: "rw", self.folder.parent: "rw", PROJECT: "ro", Path.cwd(): "ro"}.items():
            words += ["--volume", f"{folder}:{folder}:{mode}"]
        return [*words, self.build.image]


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

"""Do something long in a process of its own, at low priority, so that it never holds up a call.

The request goes to the process's standard input and its answers come from its standard output, one JSON object a line. The
process ends with the one that asked for it, however that one ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import importlib
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, Protocol

from dialer import errors
from dialer.errors import BadInput, OutdialError
from dialer.logs import configure
from dialer.to_its_end import to_its_end

NICENESS = 10
_MAX_LINE = 1 << 20
_END_S = 10.0
_PR_SET_PDEATHSIG = 1

Say = Callable[[Mapping[str, Any]], None]


class Ask(Protocol):
    """How something long is done: in a process of its own (`ask`), or here."""

    def __call__(self, module: str, request: Mapping[str, Any], *, limit_s: float) -> AsyncGenerator[dict[str, Any]]: ...


async def ask(module: str, request: Mapping[str, Any], *, limit_s: float) -> AsyncGenerator[dict[str, Any]]:
    """Run `python -m module` and give its answers as they come; the last one is marked as final.

    Raises the OutdialError that the process tells, or one that says that it died or took longer than `limit_s`.
    Close the generator (`aclosing`) and the process ends.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=_MAX_LINE
    )
    assert process.stdin is not None  # noqa: S101  both are pipes by the arguments above
    assert process.stdout is not None  # noqa: S101
    try:
        async with asyncio.timeout(limit_s):
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it died at once: told below
                # By standard input: a database's password must stand in no list of processes.
                process.stdin.write(json.dumps(request, default=str).encode() + b"\n")
                await process.stdin.drain()
            async for line in process.stdout:
                message: dict[str, Any] = json.loads(line)
                if "error" in message:
                    raise _told(message)
                yield message
                if message.get("final"):
                    return
            status = await process.wait()
            raise OutdialError(f"its process ended without a result (exit status {status})")
    except TimeoutError as exc:
        raise OutdialError(f"it took longer than {limit_s / 3600:g} hours") from exc
    finally:
        await to_its_end(_end(process))


async def ask_here(module: str, request: Mapping[str, Any], *, limit_s: float) -> AsyncGenerator[dict[str, Any]]:
    """The same in a thread of this process, for tests and debugging: its answers come when all is done."""
    answers: list[dict[str, Any]] = []
    as_sent = json.loads(json.dumps(request, default=str))
    work = importlib.import_module(module).work
    async with asyncio.timeout(limit_s):
        await asyncio.to_thread(work, as_sent, lambda answer: answers.append(json.loads(json.dumps(answer, default=str))))
    for answer in answers:
        yield answer


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
    try:
        async with asyncio.timeout(_END_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _told(message: Mapping[str, Any]) -> OutdialError:
    kind = getattr(errors, str(message["error"]), OutdialError)
    if not (isinstance(kind, type) and issubclass(kind, OutdialError)):
        kind = OutdialError
    if issubclass(kind, BadInput):
        return BadInput(message["what"], where=message.get("where", ""), mend=message.get("mend", ""))
    return kind(message["what"])


def serve(work: Callable[[Mapping[str, Any], Say], None]) -> None:
    """The process's own side: read the request, let `work` answer it, tell its error if it has one."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one that asked, which then ends us
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # an exception: what is half done is cleaned up
    os.nice(NICENESS)
    configure(out=sys.stderr)
    first = sys.stdin.readline()
    if not first.strip():
        return  # whoever asked died while we were starting
    try:
        work(json.loads(first), _say)
    except BadInput as exc:
        _say({"error": "BadInput", "what": exc.what, "where": exc.where, "mend": exc.mend})
    except OutdialError as exc:
        _say({"error": type(exc).__name__, "what": str(exc)})


def _say(message: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(message, default=str) + "\n")
    sys.stdout.flush()

"""An IVR worker: a process that treats answered calls, so that no app can hold up the dialer.

Started by `dialer.ivr.workers` as `python -m dialer.ivr_worker --listen FD --report FD`. Its settings, the PDC's token among
them, come as one line of JSON on standard input; the end of standard input means that the dialer is gone.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import structlog

from dialer.channels.asterisk.fastagi import FastAgiServer
from dialer.ivr.config import IvrConfig
from dialer.ivr.registry import Apps
from dialer.ivr_apps import SHIPPED_APPS
from dialer.logs import configure
from pdc.http import HttpPdc

log = structlog.get_logger()

PR_SET_PDEATHSIG = 1
BEAT_S = 1.0
PDC_CONNECTIONS = 32


@contextlib.asynccontextmanager
async def serving(
    listener: socket.socket, task: dict[str, Any], exhausted: asyncio.Event, *, warm: bool = False
) -> AsyncIterator[FastAgiServer]:
    """A server on `listener`, as `task` says ({"config", "pdc_url", "pdc_secondary_url", "pdc_timeout_s", "token"})."""
    config = IvrConfig.from_json(task["config"])
    apps = Apps(SHIPPED_APPS)
    apps.load_entry_points()
    for folder in config.app_folders:
        apps.load_folder(Path(folder))
    prompts = config.make_prompts()
    if warm:
        for failure in await prompts.warm(("common", *config.warm_apps)):
            log.error("a prompt cannot be spoken", because=failure)
    pdc = HttpPdc(
        task["pdc_url"],
        task["pdc_secondary_url"],
        token=task["token"],
        timeout_s=task["pdc_timeout_s"],
        connections=PDC_CONNECTIONS,
    )
    server = FastAgiServer(
        listener,
        pdc=pdc,
        apps=apps,
        prompts=prompts,
        settings=config.call_settings(),
        limits=config.limits,
        on_exhausted=exhausted.set,
    )
    try:
        await server.start()
        yield server
    finally:
        await server.stop()
        await pdc.close()


async def work(listener: socket.socket, report_fd: int, task: dict[str, Any]) -> None:
    """Treat calls until standard input says "stop" or ends, or until too many apps are stuck."""
    loop, ending, exhausted = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
    grace_s = 0.0

    def obey() -> None:
        nonlocal grace_s
        for line in sys.stdin.buffer:
            word, _, number = line.decode(errors="replace").strip().partition(" ")
            if word == "stop":
                grace_s = float(number or 0)
                loop.call_soon_threadsafe(ending.set)
        os._exit(0)  # the dialer is gone: every call goes back to the switch's dialplan, which speaks

    def report(word: str) -> None:
        try:
            os.write(report_fd, word.encode() + b"\n")
        except OSError:
            os._exit(0)

    async def beat() -> None:
        while True:
            report("beat")
            await asyncio.sleep(BEAT_S)

    beating = asyncio.create_task(beat(), name="beat")
    threading.Thread(target=obey, name="obey", daemon=True).start()
    try:
        async with serving(listener, task, exhausted, warm=task["warm"]) as server:
            report("ready")
            waits = [asyncio.create_task(event.wait()) for event in (ending, exhausted)]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            if exhausted.is_set():
                log.error("too many IVR apps are stuck; this worker is replaced", live=server.live)
                report("draining")
                grace_s = server.longest_call_s
            await server.drain(grace_s)
            for wait in waits:
                wait.cancel()
    finally:
        beating.cancel()


def main() -> None:
    """The process."""
    parser = argparse.ArgumentParser(prog="dialer.ivr_worker", description=__doc__)
    parser.add_argument("--listen", type=int, required=True)
    parser.add_argument("--report", type=int, required=True)
    given = parser.parse_args()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the dialer, which then tells us
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    first = sys.stdin.buffer.readline()
    if not first.strip():
        return  # the dialer died while we were starting
    task = json.loads(first)
    configure(level=task["log_level"], json_lines=task["log_json"])
    sys.setswitchinterval(0.001)  # an app that computes without end gives way to the other threads sooner
    listener = socket.socket(fileno=given.listen)
    asyncio.run(work(listener, given.report, task))
    # Threads of stuck apps would hold up an ordinary exit.
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()

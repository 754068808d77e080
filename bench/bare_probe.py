"""How many press-1 calls the machine itself can do: AMI and FastAGI by hand, without database, PDC or dialer."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from dataclasses import asdict, dataclass, field

from bench.load_lab import LoadLab, cpu_s, load_lab
from dialer.domain.ids import new_attempt_id

DRAIN_S = 30.0


@dataclass(slots=True, kw_only=True)
class Probe:
    """The calls of one run, by attempt id."""

    prompted: dict[str, float] = field(default_factory=dict)  # when the prompt was ordered, epoch seconds
    coded: dict[str, float] = field(default_factory=dict)  # when the key was known
    digits: dict[str, str] = field(default_factory=dict)
    over: dict[str, float] = field(default_factory=dict)  # when the channel was gone, monotonic seconds
    refused: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True, kw_only=True)
class BareResult:
    """What came of it. `lost`: calls that were offered and did not end with their key."""

    offered_per_s: float
    completed_per_s: float
    offered: int
    completed: int
    lost: int
    answer_to_prompt_ms_p50: float
    answer_to_prompt_ms_p99: float
    key_to_code_ms_p50: float
    key_to_code_ms_p99: float
    probe_cpu_ms_per_call: float
    asterisk_cpu_ms_per_call: float


async def run_bare(load: LoadLab, *, rate_per_s: float, seconds: float) -> BareResult:
    """Offer `rate_per_s` calls for so many seconds, then wait for the last of them."""
    probe = Probe()
    server = await asyncio.start_server(lambda r, w: _agi(probe, r, w), "127.0.0.1", 0, backlog=1024)
    agi = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    reader, writer = await _log_in(load)
    listening = asyncio.create_task(_listen(probe, reader))
    asterisk_before, self_before = load.asterisk_cpu_s(), cpu_s(os.getpid())
    began = time.monotonic()
    attempts: list[str] = []
    try:
        while (due := began + len(attempts) / rate_per_s) < began + seconds:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            attempts.append(new_attempt_id())
            writer.write(_originate(attempts[-1], load.lab.trunk, agi))
        launched_s = len(attempts) / rate_per_s if time.monotonic() - began < seconds else time.monotonic() - began
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                while len(probe.over) + probe.refused < len(attempts):
                    probe.changed.clear()
                    await probe.changed.wait()
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        writer.close()
        server.close()
        await server.wait_closed()
    completed = [attempt for attempt in attempts if probe.digits.get(attempt) == "1" and attempt in probe.over]
    heard = load.callees.heard()
    prompts = [probe.prompted[a] - at for a in completed if a in heard and (at := heard[a].answered) is not None]
    keys = [probe.coded[a] - at for a in completed if a in heard and (at := heard[a].key) is not None]
    each = 1000 / max(1, len(completed))
    return BareResult(
        offered_per_s=round(len(attempts) / launched_s, 2),
        completed_per_s=per_second([probe.over[attempt] for attempt in completed]),
        offered=len(attempts),
        completed=len(completed),
        lost=len(attempts) - len(completed),
        answer_to_prompt_ms_p50=percentile_ms(prompts, 50),
        answer_to_prompt_ms_p99=percentile_ms(prompts, 99),
        key_to_code_ms_p50=percentile_ms(keys, 50),
        key_to_code_ms_p99=percentile_ms(keys, 99),
        probe_cpu_ms_per_call=round((cpu_s(os.getpid()) - self_before) * each, 2),
        asterisk_cpu_ms_per_call=round((load.asterisk_cpu_s() - asterisk_before) * each, 2),
    )


def per_second(moments: list[float]) -> float:
    """The rate at which something happened, from its first to its last time."""
    span = max(moments) - min(moments) if len(moments) > 1 else 0.0
    return round((len(moments) - 1) / span, 2) if span else 0.0


def percentile_ms(seconds: list[float], percent: float) -> float:
    """A percentile of durations, in milliseconds; 0 of none."""
    ordered = sorted(seconds)
    return round(1000 * ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))], 1) if ordered else 0.0


async def _log_in(load: LoadLab) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    switch = load.lab.switch
    reader, writer = await asyncio.open_connection(switch.host, switch.port)
    await reader.readline()
    writer.write(f"Action: Login\r\nUsername: {switch.username}\r\nSecret: {switch.secret}\r\n\r\n".encode())
    answer = await reader.readuntil(b"\r\n\r\n")
    if b"Success" not in answer:
        raise SystemExit("the switch refused the login")
    return reader, writer


def _originate(attempt: str, trunk: str, agi: str) -> bytes:
    return (
        f"Action: Originate\r\nAsync: true\r\nChannel: PJSIP/+15550100001@{trunk}\r\nChannelId: od-bare-{attempt}\r\n"
        f'CallerID: "{attempt}" <+15550100000>\r\nContext: outdial\r\nExten: s\r\nPriority: 1\r\nTimeout: 30000\r\n'
        f"Variable: OUTDIAL_ATTEMPT={attempt}\r\nVariable: OUTDIAL_NONCE=bare\r\nVariable: OUTDIAL_AGI={agi}\r\n"
        "Variable: OUTDIAL_AMD=0\r\n\r\n"
    ).encode()


async def _listen(probe: Probe, reader: asyncio.StreamReader) -> None:
    mark = b"\r\nUniqueid: od-bare-"
    with contextlib.suppress(asyncio.IncompleteReadError, OSError):
        while True:
            frame = await reader.readuntil(b"\r\n\r\n")
            if frame.startswith(b"Event: Hangup") and (at := frame.find(mark)) >= 0:
                probe.over[frame[at + len(mark) :].split(b"\r\n", 1)[0].decode()] = time.monotonic()
                probe.changed.set()
            elif frame.startswith(b"Response: Error"):
                probe.refused += 1
                probe.changed.set()


async def _agi(probe: Probe, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    async def ask(command: str) -> str:
        writer.write(command.encode() + b"\n")
        return (await reader.readline()).decode()

    try:
        headers = (await reader.readuntil(b"\n\n")).decode()
        attempt = next(line.partition(": ")[2] for line in headers.split("\n") if line.startswith("agi_arg_1: "))
        await ask("ANSWER")
        probe.prompted[attempt] = time.time()
        answer = await ask("GET DATA beep 8000 1")
        probe.coded[attempt] = time.time()
        probe.digits[attempt] = answer.partition("result=")[2].split()[0] if "result=" in answer else ""
        await ask("SET VARIABLE OUTDIAL_DONE 1")
        await ask("HANGUP")
    except (asyncio.IncompleteReadError, OSError, IndexError):
        pass  # the caller is gone
    finally:
        writer.close()


async def measure(rate_per_s: float, seconds: float) -> BareResult:
    """One run in a lab of its own."""
    async with load_lab() as load:
        return await run_bare(load, rate_per_s=rate_per_s, seconds=seconds)


def main() -> None:
    """60 calls a second for 20 s, or as the environment says: BENCH_RATE, BENCH_SECONDS."""
    result = asyncio.run(measure(float(os.environ.get("BENCH_RATE", "60")), float(os.environ.get("BENCH_SECONDS", "20"))))
    sys.stdout.write(json.dumps({"bench": "bare_probe", **asdict(result)}) + "\n")


if __name__ == "__main__":
    main()

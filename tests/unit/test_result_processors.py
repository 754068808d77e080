"""Programs of others that are told of results: they may fail, block and hang, and nothing of ours waits for them."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from dialer.domain.channel import Channel
from dialer.domain.result import AttemptResult
from dialer.services.result_processors import ResultProcessors

pytestmark = pytest.mark.unit


def result(processor: str) -> AttemptResult:
    return AttemptResult(
        processor=processor, campaign="Blood", job_id=1, attempt_id="a", contact_id="d0", handler="initial",
        channel=Channel.VOICE, address_name="mobile", address="+15550100", code="Interested", system_code="Answer Human",
        source="app", ended_at=datetime(2026, 3, 1, tzinfo=UTC),
    )  # fmt: skip


async def test_plain_and_async_processors_are_told_on_threads_of_their_own() -> None:
    told: list[tuple[str, str]] = []

    def plain(one: AttemptResult, /) -> None:
        told.append((one.code, threading.current_thread().name))

    async def slow(one: AttemptResult, /) -> None:
        await asyncio.sleep(0)
        told.append((one.code, threading.current_thread().name))

    processors = ResultProcessors({"plain": plain, "slow": slow})
    processors.submit(result("plain"))
    processors.submit(result("slow"))
    await processors.drain(5)
    assert [code for code, _ in told] == ["Interested", "Interested"]
    assert all(name != threading.current_thread().name for _, name in told)


async def test_one_that_fails_or_is_not_there_is_logged_and_harms_nobody() -> None:
    def broken(one: AttemptResult, /) -> None:
        raise ValueError("no such customer")

    processors = ResultProcessors({"broken": broken})
    with capture_logs() as logs:
        processors.submit(result("broken"))
        processors.submit(result("missing"))
        await processors.drain(5)
    assert {one["event"] for one in logs} == {"a result processor failed", "no such result processor is installed"}


async def test_one_that_hangs_is_left_behind_and_the_next_is_told() -> None:
    release = threading.Event()
    told: list[AttemptResult] = []

    def hangs(one: AttemptResult, /) -> None:
        release.wait(30)

    async def forever(one: AttemptResult, /) -> None:
        await asyncio.sleep(3600)

    processors = ResultProcessors({"hangs": hangs, "forever": forever, "quick": told.append}, limit_s=0.3, threads=2)
    with capture_logs() as logs:
        for name in ("hangs", "forever", "quick"):
            processors.submit(result(name))
        await processors.drain(5)
    release.set()
    assert [one.code for one in told] == ["Interested"]
    assert sum(one["event"].startswith("a result processor") for one in logs) == 2

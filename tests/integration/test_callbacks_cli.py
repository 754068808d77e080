"""Callbacks from the command line."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dialer.cli.commands import app
from dialer.services.organisations import DEFAULT
from dialer.store.store import Store
from tests.launch_kit import Launch

pytestmark = pytest.mark.integration


@pytest.fixture
def ready(ready_url: str, cli_settings: Path) -> None:
    """Give a database with a running job that has called d0 once: busy; it has not come to d1."""
    store = Store(ready_url)
    org_id = store.write_now(lambda tx: tx.organisations.ensure(DEFAULT))

    async def call() -> None:
        launch = await Launch.ready(store, org_id, count=2)
        now = datetime.now(UTC)
        (attempt,) = (await launch.run(now, 1)).to_place
        await launch.end(attempt.id, "Call Busy", now)

    asyncio.run(call())
    store.close_now()


def run(*words: str, fails: bool = False) -> str:
    result = CliRunner().invoke(app, ["callbacks", *words], catch_exceptions=False)
    assert (result.exit_code != 0) is fails, result.output
    return result.output


@pytest.mark.row(108, 109)
@pytest.mark.usefixtures("ready")
def test_an_operator_can_promise_change_hasten_and_take_back() -> None:
    day = f"{datetime.now(UTC).year + 1}-01-05"
    words = ("--at", f"{day}T18:00", "--zone", "Europe/Istanbul", "--expires", f"{day}T20:00", "--note", "evening")
    assert "callback 1: " in run("add", "d0", *words)
    listed = run("list", "Blood")
    assert "evening" in listed
    assert "18:00" in listed
    assert "19:00" in run("edit", "1", "--at", f"{day}T19:00")
    run("edit", "1", "--at", f"{day}T21:00", fails=True)  # behind its expiry
    run("add", "d0", "--at", "soon", fails=True)
    run("now", "1")
    assert "cancelled" in run("cancel", "1")
    run("now", "1", fails=True)
    assert "evening" not in run("list")
    assert "cancelled" in run("list", "--all")
    assert "no limits" in run("limits")
    assert "at most 0 callbacks" in run("limits", "Blood", "--most", "0")
    run("add", "d0", "--at", f"{day}T18:00", fails=True)
    assert "at most 1 callback in 20 minutes" in run("limits", "Blood", "--most", "9", "--at-once", "1", "--within", "20")
    assert "5 in an agent's queue" in run("limits", "Blood", "--queue", "5", "--tries", "2", "--retry", "10", "--any-hour")
    shown = run("limits", "Blood")
    assert all(one in shown for one in ("at most 9", "1 callback in 20", "after 10 minutes, 2 times", "hours of the law"))
    run("add", "d0", "--at", f"{day}T18:00", "--type", "strict_agent", fails=True)
    run("add", "d0", "--at", f"{day}T18:00", "--type", "strict_agent", "--agent", "ann", "--asked")
    assert "put off from" in run("add", "d1", "--at", f"{day}T18:00")  # to whom the job has not come yet
    listed = run("list", "Blood")
    assert "strict_agent ann" in listed
    assert "18:20" in listed
    assert "any number of callbacks at a time" in run("limits", "Blood", "--at-once", "0")
    assert "no limits of its own" in run("limits", "Blood", "--clear")

"""What is on record of a floor's pacing: reasons, the law's count across restarts, evidence per call, and replays of the day."""

from __future__ import annotations

import asyncio
import csv
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dialer.cli.commands import app
from dialer.domain.codes import SystemCode
from dialer.domain.ids import JobId
from dialer.domain.pacing_plan import AbandonBudget, BudgetWindow, Pacing, PacingKind, StartPoint
from dialer.services.jobs import JobEdit, edit_job
from dialer.store.store import Store
from dialer.testing.agents import FakeAgentVoice
from dialer.testing.voice import FakeCallee, FakeVoice
from tests.engine_kit import ON_SQLITE, FastClock, completed, running, until
from tests.floor_kit import at_work, attempts, crew, dismiss, hire, make_job, wires

pytestmark = pytest.mark.integration

ANSWERS = FakeCallee(ring_s=0.1, answer_s=1.0)
PREDICTIVE = Pacing(kind=PacingKind.PREDICTIVE, wrap_up_s=30.0, budget=AbandonBudget(window=BudgetWindow.DAY))


def cli(store: Store, tmp_path: Path, *words: str) -> str:
    config = tmp_path / "dialer.toml"
    config.write_text(f'[database]\nurl = "{store.url.render_as_string(hide_password=False)}"\n')
    result = CliRunner().invoke(app, ["pacing", *words, "--config", str(config)], catch_exceptions=False, env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return result.output


@ON_SQLITE
async def test_a_day_can_be_explained_proved_and_tried_again(store: Store, tmp_path: Path) -> None:
    clock, voice, agents = wires(factor=20)
    job_id = make_job(store, 60, PREDICTIVE)
    staff = await hire(store, 6)
    async with at_work(store, clock, voice, agents, staff, talk_s=2.0, wrap_s=0.5):
        await until(completed(store, job_id))

    explained = await asyncio.to_thread(cli, store, tmp_path, "explain", str(job_id))
    assert "predictive, cruise control" in explained
    assert "progressive: 0 of" in explained, "until 34 people have answered, nobody is called ahead of the agents"

    file = tmp_path / "calls.csv"
    proved = await asyncio.to_thread(cli, store, tmp_path, "evidence", str(job_id), "--out", str(file))
    assert "60 calls written" in proved
    rows = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
    assert len(rows) == 60
    assert {row["counts_as"] for row in rows} <= {"connected", "abandoned"}
    for row in rows:
        moments = [datetime.fromisoformat(row[name]) for name in ("ordered_at", "answered_at", "person_at", "ended_at")]
        assert moments == sorted(moments)
        assert row["counts_as"] == "abandoned" or (float(row["waited_s"]) <= 2.0 and row["agent"])

    again = await asyncio.to_thread(cli, store, tmp_path, "replay", str(job_id), "--cap", "2%", "--seeds", "1")
    assert "at most 2.00% abandoned" in again
    assert "as it was: predictive" in again
    assert "predictive (cruise control)" in again


@ON_SQLITE
async def test_a_restart_knows_what_was_abandoned_before_it(store: Store) -> None:
    clock = FastClock(factor=10)
    careless = replace(PREDICTIVE, kind=PacingKind.PROGRESSIVE, lines_per_agent=3.0)
    job_id = make_job(store, 200, replace(careless, budget=replace(PREDICTIVE.budget, percent=100.0)))
    staff = await hire(store, 4)
    voice = FakeVoice(clock, default=ANSWERS)
    agents = FakeAgentVoice(clock, voice)
    async with running(store, voice, clock=clock, agents=agents) as engine:
        _, tasks = await crew(engine, staff, clock, talk_s=30.0)
        await until(lambda: [one.code for one in attempts(store, job_id)].count(SystemCode.NUISANCE_CALL) >= 2)
        await dismiss(tasks)
    lost = [one.code for one in attempts(store, job_id)].count(SystemCode.NUISANCE_CALL)

    org = store.read_now(lambda tx: tx.organisations.by_name("default"))
    await edit_job(store, org, "Floor", JobEdit(pacing=replace(PREDICTIVE, default_code="Sale")), by="test")
    voice = FakeVoice(clock, default=FakeCallee(ring_s=0.1, answer_s=None))
    agents = FakeAgentVoice(clock, voice)
    async with running(store, voice, clock=clock, agents=agents) as engine:
        _, tasks = await crew(engine, staff, clock)
        await until(lambda: job_id in engine.floor.jobs and len(voice.calls) >= 4)
        picture = engine.floor.jobs.picture(job_id)
        assert picture.abandoned == lost
        assert len(voice.calls) == 4, "one line for each agent: the budget was used up before the restart"
        await until(lambda: bool(reasons(store, job_id)))
        assert all("progressive:" in because for because in reasons(store, job_id))
        await dismiss(tasks)


def reasons(store: Store, job_id: JobId) -> list[str]:
    found = store.read_now(lambda tx: tx.pacing.of_job(job_id))
    return [one.because for one in found if one.pacer == "cruise_control" and one.idle + one.ringing]


@ON_SQLITE
async def test_a_budget_that_counts_from_the_answer_gives_the_switch_less_time(store: Store) -> None:
    clock, voice, agents = wires(factor=10)
    strict = replace(PREDICTIVE, budget=AbandonBudget(threshold_s=1.2, start=StartPoint.ANSWER))
    make_job(store, 2, strict)
    staff = await hire(store, 1)
    async with at_work(store, clock, voice, agents, staff):
        await until(lambda: bool(voice.placed))
    assert {order.floor for order in voice.placed} == {True}
    assert all(order.wait_s == pytest.approx(1.05) for order in voice.placed), "in time for the message to be heard within 1.2 s"

"""Schedules, edits, recycling and gates from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from dialer.cli.campaign import campaign_app
from dialer.services.organisations import DEFAULT
from dialer.store.store import Store
from tests.campaign_texts import STRATEGY, put_donors

pytestmark = pytest.mark.integration


@pytest.fixture
def ready(ready_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli_settings: Path) -> None:
    """Give a database with three donors, and a strategy's file."""
    (tmp_path / "ask.yaml").write_text(STRATEGY.replace("        Interested: {next_state: done}\n", ""))
    monkeypatch.chdir(tmp_path)
    store = Store(ready_url)
    store.write_now(lambda tx: put_donors(tx, tx.organisations.ensure(DEFAULT)))
    store.close_now()


def run(*words: str, fails: bool = False) -> str:
    result = CliRunner().invoke(campaign_app, words, catch_exceptions=False)
    assert (result.exit_code != 0) is fails, result.output
    return result.output


@pytest.mark.row(79)
@pytest.mark.usefixtures("ready")
def test_a_campaign_manager_can_say_all_of_it() -> None:
    run("create", "Next", "--strategy", "ask.yaml", "--list", "Donors", "--infinite", "--hold", "time 12:00-13:00 UTC")
    run(
        *("create", "Ask", "--strategy", "ask", "--list", "Donors", "--goal", "5", "--goal-code", "Call Busy", "--hours", "12"),
        *("--end-at", "20:00 Europe/Istanbul", "--where", "city like A* | city is null", "--sort", "city desc"),
        *("--priority", "7", "--then", "Next"),
    )
    said = run(
        "schedule", "add", "Ask", "--at", "2099-01-05T09:00", "--zone", "Europe/Istanbul", "--every", "weekly", "--on", "MO"
    )
    assert "Mon 2099-01-05 09:00 in Europe/Istanbul" in said
    assert "(every Monday at 09:00, Europe/Istanbul)" in said
    assert "every Monday at 09:00, Europe/Istanbul" in (listed := run("schedule", "list"))
    assert "FREQ=" not in listed
    assert "FREQ=WEEKLY;INTERVAL=1;BYDAY=MO" in run("schedule", "list", "--rules")
    assert "is off" in run("schedule", "off", "1")
    assert "is on" in run("schedule", "on", "1")
    assert "Outcome" in run("schedule", "runs", "1")
    assert "removed" in run("schedule", "remove", "1")
    run("start", "Ask")
    assert "version 2" in run("edit", "Ask", "--priority", "3", "--version", "1")
    assert "priority: 7 -> 3" in run("edit", "Ask", "--where", "city = x", "--version", "1", fails=True)
    assert "the job has not come to them yet" in run("gates", "Ask")
    assert "no attempt of job 1 ended with" in run("recycle", "Ask", "--code", "Call Busy", fails=True)


@pytest.mark.usefixtures("ready")
def test_mistakes_are_told_in_plain_words() -> None:
    base = ("create", "Ask", "--strategy", "ask.yaml", "--list", "Donors")
    assert "no end" in run(*base, "--infinite", "--hours", "3", fails=True)
    assert "at most 3" in run(*base, *(["--hold", "time 12:00-13:00"] * 4), fails=True)
    assert "1 to 10" in run(*base, "--priority", "11", fails=True)
    assert "numbers" in run(*base, "--where", "age # > old", fails=True)
    run(*base)
    assert "no run lies ahead" in run("schedule", "add", "Ask", "--at", "2020-01-01T09:00", fails=True)
    assert "weekdays" in run("schedule", "add", "Ask", "--at", "2099-01-01T09:00", "--every", "weekly", "--on", "XX", fails=True)


@pytest.mark.row(74)
@pytest.mark.usefixtures("ready")
def test_a_campaign_is_defined_shown_changed_and_deleted() -> None:
    run("create", "Ask", "--strategy", "ask.yaml", "--list", "nobody", fails=True)
    run("create", "Ask", "--strategy", "no-such", "--list", "Donors", fails=True)
    run("create", "Ask", "--strategy", "ask.yaml", "--list", "Donors", "--code", "Unheard of", fails=True)
    for hours in ("nan", "inf"):
        assert f"after {hours} hours" in run("create", "A", "--strategy", "ask", "--list", "Donors", "--hours", hours, fails=True)
    base = ("create", "Ask", "--strategy", "ask.yaml", "--list", "Donors")
    run(*base, "--hours", "12", "--end-at", "20:00 UTC", "--max-ports", "9")
    shown = run("show", "ask")
    for word in ("60/minute, 0 to 9 ports", "after 12 h, at 20:00 in UTC", "Donors"):
        assert word in shown
    assert "version 2" in run("change", "Ask", "--pace", "5/second", "--hours", "0", "--end-at", "", "--where", "city = Ankara")
    shown = run("show", "Ask")
    for word in ("5/second, 0 to 9 ports", "city = Ankara"):
        assert word in shown
    assert "after 12 h" not in shown
    assert "changed since you looked" in run("change", "Ask", "--priority", "7", "--version", "1", fails=True)
    run("change", "Ask", "--list", "", fails=True)
    run("create", "First", "--strategy", "ask", "--list", "Donors", "--then", "Ask")
    assert "First" in run("delete", "Ask", fails=True), "another campaign leads to it"
    run("change", "First", "--then", "")
    run("schedule", "add", "Ask", "--at", "2099-01-05T09:00", "--every", "daily")
    shown = run("show", "Ask")
    for word in ("every day at 09:00, UTC", "none: the lists that always apply"):
        assert word in shown
    assert "no dialer is running" in run("start", "Ask")
    assert "no dialer is running" in run("status", "Ask")
    assert "stop it first" in run("delete", "Ask", fails=True)
    run("change", "Ask", "--rename", "Asked", "--where", "")
    run("stop", "Asked", "--force")


@pytest.mark.row(74)
@pytest.mark.usefixtures("ready")
def test_a_deleted_campaign_is_gone_and_its_name_is_free() -> None:
    run("create", "Ask", "--strategy", "ask.yaml", "--list", "Donors")
    run("schedule", "add", "Ask", "--at", "2099-01-05T09:00", "--every", "daily")
    assert "deleted" in run("delete", "ASK")
    assert "Ask" not in run("list")
    assert "2099" not in run("schedule", "list")
    assert "no campaign" in run("start", "Ask", fails=True)
    run("create", "Ask", "--strategy", "ask", "--list", "Donors")

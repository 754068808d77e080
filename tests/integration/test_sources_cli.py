"""Data sources from the command line: defined, looked at, run, held up, put on the calendar, and taken away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner

from dialer.cli.contacts import contacts_app
from dialer.services.organisations import DEFAULT
from dialer.store.store import Store
from tests.source_kit import write_people

pytestmark = pytest.mark.integration


@pytest.fixture
def ready(ready_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a database without anything in it, and a file of people."""
    config = tmp_path / "dialer.toml"
    config.write_text(
        f'[database]\nurl = "{ready_url}"\n[numbers]\ndefault_time_zone = "Europe/Istanbul"\n'
        f'[[foreign_database]]\nname = "crm"\nurl = "sqlite:///{tmp_path}/crm.sqlite3"\n'
    )
    monkeypatch.setenv("OUTDIAL_CONFIG", str(config))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    store = Store(ready_url)
    store.close_now()
    yield write_people(tmp_path / "people.csv", 30, bad_every=10)
    structlog.reset_defaults()  # a run in the foreground says what is logged, and where: here it was the command's own output


def run(*words: str, fails: bool = False) -> str:
    result = CliRunner().invoke(contacts_app, words, catch_exceptions=False)
    assert (result.exit_code != 0) is fails, result.output
    return result.output


def test_a_manager_can_say_all_of_it(ready: Path, ready_url: str) -> None:
    run("source", "add", "Daily", "--list", "People", "--file", "people.csv", "--check-dnc", "--delete-where", "name like Bob*")
    said = run("source", "show", "daily")
    for told in (f"file: {ready}", "deletes before: name like Bob*", "checks: dnc", "zone Europe/Istanbul", "limit: 240 minutes"):
        assert told in said
    assert "has not been run" in run("source", "pause", "Daily", fails=True)
    said = run("source", "run", "Daily")
    assert "run 1 of Daily: completed (every row was read); 30 rows, 3 refused" in said
    assert "reasons: " in said
    assert "│ 30   │ 27  │" in run("source", "show", "Daily")
    assert "is queued" in run("source", "run", "Daily", "--no-wait")
    assert "not over yet" in run("source", "run", "Daily", fails=True)
    assert "paused (paused by cli:" in run("source", "pause", "Daily")
    assert "is paused; cancel it first" in run("source", "remove", "Daily", fails=True)
    assert "cancelled (cancelled by cli:" in run("source", "cancel", "Daily")
    assert "Daily starts next" in run(
        "source", "schedule", "add", "Daily", "--at", "2099-01-05T06:00", "--every", "weekly", "--on", "MO"
    )
    assert "every Monday at 06:00, UTC" in run("source", "schedule", "list", "Daily")
    assert "FREQ=WEEKLY" in run("source", "schedule", "list", "Daily", "--rules")
    assert "is off" in run("source", "schedule", "off", "1")
    assert "cancelled" in (said := run("source", "runs"))
    assert "completed" in said
    assert "Daily" in run("source", "list")
    run("source", "remove", "Daily")
    assert "Daily" not in run("source", "list")
    store = Store(ready_url)
    try:
        org_id = store.write_now(lambda tx: tx.organisations.ensure(DEFAULT))
        assert store.read_now(lambda tx: tx.contact_lists(org_id).by_name("People")).name == "People"  # contacts stay
    finally:
        store.close_now()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--file people.csv --database crm", "one of --file, --sftp, --database, --program"),
        ("", "one of --file, --sftp, --database, --program"),
        ("--file people.csv --path /x", "--path without --sftp"),
        ("--database crm", "the query is not a SELECT"),
        ("--program p --parameter x", "'x' is no parameter (NAME=VALUE)"),
        ("--program p --parameter x=1", "'p' is not the name of an installed entry point"),
        ("--file people.csv --exclude-days 0", "1 to 999"),
        ("--file people.csv --delete-where nonsense", "no condition"),
        ("--file people.csv --limit-minutes 0", "60 to 604800 seconds"),
        ("--file people.csv --limit-minutes nan", "60 to 604800 seconds"),
    ],
)
@pytest.mark.usefixtures("ready")
def test_a_mistake_is_told_and_nothing_is_kept(words: str, told: str) -> None:
    assert told in run("source", "add", "Daily", "--list", "People", *words.split(), fails=True)
    assert "Daily" not in run("source", "list")


def test_the_command_of_contacts_has_all_its_commands_when_it_is_loaded_alone() -> None:
    for command in ("exclude", "delete", "phone-check", "show", "source", "import", "list"):
        assert run(command, "--help")

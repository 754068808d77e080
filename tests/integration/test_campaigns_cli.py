"""The commands of a campaign manager, from an empty folder to an export, and their errors in plain words."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dialer.cli.commands import app
from dialer.domain.campaign import JobState
from dialer.store.store import Store
from tests.campaign_texts import STRATEGY, put_donors
from tests.integration.test_export_attempts import put_attempts
from tests.message_world import SMS

pytestmark = pytest.mark.integration

WRITES = (
    SMS.replace("${first_name}", "${frist_name}")
    .replace(" in ${city}", "")
    .replace(
        "{otherwise: done}",
        "{otherwise: done, SMS Delivered: {next_state: wait}}\n      replies: {rows: [{words: [one], set: {comes: one}}]}",
    )
)


@pytest.fixture
def dialer(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli_settings: Path) -> Dialer:
    """Give the `dialer` command on a database of its own."""
    (tmp_path / "ask.yaml").write_text(STRATEGY)
    monkeypatch.chdir(tmp_path)
    return Dialer(sqlite_url)


class Dialer:
    """The command, and the database behind it."""

    def __init__(self, url: str) -> None:
        self._url = url

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(app, words, catch_exceptions=False)

    def does(self, *words: str) -> str:
        """Run a command that must succeed; give what it said."""
        result = self.run(*words)
        assert result.exit_code == 0, result.output
        return result.stdout

    def refuses(self, *words: str) -> str:
        """Run a command that must fail in plain words; give them."""
        result = self.run(*words)
        assert result.exit_code == 2, result.output
        assert "Traceback" not in result.output
        return result.stderr

    def store(self) -> Store:
        return Store(self._url)


def test_a_strategy_file_is_kept_only_when_nothing_else_that_was_typed_is_wrong(dialer: Dialer) -> None:
    dialer.does("migrate")
    words = ["Blood", "--strategy", "ask.yaml", "--list", "donors"]
    assert "is not a pace" in dialer.refuses("campaign", "create", *words, "--pace", "soon")
    assert dialer.refuses("campaign", "create", *words, "--finish", "often")
    assert "no strategy 'ask'" in dialer.refuses("campaign", "create", "Blood", "--strategy", "ask", "--list", "donors")


def test_a_campaign_from_an_empty_folder_to_an_export(dialer: Dialer, tmp_path: Path) -> None:
    assert "run `dialer migrate` first" in dialer.refuses("codes", "list")
    assert "tables made" in dialer.does("migrate")
    assert "up to date" in dialer.does("migrate")
    store = dialer.store()
    org_id = store.read_now(lambda tx: tx.organisations.by_name("default"))
    store.write_now(lambda tx: put_donors(tx, org_id))

    dialer.does("codes", "add", "Interested", "--success", "--description", "[bold] will come")
    assert "already" in dialer.refuses("codes", "add", "INTERESTED")
    assert "choose another name" in dialer.refuses("codes", "add", "call busy")
    listed = dialer.does("codes", "list", "--system")
    assert "[bold] will come" in listed  # what a user wrote is shown, not interpreted
    assert "Ring No Answer" in listed

    words = ["Blood", "--strategy", "ask.yaml", "--list", "donors", "--code", "interested", "--finish", "Interested=5"]
    assert "campaign created: Blood" in dialer.does("campaign", "create", *words, "--pace", "5/second", "--max-ports", "7")
    assert "already" in dialer.refuses("campaign", "create", *words)
    assert "no campaign 'Bloot'; there are: Blood" in dialer.refuses("campaign", "start", "Bloot")
    assert "no completion code 'Sold'; there are: Interested" in dialer.refuses("campaign", "change", "Blood", "--code", "Sold")
    mistyped = dialer.run("campaign", "change", "Blood", "--where", "town is null")
    assert (mistyped.exit_code, "no list of it has an attribute 'town'" in mistyped.stderr) == (0, True)
    assert dialer.run("campaign", "change", "Blood", "--where", "").stderr == ""
    (tmp_path / "write.yaml").write_text(WRITES, encoding="utf-8")
    assert dialer.run("campaign", "create", "Write", "--strategy", "write.yaml", "--list", "donors").stderr.splitlines() == [
        "warning: no list of it has an attribute 'frist_name' (yet): ${frist_name} is empty in its messages",
        "warning: no list of it has an attribute 'comes' (yet): answers cannot be kept in it",
    ]
    assert "not started yet" in dialer.does("campaign", "status", "blood")
    assert "is queued" in dialer.does("campaign", "start", "Blood")
    assert "not over yet" in dialer.refuses("campaign", "start", "Blood")
    job = store.read_now(lambda tx: tx.jobs(None).not_completed())[0]
    store.write_now(lambda tx: tx.jobs(None).set_state(job.id, JobState.RUNNING, because="dialling", by="engine"))
    store.write_now(lambda tx: put_attempts(tx, org_id, job, 4))
    assert "is paused" in dialer.does("campaign", "pause", "Blood")
    assert "is running" in dialer.does("campaign", "resume", "Blood")
    dialer.does("campaign", "pace", "Blood", "30/minute")
    status = dialer.does("campaign", "status", "Blood")
    assert "30 per minute, 0 to 7 ports" in status
    assert "3 of 5" in status
    assert "running" in dialer.does("campaign", "list")
    assert "by force" in (dialer.does("campaign", "stop", "Blood", "--force") + dialer.does("campaign", "status", "Blood"))

    shown = dialer.does("attempts", "--campaign", "Blood", "--limit", "3")
    assert shown.count("+17") == 3
    assert "+17770000" not in shown  # masked
    dialer.does("export", "out.csv", "--campaign", "Blood")
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["code"] for row in rows].count("Interested") == 3
    assert os.stat(tmp_path / "out.csv").st_mode & 0o077 == 0
    store.close_now()


def test_a_failed_export_leaves_no_half_of_a_file(dialer: Dialer, tmp_path: Path) -> None:
    dialer.does("migrate")
    assert "no campaign 'none'" in dialer.refuses("export", "out.csv", "--campaign", "none")
    assert "cannot be written" in dialer.refuses("export", "nowhere/out.csv")
    assert not [path for path in tmp_path.iterdir() if "out.csv" in path.name]


def test_an_export_to_standard_output_is_csv_and_nothing_else(dialer: Dialer) -> None:
    dialer.does("migrate")
    assert next(csv.reader(io.StringIO(dialer.does("export"))))[0] == "attempt_id"


def test_exports_recur_by_the_word_of_a_manager(dialer: Dialer) -> None:
    dialer.does("migrate")
    assert "when?" in dialer.refuses("export", "schedule", "add", "attempts")
    assert "no calendar" in dialer.refuses("export", "schedule", "add", "codes", "--after-job", "--every", "daily")
    said = dialer.does("export", "schedule", "add", "codes", "--at", "2126-05-11T00:30", "--every", "hourly", "--interval", "6")
    assert "export 1: codes of all campaigns, Sat 2126-05-11 00:30 in UTC" in said
    assert "after each job" in dialer.does("export", "schedule", "add", "contacts", "--after-job", "--only", "reached", "--bom")
    listed = dialer.does("export", "schedule", "list")
    assert "every 6 hours from Sat 2126-05-11 at minute 30, UTC" in listed
    assert "FREQ=" not in listed
    assert "FREQ=HOURLY;INTERVAL=6" in dialer.does("export", "schedule", "list", "--rules")
    assert "{what}-{campaign}-{job}.csv" in listed
    assert "Because" in dialer.does("export", "schedule", "runs", "1")
    dialer.does("export", "schedule", "remove", "1")
    assert "no export with the number 1" in dialer.refuses("export", "schedule", "remove", "1")
    assert "No such command" in dialer.refuses("export", "contcats")  # not a file of that name


def test_the_dnc_list_is_kept_from_the_command_line(dialer: Dialer, tmp_path: Path) -> None:
    dialer.does("migrate")
    (tmp_path / "dnc.txt").write_text("212-555-0100\nnonsense1\n")
    imported = dialer.run("dnc", "import", "dnc.txt")
    assert "1 added, 0 were listed already, 1 rejected" in imported.stdout
    assert "dnc.txt:2: 'nonsense1'" in imported.stderr
    assert "already" in dialer.does("dnc", "add", "+12125550100")
    assert "1 of 1" in dialer.does("dnc", "list")
    dialer.does("dnc", "remove", "212 555 0100")
    assert "not on the DNC list" in dialer.refuses("dnc", "remove", "212 555 0100")
    assert "missing.txt: there is no such file" in dialer.refuses("dnc", "import", "missing.txt")
    assert "cannot be read" in dialer.refuses("dnc", "import", ".")


def test_a_code_is_edited_and_made_passive_from_the_command_line(dialer: Dialer) -> None:
    dialer.does("migrate")
    dialer.does("codes", "add", "Keen")
    assert "Very keen" in dialer.does("codes", "edit", "keen", "--name", "Very keen", "--rpc", "--next-action", "stop")
    listed = dialer.does("codes", "list")
    assert "right party, stop" in listed
    dialer.does("codes", "passivate", "very keen")
    assert "passive" in dialer.does("codes", "list")


def test_mistakes_of_the_user_are_told_in_plain_words(dialer: Dialer, tmp_path: Path) -> None:
    dialer.does("migrate")
    assert "no organisation 'x'" in dialer.refuses("codes", "list", "--org", "x")
    assert "no campaign 'x'" in dialer.refuses("campaign", "start", "x")
    (tmp_path / "broken.yaml").write_text("strategy: x\nstatus: perhaps\n")
    said = dialer.refuses("campaign", "create", "C", "--strategy", "broken.yaml", "--list", "donors")
    assert "broken.yaml:2" in said
    assert "missing.yaml" in dialer.refuses("campaign", "create", "C", "--strategy", "missing.yaml", "--list", "donors")
    assert "not a pace" in dialer.refuses(
        "campaign", "create", "C", "--strategy", "ask.yaml", "--list", "donors", "--pace", "fast"
    )
    assert "there is no such file" in dialer.refuses("codes", "list", "--config", "absent.toml")

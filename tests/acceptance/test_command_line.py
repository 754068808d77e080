"""A campaign from a CSV file to a CSV file by the commands that a user types, with `dialer serve` doing the calling."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dialer.domain.codes import SystemCode
from dialer.lab.behaviours import INTERESTED, NOT_INTERESTED
from dialer.store.store import Store
from tests.patience import PATIENCE_S
from tests.rig import Rig

pytestmark = pytest.mark.acceptance

PROJECT = Path(__file__).parents[2]

DONORS = """\
id,first_name,mobile,time_zone,donor
a1,Ada,212-555-0101,America/New_York,no
a2,Bob,212-555-0102,America/New_York,no
a3,"=HYPERLINK(""http://x"")",212-555-0112,America/New_York,no
a4,Dan,212-555-0114,America/New_York,no
a5,Eve,not a number,America/New_York,no
a6,Fay,212-555-0199,America/New_York,no
"""

STRATEGY = """\
strategy: ask
status: completed
handlers:
  - state: initial
    call:
      ring_timeout_s: 15
      detect_machine: false
      addresses: [{attribute: mobile, from: "00:00", to: "24:00"}]
      results:
        otherwise: done
        Call Answered: {app: blood_donation}
"""

EXPECTED = {
    "a1": INTERESTED,
    "a2": NOT_INTERESTED,
    "a3": SystemCode.INVALID_NUMBER,
    "a4": SystemCode.CALL_REJECTED,
    "a6": SystemCode.RESTRICTED_DNC,
}


class Shell:
    """A terminal in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "dialer", *words],
            cwd=self._folder,
            env={**os.environ, "PYTHONPATH": str(PROJECT), "COLUMNS": "200", "OUTDIAL_CONFIG": "config/dialer.toml"},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=PATIENCE_S,
        )

    def does(self, *words: str) -> str:
        """Run a command that must succeed; give what it said."""
        done = self.run(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.mark.row(3, 4, 18, 19, 75, 83)
async def test_from_csv_to_csv_by_the_commands_of_a_user(rig: Rig) -> None:
    shell, folder = Shell(rig.folder), rig.folder
    assert "written config/dialer.toml" in " ".join(shell.does("init").split())
    rig.write_config()  # the edit that the last line of `init` asks for
    (folder / "donors.csv").write_text(DONORS)
    (folder / "ask.yaml").write_text(STRATEGY)
    assert "tables made" in shell.does("migrate")
    imported = shell.does("contacts", "import", "donors.csv", "--list", "donors", "--region", "US", "--no-strict")
    assert "reasons:" in imported, "the row without a number is told in a file"
    for code in (INTERESTED, NOT_INTERESTED):
        shell.does("codes", "add", code)
    refused = shell.run("codes", "add", "attempt in progress")
    assert refused.returncode == 2
    assert "is the name of a system code" in refused.stderr + refused.stdout
    shell.does("codes", "add", "CODE1")
    assert "capitals make no difference" in (twice := shell.run("codes", "add", "code1")).stderr + twice.stdout
    assert twice.returncode == 2
    shell.does("dnc", "add", "212-555-0199")
    words = ["Blood", "--strategy", "ask.yaml", "--list", "donors", "--pace", "10/second"]
    shell.does("campaign", "create", *words, "--code", INTERESTED, "--code", NOT_INTERESTED)
    recurring = ["export", "schedule", "add", "attempts", "--after-job", "--file", "{what}-{campaign}.csv", "--attributes"]
    assert "after each job" in shell.does(*recurring)
    rig.start()
    assert "is queued" in shell.does("campaign", "start", "Blood")
    store = rig.store
    (job,) = store.read_now(lambda tx: tx.jobs(None).all())
    await rig.completed(job.id)
    status = shell.does("campaign", "status", "Blood")
    assert "completed (no contacts left)" in status
    assert INTERESTED in status
    shown = shell.does("attempts", "--campaign", "Blood")
    assert "2125550101" not in shown.replace("-", ""), "numbers are masked"
    assert shown.count("Call Rejected") == 1
    assert "done in this job, last code" in shell.does("why", "a6")
    shell.does("export", "out.csv", "--campaign", "Blood")
    with (folder / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["contact_id"]: row["code"] for row in rows} == EXPECTED
    by_itself = folder / "data" / "exports" / "1-default" / "attempts-Blood.csv"
    await rig.until(by_itself.exists, "the dialer has exported the job by itself")
    with by_itself.open(newline="") as file:
        written = list(csv.DictReader(file))
    assert {row["contact_id"]: row["first_name"] for row in written}["a1"] == "Ada"
    assert [{name: row[name] for name in rows[0]} for row in written] == rows
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "@"))], "no cell is a formula"
    assert rig.stop() == 0
    rig.check_invariants(job.id)
    assert _donor(store, "a1") == "yes", "what the app wrote through the PDC is kept with the contact"


def _donor(store: Store, user_contact_id: str) -> str:
    def work() -> str:
        org = store.write_now(lambda tx: tx.organisations.ensure("default"))
        return store.read_now(lambda tx: tx.contacts(org).called(user_contact_id))[0].attributes["donor"]

    return work()

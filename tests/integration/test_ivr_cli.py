"""`dialer ivr` in a terminal, and the files that it writes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dialer.cli.ivr import ivr_app_cli
from dialer.errors import BadInput, Conflict
from dialer.ivr.registry import Apps, ivr_app
from dialer.ivr.scaffold import write_app
from dialer.lab.dialer_settings import write_dialer_settings
from dialer.lab.lab import Lab
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]


def dialer_ivr(*words: str, keyboard: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(ivr_app_cli, list(words), input=keyboard, env={"COLUMNS": "200", "TERM": "dumb"})
    return result.exit_code, result.output


@pytest.mark.row(35)
def test_a_new_app_passes_its_own_test(tmp_path: Path) -> None:
    assert dialer_ivr("new", "spring_drive", "--folder", str(tmp_path))[0] == 0
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "8 passed" in done.stdout


def test_a_new_app_can_be_tried_at_once(tmp_path: Path) -> None:
    write_app("spring_drive", tmp_path)
    code, said = dialer_ivr("try", str(tmp_path / "spring_drive.py"), "--keys", "-1", "--attribute", "first_name=Ann")
    assert code == 0, said
    assert "> Hello Ann. Will you come?" in said
    assert "Completion code: Will come" in said


def test_a_shipped_app_can_be_tried_by_keyboard() -> None:
    code, said = dialer_ivr("try", "blood_donation", keyboard="\n7\n1\n")
    assert code == 0, said
    assert "Completion code: Interested in Blood Donation" in said
    assert "set_attribute donor=yes" in said


def test_a_new_app_takes_one_real_call(lab: Lab, tts: Sequence[str], tmp_path: Path) -> None:
    write_app("spring_drive", tmp_path)
    settings = write_dialer_settings(lab, apps=tmp_path / "none", tts=tts)
    words = ["ivr", "call", str(tmp_path / "spring_drive.py"), "+15550100001", "--config", str(settings)]
    before = len(lab.truth())
    called = subprocess.run(
        [sys.executable, "-m", "dialer", *words],
        cwd=tmp_path,
        env={**os.environ, "OUTDIAL__IVR__WORKERS": "0"},  # one process starts sooner than three
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert called.returncode == 0, called.stderr
    assert "Completion code: Will come" in called.stdout
    assert [call.number for call in lab.truth()[before:]] == ["+15550100001"]


def test_an_app_that_fails_is_told_and_is_no_success(tmp_path: Path) -> None:
    file = tmp_path / "bad.py"
    file.write_text('from dialer import ivr_app\n\n@ivr_app("bad")\nasync def bad(call):\n    1 / 0\n')
    code, said = dialer_ivr("try", str(file), "--keys", "1")
    assert code == 1
    assert "ZeroDivisionError" in said


@pytest.mark.parametrize(
    "words",
    [
        ("try", "nowhere"),
        ("try", "nowhere.py"),
        ("try", "press1", "--keys", "one"),
        ("try", "press1", "--attribute", "one"),
        ("call", "nowhere.py", "+15550100001"),
        ("new", "Bad-Name"),
        ("new", "good", "--folder", "/proc/nowhere"),
        ("new", "test_x"),
    ],
)
def test_mistakes_are_one_plain_message(words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, said = dialer_ivr(*words)
    assert code == 2
    assert "Traceback" not in said
    assert not list(tmp_path.iterdir())


def test_the_list_shows_apps_and_files_that_cannot_be_read(tmp_path: Path) -> None:
    folder = tmp_path / "apps"
    folder.mkdir()
    (folder / "broken.py").write_text("def (")
    (tmp_path / "dialer.toml").write_text('[ivr]\napps = ["apps"]\n')
    code, said = dialer_ivr("list", "--config", str(tmp_path / "dialer.toml"))
    assert code == 0, said
    assert "press1" in said
    assert "BROKEN: SyntaxError" in said


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    write_app("spring_drive", tmp_path)
    with pytest.raises(Conflict):
        write_app("spring_drive", tmp_path)


@pytest.mark.parametrize("name", ["", "Bad", "../x", "a b", "1a", "x" * 65])
def test_a_name_of_an_app_is_plain(name: str) -> None:
    with pytest.raises(BadInput):
        ivr_app(name)


@pytest.mark.parametrize("code", ["call busy", "No  Input", "", " ", "x" * 101])
def test_system_codes_cannot_be_declared(code: str) -> None:
    with pytest.raises(BadInput):
        ivr_app("good", codes={code})


def test_a_file_that_exits_or_holds_no_app_spoils_only_itself(tmp_path: Path) -> None:
    (tmp_path / "exits.py").write_text("raise SystemExit(1)")
    (tmp_path / "empty.py").write_text("")
    (tmp_path / "test_other.py").write_text("raise RuntimeError")
    write_app("good", tmp_path)
    apps = Apps()
    apps.load_folder(tmp_path)
    assert [app.name for app in apps] == ["good"]
    assert set(apps.broken) == {"exits", "empty"}

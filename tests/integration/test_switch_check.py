"""`dialer switch`: the files load on a real Asterisk, and the check says what is wrong with one."""

from __future__ import annotations

import socket
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dialer.cli.switch import switch_app
from dialer.errors import BadInput, Conflict
from dialer.lab.dialer_settings import write_dialer_settings
from dialer.lab.findings import Finding, Level
from dialer.lab.lab import Lab
from dialer.lab.switch_check import check_switch
from dialer.lab.switch_files import FILES, SwitchPlan, write_switch_files

pytestmark = pytest.mark.integration


@pytest.fixture
def own_lab(tmp_path: Path) -> Iterator[Lab]:
    """A lab that this test may break."""
    with Lab.running(tmp_path / "own") as lab:
        yield lab


def findings(lab: Lab, **changed: object) -> list[Finding]:
    access = lab.switch
    asked = {"host": access.host, "port": access.port, "username": access.username, "secret": access.secret, "trunk": lab.trunk}
    return list(check_switch(**{**asked, **changed}))  # type: ignore[arg-type]  # the tests change one of them at a time


def bad(found: list[Finding]) -> list[str]:
    return [finding.what for finding in found if finding.level is Level.BAD]


def test_a_good_switch_has_no_fault(lab: Lab) -> None:
    found = findings(lab)
    assert [finding for finding in found if finding.level is not Level.OK] == []
    assert len(found) > 6


def test_a_wrong_password_is_told(lab: Lab) -> None:
    found = findings(lab, secret="wrong")
    assert "was refused" in bad(found)[0]
    assert found[-1].mend


def test_an_unknown_trunk_is_told(lab: Lab) -> None:
    assert bad(findings(lab, trunk="nowhere")) == ["the switch has no PJSIP endpoint 'nowhere'"]


def test_a_port_on_which_nobody_listens_is_told(lab: Lab) -> None:
    assert "nobody listens" in bad(findings(lab, port=9))[0]


def test_a_port_on_which_something_else_listens_is_told(lab: Lab) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        found = list(
            check_switch(host="127.0.0.1", port=other.getsockname()[1], username="u", secret="s", trunk="t", timeout_s=0.3)
        )
    assert "does not answer" in bad(found)[0]


def test_a_missing_context_and_a_dead_trunk_are_told(own_lab: Lab) -> None:
    own_lab.switch_instance.rx("dialplan remove context outdial-passed")
    assert [finding.level for finding in findings(own_lab) if "hold those callers" in finding.what] == [Level.WARN]
    own_lab.switch_instance.rx("dialplan remove context outdial-agent")
    assert [finding.level for finding in findings(own_lab) if "outdial-agent" in finding.what] == [Level.WARN]
    own_lab.switch_instance.rx("dialplan remove context outdial")
    own_lab.carrier_instance.kill()
    (own_lab.sounds / "en").unlink()
    found = bad(findings(own_lab))
    assert "the dialplan has no context [outdial]" in found
    assert f"the trunk '{own_lab.trunk}' does not answer" in found
    assert any("sounds are missing" in what for what in found)


def test_missing_rights_and_a_wrong_codec_are_told(own_lab: Lab) -> None:
    etc = own_lab.switch_instance.folder / "etc"
    for name, old, new in (
        ("manager_outdial.conf", "write = originate,call,reporting", "write = call,reporting"),
        ("pjsip_outdial.conf", "allow = ulaw,alaw", "allow = g722"),
    ):
        text = (etc / name).read_text()
        assert old in text
        (etc / name).write_text(text.replace(old, new))
    own_lab.switch_instance.rx("manager reload")
    own_lab.switch_instance.rx("module reload res_pjsip.so")
    found = bad(findings(own_lab))
    assert "calls may not be placed" in found
    assert any("allows only" in what for what in found)


def test_the_files_load_on_a_real_asterisk_without_a_word(own_lab: Lab, tmp_path: Path) -> None:
    plan = SwitchPlan(
        username="dialer2", trunk="itsp", trunk_host="127.0.0.1", trunk_port=own_lab.ports.carrier_sip, transport="local"
    )
    written = write_switch_files(tmp_path / "files", plan)
    assert [path.name for path in written] == list(FILES)
    switch = own_lab.switch_instance
    log = switch.folder / "log/messages"
    before = len(log.read_text())
    for path in written:
        if path.suffix == ".conf":
            (switch.folder / "etc" / path.name).write_text(path.read_text())
    switch.rx("core reload")
    settings = tomllib.loads((tmp_path / "files/outdial-switch.toml").read_text())
    secret = settings["switch"][0]["secret"]
    found = findings(own_lab, username="dialer2", secret=secret, trunk="itsp")
    assert [finding for finding in found if finding.level is not Level.OK] == []
    complaints = [line for line in log.read_text()[before:].splitlines() if "ERROR" in line or "WARNING" in line]
    assert [line for line in complaints if "outdial-check" not in line] == []


def test_the_files_keep_their_secret_and_are_never_written_over(tmp_path: Path) -> None:
    for path in write_switch_files(tmp_path, SwitchPlan()):
        holds_it = path.name in ("manager_outdial.conf", "pjsip_outdial_phones.conf", "outdial-switch.toml")
        assert (path.stat().st_mode & 0o077 == 0) == holds_it
    with pytest.raises(Conflict, match="exists already"):
        write_switch_files(tmp_path, SwitchPlan())


@pytest.mark.parametrize(
    "plan",
    [
        SwitchPlan(trunk="a]\n[b"),
        SwitchPlan(username="x y"),
        SwitchPlan(trunk_host="a;b"),
        SwitchPlan(trunk_port=0),
        SwitchPlan(host=""),
    ],
    ids=["trunk", "username", "trunk_host", "trunk_port", "host"],
)
def test_a_name_that_could_write_more_than_a_name_is_refused(tmp_path: Path, plan: SwitchPlan) -> None:
    with pytest.raises(BadInput):
        write_switch_files(tmp_path / "files", plan)
    assert not (tmp_path / "files").exists()


def test_the_commands_say_it_line_by_line(lab: Lab, tmp_path: Path) -> None:
    run = CliRunner().invoke
    assert run(switch_app, ["config", "--folder", str(tmp_path / "files")]).exit_code == 0
    access = ["--port", str(lab.switch.port), "--secret", lab.switch.secret]
    good = run(switch_app, ["check", *access, "--trunk", lab.trunk])
    assert good.exit_code == 0, good.output
    assert all(line.startswith("OK") for line in good.output.splitlines())
    named = run(switch_app, ["check", "--config", str(write_dialer_settings(lab, apps=tmp_path, tts=["espeak-ng"]))])
    assert (named.exit_code, named.output) == (0, good.output)
    broken = run(switch_app, ["check", *access, "--trunk", "nowhere"])
    assert broken.exit_code == 1
    assert "BAD   the switch has no PJSIP endpoint 'nowhere'" in broken.output

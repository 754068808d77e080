"""Getting an Asterisk: the mirror of the machine, and an unpacking that is whole or not there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from dialer.lab.debian import MIRROR, can_unpack, mirror, unpacked
from dialer.lab.errors import LabFailed
from dialer.lab.obtain import obtain_asterisk, obtain_tool, pcap_folder

pytestmark = pytest.mark.integration


def silent(_text: str) -> None:
    pass


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("sources.list", "deb http://mirror.example/debian bookworm main\n", "http://mirror.example/debian"),
        (
            "sources.list",
            "deb [signed-by=/x.gpg arch=amd64] https://mirror.example/debian/ bookworm main\n",
            "https://mirror.example/debian",
        ),
        ("sources.list", "# deb http://old.example/debian bookworm main\ndeb http://x.example/other ./\n", ""),
        ("sources.list.d/a.sources", "Types: deb\nURIs: http://m.example/debian\nSuites: trixie\n", "http://m.example/debian"),
        ("sources.list.d/a.sources.off", "Types: deb\nURIs: http://m.example/debian\n", ""),
        ("sources.list", "deb http://archive.ubuntu.example/ubuntu noble main\n", ""),
    ],
)
def test_the_mirror_is_the_one_that_the_machine_uses(tmp_path: Path, name: str, text: str, found: str) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / name).write_text(text)
    assert mirror(tmp_path) == found


def test_the_environment_may_name_another_mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MIRROR, "http://mirror.example/debian/")
    assert mirror(tmp_path) == "http://mirror.example/debian"


def test_an_asterisk_is_had_and_says_its_version() -> None:
    build = obtain_asterisk(silent)
    assert int(build.version.split(".")[0]) >= 20
    assert (build.modules / "chan_pjsip.so").exists()
    assert any(build.sounds.glob("beep.*"))


@pytest.mark.parametrize(("name", "option", "says"), [("espeak-ng", "--version", "eSpeak"), ("sipp", "-v", "SIPp")])
def test_a_tool_is_had_and_runs(name: str, option: str, says: str) -> None:
    argv = obtain_tool("espeak-ng" if name == "espeak-ng" else "sipp", silent)
    assert says in subprocess.run([*argv, option], capture_output=True, text=True, timeout=20).stdout


def test_the_packet_captures_of_sipp_are_found() -> None:
    assert (pcap_folder(silent) / "dtmf_2833_1.pcap").is_file()


@pytest.mark.skipif(bool(can_unpack()), reason="this machine has no apt")
def test_an_unpacking_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTDIAL_CACHE", str(tmp_path))
    package = "debian-archive-keyring"  # small, and it needs no other
    said: list[str] = []
    first = unpacked("keys", [package], said.append)
    assert (first / f"usr/share/doc/{package}/copyright").is_file()
    assert any("Downloading" in line for line in said)

    left = first.parent / ".unpacking-left"
    first.rename(left)  # as a process that died half way leaves it
    assert unpacked("keys", [package], silent) == first
    assert (first / f"usr/share/doc/{package}/copyright").is_file()
    assert not left.exists()

    said.clear()
    assert unpacked("keys", [package], said.append) == first
    assert said == []  # it was there

    with pytest.raises(LabFailed, match="apt-get"):
        unpacked("nothing", ["outdial-no-such-package"], silent)
    assert not (first.parent / "nothing").exists()
    assert not list(first.parent.glob(".unpacking-*"))

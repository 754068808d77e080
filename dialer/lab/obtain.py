"""Get an Asterisk, and the programs that go with it: from the PATH, from Debian's packages, or from a Docker engine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from dialer.lab import debian
from dialer.lab.debian import Say
from dialer.lab.errors import LabFailed

OLDEST = (20, 6)  # the first with PJSIPHangup, by which the carrier refuses calls
MODULES = (
    "/usr/lib/{triplet}/asterisk/modules",
    "/usr/lib/asterisk/modules",
    "/usr/lib64/asterisk/modules",
    "/usr/local/lib/asterisk/modules",
)
SOUNDS = ("/usr/share/asterisk/sounds/en", "/usr/share/asterisk/sounds/en_US_f_Allison", "/var/lib/asterisk/sounds/en")
PACKAGES = {
    "asterisk": ("asterisk", "asterisk-modules", "asterisk-core-sounds-en-wav"),
    "espeak-ng": ("espeak-ng",),
    "sipp": ("sip-tester",),
}
PROGRAMS = {"asterisk": "usr/sbin/asterisk", "espeak-ng": "usr/bin/espeak-ng", "sipp": "usr/bin/sipp"}
DOCKERFILE = Path(__file__).resolve().parents[2] / "docker" / "switch.Dockerfile"
IMAGE = "outdial/switch"  # as docker/compose.yml calls it; the carrier runs the same Asterisk with other files

ToolName = Literal["espeak-ng", "sipp"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AsteriskBuild:
    """A real Asterisk that can be run. With `image` it runs in containers, and the paths are those inside of them."""

    command: tuple[str, ...]  # what to write before Asterisk's own arguments
    modules: Path
    sounds: Path  # the English core sounds: beep.wav lies in it
    version: str  # "22.10.1"
    source: str  # "path", "debian" or "docker"
    image: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A program to run as `[*argv, ...]` with `env` added to the environment."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)


def obtain_asterisk(say: Say) -> AsteriskBuild:
    """An Asterisk of version 20 or newer. `say` is told in plain words what is being fetched. Raises LabFailed."""
    if build := _on_the_path():
        return build
    reason = debian.can_unpack()
    if not reason:
        prefix = debian.unpacked("asterisk", PACKAGES["asterisk"], say)
        sounds = next(
            (found for found in sorted((prefix / "usr/share/asterisk/sounds").glob("en*")) if (found / "beep.wav").exists()), None
        )
        if not sounds:
            raise LabFailed(f"the English sounds are missing in {prefix}: remove that folder and try again")
        command = _by_own_loader(prefix, PROGRAMS["asterisk"])
        modules = prefix / "usr/lib" / debian.architecture()[1] / "asterisk/modules"
        return AsteriskBuild(command=command, modules=modules, sounds=sounds, version=_version(command), source="debian")
    if _docker_is_here():
        return _from_docker(say)
    raise LabFailed(
        f"no Asterisk 20.6 or newer on the PATH; {reason}; and no Docker engine answers. Any one of the three will do"
    )


def _docker_is_here() -> bool:
    """A Docker engine that answers, with the switch's image or what it is made of (a checkout has that, a wheel has not)."""
    if not (shutil.which("docker") and _succeeds(["docker", "info"])):
        return False
    return DOCKERFILE.is_file() or _succeeds(["docker", "image", "inspect", IMAGE])


def _from_docker(say: Say) -> AsteriskBuild:
    if not _succeeds(["docker", "image", "inspect", IMAGE]):
        say("Building the switch's image with Docker")
        context = DOCKERFILE.parents[1]
        built = subprocess.run(
            ["docker", "build", "-f", str(DOCKERFILE), "-t", IMAGE, str(context)], capture_output=True, text=True
        )
        if built.returncode:
            raise LabFailed(f"`docker build -f {DOCKERFILE}` failed:\n{built.stderr.strip()[-2000:]}")
    return AsteriskBuild(
        command=("asterisk",),
        modules=Path(MODULES[0].format(triplet=debian.architecture()[1])),
        sounds=Path(SOUNDS[1]),
        version=_version(("docker", "run", "--rm", IMAGE)),
        source="docker",
        image=IMAGE,
    )


def obtain_tool(name: ToolName, say: Say) -> list[str]:
    """The words to start espeak-ng or sipp with. Raises LabFailed where it cannot be had."""
    tool = find_tool(name, say)
    # `env NAME=value program`: one list is all that a caller must carry about.
    return [*(["env", *(f"{key}={value}" for key, value in tool.env.items())] if tool.env else []), *tool.argv]


def find_tool(name: ToolName, say: Say) -> Tool:
    """As `obtain_tool`, with the environment apart. The packet captures of sipp are below `pcap_folder`."""
    if found := shutil.which(name):
        return Tool(argv=(found,))
    prefix = debian.unpacked(name, PACKAGES[name], say)
    env = {}
    if name == "espeak-ng":
        env["ESPEAK_DATA_PATH"] = str(prefix / "usr/lib" / debian.architecture()[1])
    return Tool(argv=_by_own_loader(prefix, PROGRAMS[name]), env=env)


def pcap_folder(say: Say) -> Path:
    """The folder with sipp's packet captures (`dtmf_2833_1.pcap` and its kin)."""
    prefix = Path("/") if shutil.which("sipp") else debian.unpacked("sipp", PACKAGES["sipp"], say)
    for folder in ("usr/share/sip-tester", "usr/share/sipp/pcap", "usr/local/share/sipp/pcap"):
        if (prefix / folder / "dtmf_2833_1.pcap").exists():
            return prefix / folder
    raise LabFailed("sipp's packet captures are missing")


def _on_the_path() -> AsteriskBuild | None:
    found = shutil.which("asterisk", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if not found:
        return None
    version = _version((found,))
    if tuple(map(int, version.split(".")[:2])) < OLDEST:
        return None
    triplet = debian.ARCHITECTURES.get(os.uname().machine, ("", ""))[1]
    modules = next(
        (path for path in (Path(name.format(triplet=triplet)) for name in MODULES) if (path / "chan_pjsip.so").exists()), None
    )
    sounds = next((path for path in map(Path, SOUNDS) if any(path.glob("beep.*"))), None)
    if not modules or not sounds:
        return None  # an Asterisk without PJSIP or without sounds cannot be a lab
    return AsteriskBuild(command=(found,), modules=modules, sounds=sounds, version=version, source="path")


def _by_own_loader(prefix: Path, program: str) -> tuple[str, ...]:
    triplet = debian.architecture()[1]
    libraries = prefix / "usr/lib" / triplet
    loader = next(iter(sorted(libraries.glob("ld-linux-*.so.*"))), None)
    if not loader:
        raise LabFailed(f"the program loader is missing in {prefix}: remove that folder and try again")
    return (str(loader), "--library-path", f"{libraries}:{libraries}/pulseaudio", str(prefix / program))


def _version(command: tuple[str, ...]) -> str:
    try:
        done = subprocess.run([*command, "-V"], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return "0"
    return version_in(done.stdout)


def version_in(text: str) -> str:
    """The version in what `asterisk -V` prints: "22.10.1" in "Asterisk 22.10.1~dfsg+~cs6..."; "0" where there is none."""
    found = re.search(r"\b(\d+\.\d+(?:\.\d+)?)", text)
    return found.group(1) if found else "0"


def _succeeds(argv: list[str]) -> bool:
    try:
        return subprocess.run(argv, capture_output=True, timeout=20).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False

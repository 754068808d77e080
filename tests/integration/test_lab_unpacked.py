"""What is unpacked from Debian's packages is whole: it takes no library from the machine that it happens to be on."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from dialer.lab.config import COMMON_MODULES, SWITCH_MODULES
from dialer.lab.debian import architecture, can_unpack, unpacked
from dialer.lab.obtain import PACKAGES, PROGRAMS

pytestmark = [pytest.mark.integration, pytest.mark.skipif(bool(can_unpack()), reason="this machine has no apt")]


def strangers(prefix: Path, file: Path) -> list[str]:
    """The libraries that `file` needs and does not find below `prefix`."""
    libraries = prefix / "usr/lib" / architecture()[1]
    loader = next(libraries.glob("ld-linux-*.so.*"))
    listed = subprocess.run(
        [loader, "--library-path", f"{libraries}:{libraries}/pulseaudio", "--list", file],
        capture_output=True,
        text=True,
        timeout=20,
    )
    # "libc.so.6 => /where/libc.so.6 (0x...)", "libx.so.1 => not found", and the loader and the kernel's page without an arrow
    found = re.findall(r"^\s*(\S+) => (.+?)(?: \(0x\w+\))?$", listed.stdout, re.MULTILINE)
    complaint = [listed.stderr.strip()] if listed.returncode else []
    return complaint + [name for name, path in found if not path.startswith(str(prefix))]


@pytest.mark.parametrize("name", ["asterisk", "espeak-ng"])
def test_a_program_brings_every_library_that_it_needs(name: str) -> None:
    prefix = unpacked(name, PACKAGES[name], lambda _text: None)
    assert strangers(prefix, prefix / PROGRAMS[name]) == []


def test_every_module_that_is_loaded_brings_its_libraries() -> None:
    prefix = unpacked("asterisk", PACKAGES["asterisk"], lambda _text: None)
    modules = prefix / "usr/lib" / architecture()[1] / "asterisk/modules"
    there = [path for name in (*COMMON_MODULES, *SWITCH_MODULES) if (path := modules / f"{name}.so").exists()]
    assert len(there) > 40
    assert {path.name: missing for path in there if (missing := strangers(prefix, path))} == {}

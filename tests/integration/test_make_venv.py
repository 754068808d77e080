"""The first step of every way in: it makes an environment, or says what is missing and leaves nothing half made."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

MAKE_VENV = Path(__file__).parents[2] / "tools" / "make-venv"


def run(folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(MAKE_VENV), str(folder)],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
        env={**os.environ, **env},
    )


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_an_environment_has_its_own_pip(tmp_path: Path) -> None:
    done = run(tmp_path / "venv")
    assert done.returncode == 0, done.stderr
    said = subprocess.run([tmp_path / "venv/bin/python", "-m", "pip", "--version"], capture_output=True, text=True, check=True)
    assert str(tmp_path / "venv") in said.stdout


def test_a_machine_without_python_is_told_which_command_it_lacks(tmp_path: Path) -> None:
    done = run(tmp_path / "venv", PYTHON="no-such-python")
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed" in done.stderr
    assert "apt-get install -y python3" in done.stderr


def test_an_old_python_is_not_taken(tmp_path: Path) -> None:
    old = script(tmp_path / "old-python", "exit 1")  # what `sys.exit(sys.version_info < (3, 11))` gives there
    done = run(tmp_path / "venv", PYTHON=str(old))
    assert done.returncode == 1
    assert "Python 3.11 or newer" in done.stderr


def test_a_failure_half_way_leaves_no_half_environment(tmp_path: Path) -> None:
    broken = script(
        tmp_path / "broken-python",
        """case "$*" in
          *"import venv, ensurepip"*|*"sys.version_info"*) exit 0 ;;
          --version) echo Python 3.11.0 ;;
          *"-m venv"*) mkdir -p "$(eval echo \\${$#})/bin"; exit 1 ;;
          *) exit 0 ;;
        esac""",
    )
    done = run(tmp_path / "venv", PYTHON=str(broken))
    assert done.returncode != 0
    assert not (tmp_path / "venv").exists()

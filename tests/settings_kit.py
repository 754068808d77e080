"""A settings file in a folder, for tests of how it is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialer.errors import BadSettings
from dialer.settings import load_settings


def write(folder: Path, text: str) -> Path:
    path = folder / "config" / "dialer.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def mistakes(folder: Path, text: str, **environ: str) -> list[str]:
    with pytest.raises(BadSettings) as caught:
        load_settings(write(folder, text), environ=environ)
    return [one.replace(f"{folder}/config/", "") for one in caught.value.mistakes]

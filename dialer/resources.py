"""The files that come with the program for its users: starting settings, strategies, samples."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from dialer.errors import NotFound

# In a checkout they stand in config/ beside the package; a wheel carries them inside it (setup.py puts them there).
_PACKAGED = "config_files"
_KINDS = {"": (".toml",), "compliance": (".toml",), "strategies": (".yaml",), "samples": (".csv",)}


def resource(name: str) -> Path:
    """The file of that name, such as "dialer.toml" or "strategies/reminder.yaml". Raises NotFound."""
    path = _folder() / name
    if name not in resources():
        raise NotFound(f"no file {name!r} comes with the program")
    return path


def resources() -> list[str]:
    """The names of all of them."""
    folder = _folder()
    found = []
    for sub, endings in _KINDS.items():
        found += [path.relative_to(folder).as_posix() for path in sorted((folder / sub).iterdir()) if path.suffix in endings]
    return found


def _folder() -> Path:
    package = Path(str(files("dialer")))  # a wheel is always unpacked where it is installed
    inside = package / _PACKAGED
    return inside if inside.is_dir() else package.parent / "config"

"""Where a setting comes from: a line of the file, a variable of the environment, or a file that holds a secret."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

At = tuple[str | int, ...]  # where a key stands: ("trunk", 0, "max_cps")
PREFIX = "OUTDIAL__"
SECRETS = ("secret", "token", "old_secret", "imap_secret")  # keys whose value may be in a file, NAME_file
LISTS = ("switch", "trunk", "sftp", "foreign_database", "publish", "sms_gateway", "email_gateway")  # the lists of tables


def mistake(where: str, what: str) -> str:
    """One line of the report."""
    return f"{where}: {what}"


def dotted(at: At) -> str:
    """trunk[0].max_cps"""
    text = ""
    for part in at:
        text += f"[{part}]" if isinstance(part, int) else f"{'.' if text else ''}{part}"
    return text


class KeyLines:
    """On which line of the file a key stands. Good for the usual way of writing TOML; where it is not, no line is told."""

    def __init__(self, text: str, source: Path | None) -> None:
        self._source = "settings" if source is None else str(source)
        self._lines: dict[At, int] = {}
        section: At = ()
        counts: dict[str, int] = {}
        for number, line in enumerate(text.splitlines(), start=1):
            if found := re.match(r"\s*\[\[\s*([\w-]+)\s*\]\]", line):
                counts[found[1]] = counts.get(found[1], -1) + 1
                section = (found[1], counts[found[1]])
                self._lines[section] = number
            elif found := re.match(r"\s*\[\s*([\w.-]+)\s*\]", line):
                section = tuple(found[1].split("."))
                self._lines[section] = number
            elif found := re.match(r'\s*"?([\w-]+)"?\s*=', line):
                self._lines.setdefault((*section, found[1]), number)

    def where(self, at: At, origins: Mapping[At, str] | None = None) -> str:
        """ "config/dialer.toml:12: trunk[0].max_cps", or the variable of the environment that set it."""
        if origins and at in origins:
            return f"environment {origins[at]}: {dotted(at)}"
        if origins and at not in self._lines:
            for known, variable in origins.items():
                if known[: len(at)] == at:
                    return f"environment {variable}: {dotted(at)}"
        longest = at
        while longest and longest not in self._lines:
            longest = longest[:-1]
        line = f":{self._lines[longest]}" if longest else ""
        return f"{self._source}{line}: {dotted(at)}"


def environment_layer(environ: Mapping[str, str], written: Mapping[str, Any]) -> tuple[dict[str, Any], dict[At, str], list[str]]:
    """The settings that OUTDIAL__... variables give, which variable gave each, and the variables that make no sense."""
    layer: dict[str, Any] = {}
    origins: dict[At, str] = {}
    mistakes: list[str] = []
    for variable, value in sorted(environ.items()):
        if not variable.upper().startswith(PREFIX):
            continue
        parts = variable[len(PREFIX) :].lower().split("__")
        if parts[0] in LISTS and len(parts) > 1:
            index = _index_of(parts[1], written.get(parts[0]))
            if index is None or len(parts) != 3:
                mistakes.append(mistake(f"environment {variable}", f"there is no [[{parts[0]}]] called {parts[1]!r}"))
                continue
            layer.setdefault(parts[0], {}).setdefault(index, {})[parts[2]] = _value(value)
            origins[(parts[0], index, parts[2])] = variable
            continue
        table = layer
        for part in parts[:-1]:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                table = {}  # OUTDIAL__A=1 beside OUTDIAL__A__B=2: the check of A tells
        table[parts[-1]] = _value(value)
        origins[tuple(parts)] = variable
    return layer, origins, mistakes


def _index_of(name: str, tables: object) -> int | None:
    if not isinstance(tables, list):
        return None
    for index, table in enumerate(tables):
        if isinstance(table, dict) and str(table.get("name", "")).lower().replace("-", "_") in (name, name.replace("-", "_")):
            return index
    return None


def _value(text: str) -> Any:
    """Text, or a list when it is written as one: ["espeak-ng", "-s", "150"]."""
    if text.startswith("["):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """The file with the environment's layer over it; lists of tables are reached by index."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        if key in LISTS and isinstance(value, dict) and isinstance(old, list):
            merged[key] = [
                {**table, **value.get(index, {})} if isinstance(table, dict) else table for index, table in enumerate(old)
            ]
        elif isinstance(old, Mapping) and isinstance(value, Mapping):
            merged[key] = merge(old, value)
        else:
            merged[key] = value
    return merged


def read_secret_files(raw: dict[str, Any], root: Path, lines: KeyLines) -> list[str]:
    """Put the content of `secret_file`, `token_file` and the like where the secret belongs. Returns what went wrong."""
    mistakes = []
    for at, table in _tables(raw):
        for key in SECRETS:
            named = table.get(f"{key}_file")
            if not isinstance(named, str):
                continue
            where = lines.where((*at, f"{key}_file"))
            if table.get(key):
                mistakes.append(mistake(where, f"give either {key} or {key}_file, not both"))
                continue
            try:
                table[key] = (root / named).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError, ValueError) as exc:
                mistakes.append(mistake(where, f"{named} cannot be read: {getattr(exc, 'strerror', None) or exc}"))
                table[key] = "unread"  # one mistake is enough: do not also say that the secret is missing
    return mistakes


def _tables(raw: Mapping[str, Any]) -> Iterator[tuple[At, dict[str, Any]]]:
    for name, value in raw.items():
        if isinstance(value, dict):
            yield (name,), value
        elif isinstance(value, list):
            yield from (((name, index), one) for index, one in enumerate(value) if isinstance(one, dict))

"""Read the words by which people stop messages: the shipped ones, and an installation's own on top."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from dialer.domain.wording import Language, Wish, Wording, fold
from dialer.errors import BadInput
from dialer.resources import resource

SHIPPED = "compliance/reply_words.toml"
_TEXTS = {Wish.STOP: "stopped", Wish.START: "started", Wish.HELP: "help_text"}
_LISTS = (*(wish.value for wish in Wish), "polite")
MOST_TEXT = 600


@cache
def shipped_wording() -> Wording:
    """The words of all languages, without those of an installation."""
    return load_wording()


def load_wording(own: Path | None = None) -> Wording:
    """The words of all languages. `own`: a file whose lists are added to the shipped ones, and whose texts replace them.

    Raises BadInput.
    """
    tables = _read(resource(SHIPPED))
    for name, table in ({} if own is None else _read(own)).items():
        before = tables.setdefault(name, {})
        for key, value in table.items():
            before[key] = [*before.get(key, []), *value] if isinstance(value, list) else value
    return Wording(languages={name: _language(table) for name, table in tables.items()})


def _language(table: Mapping[str, Any]) -> Language:
    polite = sorted({fold(word) for word in table.get("polite", [])}, key=len, reverse=True)
    return Language(
        words={wish: frozenset(fold(word) for word in table.get(wish.value, [])) for wish in Wish},
        polite=tuple(polite),
        texts={wish: table[key] for wish, key in _TEXTS.items() if table.get(key)},
    )


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise BadInput(f"cannot be read: {exc}", where=str(path)) from exc
    for name, table in found.items():
        if not isinstance(table, dict):
            raise BadInput(f"{name!r} is no table", where=str(path), mend="a table for each language: [en], [de], ...")
        for key, value in table.items():
            _check(path, f"{name}.{key}", key, value)
    return found


def _check(path: Path, at: str, key: str, value: object) -> None:
    if key in _LISTS:
        if not isinstance(value, list) or not all(isinstance(word, str) and fold(word) for word in value):
            raise BadInput("must be a list of words", where=f"{path}: {at}")
    elif key in _TEXTS.values():
        if not isinstance(value, str) or len(value) > MOST_TEXT:
            raise BadInput(f"must be a text of at most {MOST_TEXT} characters", where=f"{path}: {at}")
    else:
        raise BadInput("unknown key", where=f"{path}: {at}", mend=f"known here: {', '.join((*_LISTS, *_TEXTS.values()))}")

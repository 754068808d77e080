"""The texts of prompts: read from TOML files, one per language, and filled with the contact's attributes."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dialer.errors import BadInput
from dialer.ivr.driver import PromptFailed

SHIPPED = Path(__file__).parent / "prompts"
KEY = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*", re.ASCII)  # no slash and no empty part: a key can never leave its folder
BLANK = re.compile(r"\$\{([^${}]{1,64})\}")
LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*", re.ASCII)
MAX_TEXT = 2000  # characters
MAX_VALUE = 100
SPOKEN_MARKS = frozenset(".,'’-:;!?@&/+% ")


class PromptTexts:
    """Texts by language and key. A folder that comes earlier wins over a later one; the shipped texts come last."""

    def __init__(self, folders: Sequence[Path] = ()) -> None:
        self._texts: dict[str, dict[str, str]] = {}
        for folder in (*folders, SHIPPED):
            for language, file in _files(folder):
                known = self._texts.setdefault(language, {})
                for key, text in _read(file):
                    known.setdefault(key, text)

    @property
    def languages(self) -> Sequence[str]:
        """The languages with any text."""
        return sorted(self._texts)

    def find(self, key: str, language: str) -> str | None:
        """The text as written, or None."""
        return self._texts.get(language, {}).get(key)

    def under(self, prefix: str) -> Iterator[tuple[str, str, str]]:
        """(language, key, text) of all prompts whose key begins with `prefix` and a dot."""
        for language, texts in self._texts.items():
            for key, text in texts.items():
                if key.startswith(prefix + "."):
                    yield language, key, text


def check_key(key: str) -> str:
    """The key itself. Raises PromptFailed for anything that is not a plain dotted name."""
    if len(key) > 128 or not KEY.fullmatch(key):
        raise PromptFailed(f"{key[:40]!r} is no prompt key")
    return key


def normal_language(language: str) -> str:
    """A language as the folders are called: "pt_BR" is "pt-br"; whatever is no language is "en"."""
    plain = language.strip().replace("_", "-").lower()
    return plain if LANGUAGE.fullmatch(plain) else "en"


def languages_for(language: str, default: str) -> list[str]:
    """Where to look, in order: "pt-br", "pt", then the default language."""
    return list(dict.fromkeys((language, language.partition("-")[0], default)))


def is_static(text: str) -> bool:
    """Whether the text is the same for every contact."""
    return BLANK.search(text) is None


def fill(text: str, values: Mapping[str, str]) -> str:
    """Replace every `${name}` once (a value is never looked into again). Raises PromptFailed where the text is too long."""
    filled = BLANK.sub(lambda match: spoken(values.get(match.group(1), "")), text)
    plain = " ".join("".join(" " if unicodedata.category(mark)[0] in "CZ" else mark for mark in filled[: MAX_TEXT + 1]).split())
    if not plain:
        raise PromptFailed("there is nothing to say")
    if len(filled) > MAX_TEXT:
        raise PromptFailed(f"a text to speak has at most {MAX_TEXT} characters")
    return plain


def spoken(value: str) -> str:
    """A contact's attribute as it may be spoken: letters, digits and plain marks, at most 100 of them."""
    kept = (mark if mark in SPOKEN_MARKS or unicodedata.category(mark)[0] in "LMN" else " " for mark in value[:MAX_VALUE])
    return " ".join("".join(kept).split())


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """`en.toml`, and every file of `en/*.toml`."""
    for file in sorted(folder.glob("*.toml")):
        yield file.stem, file
    for file in sorted(folder.glob("*/*.toml")):
        yield file.parent.name, file


def _read(file: Path) -> Iterator[tuple[str, str]]:
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise BadInput(str(exc), where=str(file)) from exc
    yield from _flat(table, "", file)


def _flat(table: Mapping[str, Any], prefix: str, file: Path) -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        key = f"{prefix}{name}"
        if isinstance(value, dict):
            yield from _flat(value, f"{key}.", file)
        elif isinstance(value, str) and KEY.fullmatch(key) and 0 < len(value) <= MAX_TEXT:
            yield key, value
        else:
            raise BadInput(f"{key} is no prompt", where=str(file), mend='a key of a-z, 0-9, _ and a text: ask = "..."')

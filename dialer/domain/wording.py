"""Recognise in any language the words by which people stop messages, have them again, or ask for help."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice

FIRST_LINES = 3  # a mail may greet before it says what it wants
LONGEST = 80  # characters of a line that can be such a word; more is a letter
TELLING = 6  # characters of a word that says enough inside a sentence
ENGLISH = "en"
_WORD = re.compile(r"\w+")
_ASCII = {code: None if chr(code) in "'`" else " " for code in range(128) if not chr(code).isalnum()}


class Wish(StrEnum):
    """What such a word asks for. An opt-out goes before the others."""

    STOP = "stop"
    START = "start"
    HELP = "help"


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """The words and texts of one language; all words are folded."""

    words: Mapping[Wish, frozenset[str]]
    polite: tuple[str, ...] = ()  # what may stand around them; the longest first
    texts: Mapping[Wish, str] = field(default_factory=dict)  # what we answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """All languages together: whoever writes STOP in any of them is understood."""

    languages: Mapping[str, Language]
    _marks: frozenset[str] = field(init=False, repr=False, compare=False)  # a text without any of them is none of the words

    def __post_init__(self) -> None:
        words = (word for language in self.languages.values() for words in language.words.values() for word in words)
        object.__setattr__(self, "_marks", frozenset(max(word.split(), key=len) for word in words))

    def wish_in(self, text: str) -> tuple[Wish, str] | None:
        """What a message asks for, and the language in which it does; None: it is something else.

        The whole text, its first line, or for an opt-out one of its first lines, must be such a word: "stop by at five" is none.
        """
        whole = once(fold(text)) if len(text) <= 4 * LONGEST else ""
        folded = (once(fold(line)) for line in text[: 40 * LONGEST].splitlines() if len(line) <= LONGEST)
        lines = list(islice((line for line in folded if line), FIRST_LINES))
        if self._marks.isdisjoint(word for line in (whole, *lines) for word in line.split()):
            return None
        for wish in Wish:
            first = lines if wish is Wish.STOP else lines[:1]
            for name, language in self.languages.items():
                if any(self._says(one, language, wish) for one in (whole, *first)):
                    return wish, name
        return None

    def may_mean_stop(self, text: str) -> bool:
        """Whether a word or a phrase that stops messages stands anywhere in it: a person should look.

        Short words are left out ("end", "para"): they mean much else inside a sentence.
        """
        return self._stops_in(fold(text[: 40 * LONGEST]))

    def tells_how_to_stop(self, text: str) -> bool:
        """Whether a text of ours names a word by which its reader can stop messages.

        Short ones count where they are in capitals, as such words are told: "Responda BAJA", but not "gracias por la baja".
        """
        told = {fold(word) for word in _WORD.findall(text) if word.isupper()}
        stops = (language.words[Wish.STOP] for language in self.languages.values())
        return self._stops_in(fold(text)) or any(not told.isdisjoint(words) for words in stops)

    def _stops_in(self, folded: str) -> bool:
        words = {one for one in folded.split() if len(one) >= TELLING or one == Wish.STOP}
        inside = f" {folded} "
        return any(
            not words.isdisjoint(stops) or any(f" {phrase} " in inside for phrase in stops if " " in phrase)
            for stops in (language.words[Wish.STOP] for language in self.languages.values())
        )

    def taken(self, word: str) -> Wish | None:
        """What a word always means, so that no strategy can give it another meaning."""
        found = self.wish_in(word)
        return None if found is None else found[0]

    def answer(self, wish: Wish, *languages: str) -> str:
        """The text of our answer in the first of these languages that has one, else in English."""
        for name in (*languages, ENGLISH):
            language = self.languages.get(primary(name))
            if language is not None and language.texts.get(wish):
                return language.texts[wish]
        return ""

    def _says(self, said: str, language: Language, wish: Wish) -> bool:
        words = language.words[wish]
        return said in words or without(said, self._polite(language)) in words

    @property
    def polite(self) -> tuple[str, ...]:
        """What may stand around a word in any language; the longest first."""
        words = {word for language in self.languages.values() for word in language.polite}
        return tuple(sorted(words, key=len, reverse=True))

    def _polite(self, language: Language) -> tuple[str, ...]:
        english = self.languages.get(ENGLISH)
        return language.polite + (english.polite if english is not None and english is not language else ())


def fold(text: str) -> str:
    """Without case, accents, punctuation and pictures: "Ja, bitte!" and "ja bitte" are the same."""
    if text.isascii():
        return " ".join(text.lower().translate(_ASCII).split())
    plain = unicodedata.normalize("NFKD", text.casefold().replace("ß", "ss"))
    kept = "".join(char if char.isalnum() else "" if unicodedata.combining(char) or char in "'’`" else " " for char in plain)
    return " ".join(kept.split())


def once(said: str) -> str:
    """A folded text that is one word again and again ("stop stop stop") as that word."""
    words = said.split()
    return words[0] if len(words) > 1 and len(set(words)) == 1 else said


def without(said: str, polite: Iterable[str]) -> str:
    """What is left of a folded text without polite words at its ends; all of it when nothing else would be left."""
    left, before = said, ""
    while left != before:
        before = left
        for word in polite:
            if left != word:
                left = left.removeprefix(word + " ").removesuffix(" " + word)
    return left


def primary(language: str) -> str:
    """The language of a tag: "de" of "de-AT"."""
    return language.replace("_", "-").partition("-")[0].casefold()

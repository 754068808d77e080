"""A contact without a telephone: hears what an app plays and presses the keys of a script."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from dialer.ivr.driver import (
    ALL_KEYS,
    CallEnded,
    NoSuchDialplan,
    PlaybackFailed,
    PromptFailed,
    Recording,
    Sound,
    Target,
    Transfer,
    Typed,
)
from dialer.ivr.prompt_text import PromptTexts, check_key, fill, languages_for

SILENCE = "-"  # in a script of keys: let one question pass in silence


class TextPrompts:
    """Prompts as text only: nothing is rendered and no file of sound is touched."""

    def __init__(self, texts: PromptTexts | None = None, *, default_language: str = "en") -> None:
        self._texts, self._default = texts or PromptTexts(), default_language

    async def sound(self, key: str, language: str, values: Mapping[str, str]) -> Sound:
        for lang in languages_for(language, self._default):
            if text := self._texts.find(check_key(key), lang):
                return Sound(path=f"/prompts/{lang}/{key}", text=fill(text, values), key=key, language=lang)
        raise PromptFailed(f"prompt {key}: neither recorded nor written")

    async def speech(self, text: str, language: str, values: Mapping[str, str]) -> Sound:
        return Sound(path="/prompts/said", text=fill(text, values), language=language)

    def apology(self, language: str) -> Sound:
        return Sound(path="/prompts/apology", key="common.apology", text="We are sorry.", language=language)


class Player:
    """A driver whose contact presses the keys of `keys`, one question after the other: "1", "51", "-1" (silence, then 1).

    Digits for one question of `ask` are pressed in one go and end where the question has enough, or at #. `hangup_after`
    prompts the contact hangs up, in the middle of the last of them. `press`, where given, is asked for keys in place of a script.
    """

    def __init__(
        self,
        keys: str = "",
        *,
        hangup_after: int | None = None,
        transfer: Transfer = Transfer.CONNECTED,
        unplayable: Sequence[str] = (),
        heard: Callable[[str], None] | None = None,
        press: Callable[[Sound | None, int], Awaitable[str]] | None = None,
    ) -> None:
        if not set(keys) <= set(ALL_KEYS + SILENCE):
            raise ValueError(f"a script of keys is made of {ALL_KEYS} and {SILENCE} for silence")
        self._script = keys
        self._hangup_after, self._transfer, self._unplayable = hangup_after, transfer, frozenset(unplayable)
        self._tell, self._press = heard, press
        self.transcript: list[str] = []  # what was said and done, in words
        self.prompts: list[str] = []  # keys of the prompts that were begun, or their text where they have no key
        self.up = True
        self.hung_up_by = ""  # "contact" or "app"

    async def answer(self) -> None:
        self._alive()

    async def stream(self, sound: Sound, *, stop_keys: str = "") -> str:
        self._play(sound)
        return ""

    async def get_data(self, sound: Sound | None, *, timeout_s: float, max_digits: int) -> Typed:
        self._alive()
        if sound is not None:
            self._play(sound)
        if self._press is not None:
            typed = await self._press(sound, max_digits)
        else:
            typed = self._next_keys(max_digits)
        keys, hashed = typed.partition("#")[::2] if "#" in typed else (typed, None)
        self._note(f"< {typed}" if typed else f"< (silence, {timeout_s:g} s)")
        return Typed(keys=keys[:max_digits], hashed=hashed is not None)

    async def wait_for_key(self, timeout_s: float) -> str:
        self._alive()
        self._note(f"(waits {timeout_s:g} s)")
        return ""

    async def say_digits(self, digits: str) -> None:
        self._play(Sound(path="digits", text=" ".join(digits)))

    async def say_number(self, number: int) -> None:
        self._play(Sound(path="number", text=str(number)))

    async def record(self, path: str, *, max_s: float, silence_s: float, beep: bool, stop_keys: str) -> Recording:
        self._alive()
        self._note("(is recorded)")
        return Recording(path=f"{path}.wav", duration_s=1.0, ended_by="silence")

    async def transfer(self, target: Target, *, ring_timeout_s: float, max_talk_s: float) -> Transfer:
        self._alive()
        self._note(f"(transferred to {target.queue or target.number}: {self._transfer})")
        return self._transfer

    async def wait_for_beep(self, max_s: float) -> bool:
        self._alive()
        self._note("(waits for the beep)")
        return True

    async def set_language(self, language: str) -> None:
        self._alive()

    async def hand_over(self, place: str) -> None:
        self._alive()
        if place in self._unplayable:
            raise NoSuchDialplan(place)
        self._note(f"(goes on in the dialplan at {place})")

    async def hangup(self) -> None:
        if self.up:
            self.up, self.hung_up_by = False, "app"
            self._note("(hangs up)")

    def _play(self, sound: Sound) -> None:
        self._alive()
        if sound.key in self._unplayable or sound.path in self._unplayable:
            raise PlaybackFailed(f"no such file: {sound.path}")
        self.prompts.append(sound.key or sound.text)
        self._note(f"> {sound.text or sound.key}")
        if self._hangup_after is not None and len(self.prompts) >= self._hangup_after:
            self.up, self.hung_up_by = False, "contact"
            self._note("(the contact hangs up)")
        self._alive()

    def _next_keys(self, most: int) -> str:
        if self._script.startswith(SILENCE):
            self._script = self._script[1:]
            return ""
        taken = self._script[:most].partition(SILENCE)[0]
        if "#" in taken and most > 1:
            taken = taken[: taken.index("#") + 1]
        elif len(taken) == most > 1 and self._script[most : most + 1] == "#":
            self._script = taken + self._script[most + 1 :]  # a # after a full answer means nothing more
        self._script = self._script[len(taken) :]
        return taken

    def _note(self, words: str) -> None:
        self.transcript.append(words)
        if self._tell is not None:
            self._tell(words)

    def _alive(self) -> None:
        if not self.up:
            raise CallEnded("the contact has hung up")

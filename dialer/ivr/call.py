"""A live call in the hands of an IVR app: ask, play, listen, transfer, hang up."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import structlog

from dialer.errors import BadInput
from dialer.ivr.driver import (
    ALL_KEYS,
    CallDriver,
    CallEnded,
    CallLost,
    PlaybackFailed,
    PromptFailed,
    Recording,
    Sound,
    Target,
    Transfer,
)
from dialer.ivr.outcome import Outcome
from dialer.ivr.prompt_text import normal_language
from dialer.ivr.pulse import Pulse, pulsing
from pdc import CallPdc, Contact, Session, SessionPdc

log = structlog.get_logger()
T = TypeVar("T")

RECORDING_NAME = re.compile(r"[a-z0-9_]{1,40}", re.ASCII)


class Prompts(Protocol):
    """Where sounds come from."""

    async def sound(self, key: str, language: str, values: Mapping[str, str]) -> Sound:
        """The sound of a prompt key, with `${name}` in its text filled from `values`. Raises PromptFailed."""

    async def speech(self, text: str, language: str, values: Mapping[str, str]) -> Sound:
        """The sound of a text, filled likewise. Raises PromptFailed."""

    def apology(self, language: str) -> Sound:
        """A sound that needs nothing but a local file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSettings:
    """What the operator settled for all calls."""

    transfer_trunk: str = ""  # the trunk of a transfer whose strategy names none
    recordings: Path | None = None  # None: recording is switched off


class Call:
    """One answered call.

    Every verb raises CallEnded once the contact has hung up (apps do not catch it) and PromptFailed where a prompt cannot be
    had. Keys pressed while a prompt plays interrupt it and count as the answer to the next question.
    """

    def __init__(
        self,
        driver: CallDriver,
        session: Session,
        *,
        pdc: SessionPdc,
        prompts: Prompts,
        settings: CallSettings | None = None,
        pulse: Pulse | None = None,
    ) -> None:
        self._driver, self._session, self._prompts = driver, session, prompts
        self._settings = settings or CallSettings()
        self._pulse = pulse or Pulse()
        self._typed_ahead = ""
        self._closed = False
        self.pdc: CallPdc = pulsing(pdc, self._pulse)
        self.lost = False  # it ended because we gave it up, and not because the contact went
        self.language = normal_language(session.contact.language)
        self.last_input = ""  # the keys of the last question's last try, also where they meant nothing
        self.unanswered: Outcome | None = None  # how the last question ended, where nobody answered it: NO_INPUT or NO_MATCH

    @property
    def contact(self) -> Contact:
        """The person on the line, as known when the call began."""
        return self._session.contact

    @property
    def parameters(self) -> Mapping[str, str]:
        """The app's parameters from the strategy."""
        return self._session.parameters

    @property
    def answered_by(self) -> str:
        """Who answered, as far as the detector can say: "human", "machine", "silence", "fax" or "unknown"."""
        return self._session.answered_by

    @property
    def campaign(self) -> str:
        """The campaign's name."""
        return self._session.campaign

    @property
    def default_code(self) -> str:
        """The code of this call if its app says none; "" = an app that says none has failed."""
        return self._session.default_code

    async def answer(self) -> None:
        """Pick up. An outbound call is up before its app begins; this is for apps that also take calls."""
        await self._do(self._driver.answer)

    async def play(self, key: str, *, barge_in: bool = True) -> None:
        """Play a prompt. A key interrupts it and counts for the next question; with `barge_in=False` it is heard to its end."""
        with self._pulse:
            await self._stream(lambda: self._sound(key), barge_in)

    async def say(self, text: str, *, barge_in: bool = True) -> None:
        """Speak a text of at most 2,000 characters; `${name}` in it is filled as in a prompt."""
        with self._pulse:
            await self._stream(lambda: self._prompts.speech(text, self.language, self._values()), barge_in)

    async def say_digits(self, digits: str) -> None:
        """Speak digits one by one with the switch's own sounds."""
        if not digits.isascii() or not digits.isdigit() or len(digits) > 64:
            raise BadInput("only 1 to 64 digits 0-9 can be said", where="say_digits")
        await self._do(lambda: self._driver.say_digits(digits))

    async def menu(self, key: str, *, keys: str, tries: int = 3, timeout_s: float = 6.0) -> str | Outcome:
        """Ask for one key of `keys`. Returns it, or why there is none.

        Outcome.NO_INPUT: nobody pressed a key in `tries` times of asking. Outcome.NO_MATCH: only keys outside `keys` were
        pressed. Both may be returned by the app as they are. `timeout_s` runs from the end of the prompt.
        """
        if not keys or not set(keys) <= set(ALL_KEYS):
            raise BadInput(f"the keys of a menu are some of {ALL_KEYS}", where=f"menu {key}")
        return await self._question(key, tries, timeout_s, 1, lambda typed: typed in keys)

    async def ask(self, key: str, *, digits: int | tuple[int, int], tries: int = 3, timeout_s: float = 6.0) -> str | Outcome:
        """Ask for digits: exactly so many, or (at least, at most), ended by # or by `timeout_s` without a key.

        Returns them, or Outcome.NO_INPUT (no key), or Outcome.NO_MATCH (too few, or a star).
        """
        least, most = (digits, digits) if isinstance(digits, int) else digits
        if not 1 <= least <= most <= 40:
            raise BadInput("between 1 and 40 digits can be asked for", where=f"ask {key}")
        return await self._question(key, tries, timeout_s, most, lambda typed: least <= len(typed) and typed.isdigit())

    async def record(
        self, name: str, *, max_s: float = 60.0, silence_s: float = 3.0, beep: bool = True, stop_keys: str = "#"
    ) -> Recording:
        """Record what the contact says, as <recordings>/<attempt id>-<name>.wav. Raises BadInput where recording is off."""
        if self._settings.recordings is None:
            raise BadInput("recording is switched off", where="ivr.recordings", mend="name a folder")
        if not RECORDING_NAME.fullmatch(name) or not set(stop_keys) <= set(ALL_KEYS) or not 0 < max_s <= 3600:
            raise BadInput("a recording has a name of a-z, 0-9 and _, keys that stop it, and at most an hour", where="record")
        path = str(self._settings.recordings / f"{self._session.attempt_id}-{name}")
        return await self._do(lambda: self._driver.record(path, max_s=max_s, silence_s=silence_s, beep=beep, stop_keys=stop_keys))

    async def transfer(self, to: str, *, trunk: str = "", ring_timeout_s: float = 30.0, max_talk_s: float = 3600.0) -> Transfer:
        """Connect the contact to "+15551234567" or "queue:donors"; returns when they have parted. Raises BadInput.

        Returns CONNECTED also where the contact hung up after talking: the app can still give its outcome.
        """
        target = Target.parse(to.strip(), trunk or self._settings.transfer_trunk)
        self._pulse.talk_begins()
        try:
            return await self._do(lambda: self._driver.transfer(target, ring_timeout_s=ring_timeout_s, max_talk_s=max_talk_s))
        finally:
            self._pulse.talk_ends()

    async def wait_for_beep(self, *, max_s: float = 30.0) -> bool:
        """On a machine: wait until its greeting and beep are over. False: it still spoke after `max_s`."""
        return await self._do(lambda: self._driver.wait_for_beep(max_s))

    async def set_language(self, language: str) -> None:
        """Speak another language from now on. Raises BadInput."""
        wanted = normal_language(language)
        if wanted == "en" and not language.lower().startswith("en"):
            raise BadInput(f"{language[:20]!r} is no language", where="set_language", mend='such as "en" or "pt-br"')
        await self._do(lambda: self._driver.set_language(wanted))
        self.language = wanted

    async def wait(self, seconds: float) -> None:
        """Say nothing for a while. A key ends it and counts for the next question."""
        if not self._typed_ahead:
            self._typed_ahead += await self._do(lambda: self._driver.wait_for_key(seconds))

    async def hangup(self) -> None:
        """End the call. The app goes on and may still use `call.pdc`."""
        await self._do(self._driver.hangup)
        self.close()

    def close(self) -> None:
        """From now on every verb raises CallEnded."""
        self._closed = True

    async def _question(
        self, key: str, tries: int, timeout_s: float, max_digits: int, accept: Callable[[str], bool]
    ) -> str | Outcome:
        if tries < 1 or not 0 < timeout_s <= 60:
            raise BadInput("a question has at least one try and a time limit of up to 60 s", where=key)
        self.unanswered = None
        any_key = False
        for turn in range(tries):
            typed = await self._collect(key, timeout_s, max_digits)
            self.last_input = typed
            if typed and accept(typed):
                return typed
            any_key = any_key or bool(typed)
            if turn + 1 < tries:
                await self._excuse("common.no_match" if typed else "common.no_input")
        self.unanswered = Outcome.NO_MATCH if any_key else Outcome.NO_INPUT
        return self.unanswered

    async def _collect(self, key: str, timeout_s: float, max_digits: int) -> str:
        """One try: keys typed ahead count first, and then nothing is asked again."""
        ahead, self._typed_ahead = self._typed_ahead[:max_digits], self._typed_ahead[max_digits:]
        if "#" in ahead and max_digits > 1:
            return ahead.partition("#")[0]
        missing = max_digits - len(ahead)
        if not missing:
            return ahead
        with self._pulse:
            if ahead:
                typed = await self._guarded(lambda: self._driver.get_data(None, timeout_s=timeout_s, max_digits=missing))
            else:
                typed = await self._with_sound(
                    lambda: self._sound(key),
                    lambda sound: self._driver.get_data(sound, timeout_s=timeout_s, max_digits=missing),
                )
        keys = ahead + typed.keys
        return "#" if not keys and typed.hashed else keys

    async def _excuse(self, key: str) -> None:
        try:
            await self.play(key)
        except PromptFailed:
            log.warning("a prompt between two tries is missing", prompt=key)  # the question itself is asked again

    async def _sound(self, key: str) -> Sound:
        return await self._prompts.sound(key, self.language, self._values())

    def _values(self) -> dict[str, str]:
        return {"campaign": self.campaign, **self.parameters, **self.contact.attributes}

    async def _stream(self, find: Callable[[], Awaitable[Sound]], barge_in: bool) -> None:
        if barge_in and self._typed_ahead:
            self._alive()
            return  # somebody who typed ahead has heard enough
        stop_keys = ALL_KEYS if barge_in else ""
        self._typed_ahead += await self._with_sound(find, lambda sound: self._driver.stream(sound, stop_keys=stop_keys))

    async def _with_sound(self, find: Callable[[], Awaitable[Sound]], use: Callable[[Sound], Awaitable[T]]) -> T:
        """Play; where the switch cannot, look for the sound once more, since a file may have been lost under us."""
        self._alive()
        sound = await find()
        try:
            return await self._guarded(lambda: use(sound))
        except PlaybackFailed:
            again = await find()
        try:
            return await self._guarded(lambda: use(again))
        except PlaybackFailed as exc:
            raise PromptFailed(f"the switch cannot play {sound.key or sound.path}: {exc}") from exc

    async def _do(self, verb: Callable[[], Awaitable[T]]) -> T:
        with self._pulse:
            return await self._guarded(verb)

    async def _guarded(self, verb: Callable[[], Awaitable[T]]) -> T:
        self._alive()
        try:
            return await verb()
        except CallEnded as ended:
            self.lost = self.lost or isinstance(ended, CallLost)
            self.close()
            raise

    def _alive(self) -> None:
        if self._closed:
            raise CallEnded("the call has ended")

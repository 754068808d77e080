"""Do on an Asterisk call what an IVR app asks for, by AGI commands."""

from __future__ import annotations

import math
import re
from typing import NoReturn

from dialer.channels.asterisk.agi_wire import ANSWERS_WITHIN_S, AgiConnection
from dialer.errors import BadInput
from dialer.ivr.driver import ALL_KEYS, CallEnded, NoSuchDialplan, PlaybackFailed, Recording, Sound, Target, Transfer, Typed

LONGEST_SOUND_S = 300.0
SAMPLES_PER_S = 8000

PLACE = re.compile(r"[A-Za-z0-9_-]{1,40},[A-Za-z0-9_-]{1,20}", re.ASCII)
HANDED_OVER = "outdial-ended,s"  # what runs when such a call is over
NOT_OURS = "the switch's extensions_outdial.conf is older than this Outdial: write it anew with `dialer switch config`"

DIAL_RESULTS = {
    "ANSWER": Transfer.CONNECTED,
    "BUSY": Transfer.BUSY,
    "NOANSWER": Transfer.NO_ANSWER,
    "CANCEL": Transfer.NO_ANSWER,
}


class AgiDriver:
    """The verbs of `dialer.ivr.driver.CallDriver` over one AGI connection."""

    def __init__(self, agi: AgiConnection) -> None:
        self._agi = agi

    async def answer(self) -> None:
        if (await self._agi.command("ANSWER")).number < 0:
            raise CallEnded("the contact has hung up")

    async def stream(self, sound: Sound, *, stop_keys: str = "") -> str:
        reply = await self._agi.command("STREAM", "FILE", _path(sound), _keys(stop_keys), timeout_s=LONGEST_SOUND_S)
        if reply.number < 0:
            await self._ended_or_unplayable(sound)
        return reply.key

    async def get_data(self, sound: Sound | None, *, timeout_s: float, max_digits: int) -> Typed:
        limit_s = LONGEST_SOUND_S + timeout_s * (max_digits + 1)
        path = "" if sound is None else _path(sound)
        reply = await self._agi.command("GET", "DATA", path, _ms(timeout_s), max_digits, timeout_s=limit_s)
        if reply.result == "-1":
            await self._ended_or_unplayable(sound)
        keys = "".join(key for key in reply.result if key in ALL_KEYS)
        return Typed(keys=keys, hashed=reply.data != "timeout" and len(keys) < max_digits)

    async def wait_for_key(self, timeout_s: float) -> str:
        reply = await self._agi.command("WAIT", "FOR", "DIGIT", _ms(timeout_s), timeout_s=timeout_s + ANSWERS_WITHIN_S)
        if reply.number < 0:
            await self._ended_or_unplayable(None)
        return reply.key

    async def say_digits(self, digits: str) -> None:
        if (await self._agi.command("SAY", "DIGITS", digits, "", timeout_s=LONGEST_SOUND_S)).number < 0:
            await self._ended_or_unplayable(None)

    async def say_number(self, number: int) -> None:
        if (await self._agi.command("SAY", "NUMBER", number, "", timeout_s=LONGEST_SOUND_S)).number < 0:
            await self._ended_or_unplayable(None)

    async def record(self, path: str, *, max_s: float, silence_s: float, beep: bool, stop_keys: str) -> Recording:
        words: list[str | int] = ["RECORD", "FILE", path, "wav", _keys(stop_keys), _ms(max_s), *(["BEEP"] if beep else [])]
        silence = f"s={math.ceil(silence_s)}"
        # Who has said what they wanted hangs up: that ends a recording like any other way, and is no error.
        reply = await self._agi.command(*words, silence, timeout_s=max_s + ANSWERS_WITHIN_S, after_hangup=True)
        seconds = reply.endpos / SAMPLES_PER_S
        if reply.data == "dtmf" or reply.key:
            ended_by = "key"
        elif self._agi.hung_up or reply.data == "hangup":
            ended_by = "hangup"
        elif reply.number < 0:
            raise PlaybackFailed(f"the switch cannot record into {path}")
        else:
            ended_by = "limit" if seconds >= max_s - 0.5 else "silence"
        return Recording(path=f"{path}.wav", duration_s=seconds, ended_by=ended_by)

    async def transfer(self, target: Target, *, ring_timeout_s: float, max_talk_s: float) -> Transfer:
        ring_s, talk_s = math.ceil(min(ring_timeout_s, 600)), math.ceil(min(max_talk_s, 86_400))
        # The dialplan ends every call after a while, for the case that we are gone; this call may talk longer.
        await self._agi.command("SET", "AUTOHANGUP", ring_s + talk_s + 30)
        limit_s = ring_s + talk_s + 60.0
        if target.queue:
            await self._agi.command("EXEC", "Queue", f"{target.queue},c,,,{ring_s}", timeout_s=limit_s, after_hangup=True)
            if await self._variable("ABANDONED") == "TRUE":
                raise CallEnded("the contact hung up in the queue")
            return Transfer.CONNECTED if await self._variable("QUEUESTATUS") in ("", "CONTINUE") else Transfer.NO_ANSWER
        # The tag of a test network (tag_calls) names the attempt's own call; this leg is another one.
        await self._agi.command("SET", "VARIABLE", "CALLERID(name)", "")
        # Target has let nothing pass but digits and a plain name: no second leg, no option, no expansion.
        leg = f"PJSIP/{target.number}@{target.trunk},{ring_s},grS({talk_s})"
        await self._agi.command("EXEC", "Dial", leg, timeout_s=limit_s, after_hangup=True)
        result = DIAL_RESULTS.get(await self._variable("DIALSTATUS"), Transfer.FAILED)
        if self._agi.hung_up and result is not Transfer.CONNECTED:
            raise CallEnded("the contact hung up while it rang")
        return result

    async def wait_for_beep(self, max_s: float) -> bool:
        # A second and a half of silence: longer than the pause before a beep, so that the message starts after it.
        await self._agi.command("EXEC", "WaitForSilence", f"1500,1,{math.ceil(max_s)}", timeout_s=max_s + ANSWERS_WITHIN_S)
        if self._agi.hung_up:
            raise CallEnded("the machine has hung up")
        return await self._variable("WAITSTATUS") == "SILENCE"

    async def set_language(self, language: str) -> None:
        name, _, region = language.partition("-")
        await self._agi.command("SET", "VARIABLE", "CHANNEL(language)", f"{name}_{region.upper()}" if region else name)

    async def hand_over(self, place: str) -> None:
        if not PLACE.fullmatch(place):
            raise NoSuchDialplan(f"{place[:80]!r} is no context and extension")
        for wanted, missing in ((place, f"the switch's dialplan has no {place}"), (HANDED_OVER, NOT_OURS)):
            if await self._variable(f"DIALPLAN_EXISTS({wanted},1)") != "1":
                raise NoSuchDialplan(missing)
        # [outdial] goes there itself when this connection is closed, so that it also sees to the call's end.
        await self._agi.command("SET", "VARIABLE", "OUTDIAL_DIALPLAN", place)

    async def hangup(self) -> None:
        try:
            await self._agi.command("HANGUP", timeout_s=3.0)
        except CallEnded:
            return

    async def _variable(self, name: str) -> str:
        reply = await self._agi.command("GET", "VARIABLE", name, after_hangup=True)
        return reply.data if reply.number == 1 else ""

    async def _ended_or_unplayable(self, sound: Sound | None) -> NoReturn:
        """Asterisk says -1 for both. On a dead channel it writes HANGUP before it reads our next command, so ask anything."""
        await self._agi.command("NOOP")
        raise PlaybackFailed(f"the switch cannot play {sound.path if sound else 'its own sounds'}")


def _path(sound: Sound) -> str:
    if not sound.path.startswith("/") or ".." in sound.path or "&" in sound.path or len(sound.path) > 1024:
        raise BadInput("a sound is an absolute path", where="agi")
    return sound.path


def _keys(keys: str) -> str:
    if not set(keys) <= set(ALL_KEYS):
        raise BadInput(f"keys are some of {ALL_KEYS}", where="agi")
    return keys


def _ms(seconds: float) -> int:
    return max(1, round(seconds * 1000))

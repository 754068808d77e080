"""Read the handlers of a strategy: one reader for what all kinds share, and a few lines for each kind."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import time
from typing import Any

from dialer.domain.channel import Channel
from dialer.domain.strategy import (
    DONE,
    AddressRule,
    CallHandler,
    CustomHandler,
    EmailHandler,
    Handler,
    NoSuitableAddress,
    RetryCount,
    SmsHandler,
    Waiting,
)
from dialer.domain.wording import Wording
from dialer.services.marked_yaml import Mistakes, Table, suggest
from dialer.services.strategy_conditions import NUMBER, read_restrictions, read_senders
from dialer.services.strategy_messages import EMAIL_KEYS, SMS_KEYS, read_email, read_sms
from dialer.services.strategy_replies import REPLIES, RepliesReader
from dialer.services.strategy_results import NAME, ResultsReader, processor_name

_LONGEST_RING_S = 120.0
_LONGEST_WAIT_S = 90 * 24 * 3600.0
_LONGEST_ACTION_S = 300.0
_TIME = re.compile(r"([01]?[0-9]|2[0-4]):([0-5][0-9])")
_SHARED_KEYS = ("addresses", "no_suitable_address", "restrictions", "retry_count", "results", "wait", "processor", "default_code")


@dataclass(slots=True)
class HandlerReader:
    """Reads handlers. `known_codes`: the custom codes of the campaign, where they are known."""

    mistakes: Mistakes
    known_codes: Collection[str] | None
    wording: Wording
    publish: bool = False  # what the strategy says for all of them

    def read(self, kind: str, handler: Table, state: str, places: dict[str, int]) -> Handler | None:
        """The handler under one of KINDS; None when it is no table. Notes in `places` where its parts stand."""
        keys, build = _KINDS[kind]
        table = Table.read(handler.values[kind], handler.path(kind), self.mistakes, (*keys, *_SHARED_KEYS))
        return None if table is None else build(self, table, state, places)

    def call(self, table: Table, state: str, places: dict[str, int]) -> Handler:
        """Ring a contact."""
        places[f"{state}.ring_timeout_s"] = table.values.get("ring_timeout_s", table.node).start_mark.line + 1
        return CallHandler(
            ring_timeout_s=table.number("ring_timeout_s", 45.0, least=1, most=_LONGEST_RING_S),
            detect_machine=table.truth("detect_machine", True),
            detect_silence=table.truth("detect_silence", True),
            sender=NUMBER.check(table, "sender"),
            senders=read_senders(table, NUMBER),
            **self._shared(table, state, places, Channel.VOICE),
        )

    def sms(self, table: Table, state: str, places: dict[str, int]) -> Handler:
        """Send a text message."""
        return SmsHandler(**read_sms(table, state, places), **self._shared(table, state, places, Channel.SMS))

    def email(self, table: Table, state: str, places: dict[str, int]) -> Handler:
        """Send an email."""
        return EmailHandler(**read_email(table), **self._shared(table, state, places, Channel.EMAIL))

    def custom(self, table: Table, state: str, places: dict[str, int]) -> Handler:
        """Let a custom action make the attempt."""
        action = table.text("action", required=True)
        if table.has("action") and not NAME.fullmatch(action):
            table.bad("action", "must be the name of a custom action")
        return CustomHandler(
            action=action,
            parameters=table.texts("parameters"),
            time_limit_s=table.number("time_limit_s", 10.0, least=0.1, most=_LONGEST_ACTION_S),
            **self._shared(table, state, places, Channel.CUSTOM),
        )

    def _shared(self, table: Table, state: str, places: dict[str, int], channel: Channel) -> dict[str, Any]:
        restrictions, custom = read_restrictions(table)
        reader = ResultsReader(self.mistakes, self.known_codes, channel)
        results = reader.read(table, state, places, publish=self.publish)
        if table.has("default_code") and channel in (Channel.SMS, Channel.EMAIL):
            table.bad("default_code", "has no meaning here: gateways say how each message ended")
        places[f"{state}.{REPLIES}"] = table.values.get(REPLIES, table.node).start_mark.line + 1
        places[f"{state}.wait"] = table.values.get("wait", table.node).start_mark.line + 1
        return {
            "state": state,
            "addresses": tuple(self._addresses(table, required=channel is not Channel.CUSTOM)),
            "results": results.rows,
            "otherwise": results.otherwise,
            "publish": results.publish,
            "retry_count": RetryCount(_word(table, "retry_count", [one.value for one in RetryCount])),
            "restrictions": restrictions,
            "custom_restrictions": custom,
            "no_suitable_address": NoSuitableAddress(
                _word(table, "no_suitable_address", [one.value for one in NoSuitableAddress])
            ),
            "wait": self._wait(table),
            "processor": processor_name(table),
            "default_code": reader.default_code(table),
            "replies": RepliesReader(self.mistakes, reader, self.wording).read(table),
        }

    def _wait(self, handler: Table) -> Waiting:
        if not handler.has("wait"):
            return Waiting()
        table = Table.read(handler.values["wait"], handler.path("wait"), self.mistakes, ("for_s", "then"))
        if table is None:
            return Waiting()
        return Waiting(for_s=table.number("for_s", 24 * 3600.0, least=1, most=_LONGEST_WAIT_S), then=table.text("then", DONE))

    def _addresses(self, handler: Table, *, required: bool) -> list[AddressRule]:
        rules: list[AddressRule] = []
        for at, node in handler.items("addresses", required=required):
            table = Table.read(node, at, self.mistakes, ("attribute", "from", "to"))
            if table is None:
                continue
            name = table.text("attribute", required=True)
            if any(rule.name.casefold() == name.casefold() for rule in rules) and name:
                table.bad("attribute", f"{name!r} stands in this list a second time")
            opens, closes = _time(table, "from"), _time(table, "to")
            if opens is not None and opens == closes and table.text("to") != "24:00":
                table.bad("to", "the window is empty", 'the whole day is from "00:00" to "24:00"')
            rules.append(AddressRule(name=name, opens=opens or time(), closes=closes or time()))
        return rules


def _word(table: Table, key: str, words: list[str]) -> str:
    """One of the words; the first one when the key is not there or wrong."""
    word = table.text(key, words[0])
    if word not in words:
        table.bad(key, f"{word!r} is not known here", suggest(word, words))
        return words[0]
    return word


def _time(table: Table, key: str) -> time | None:
    text = table.text(key, required=True)
    if not table.has(key):
        return None
    found = _TIME.fullmatch(text)
    if found is None or (found[1] == "24" and (found[2] != "00" or key == "from")):
        table.bad(key, f"{text!r} is no time of day", 'write "08:00" (and "24:00" for the end of the day)')
        return None
    return time(int(found[1]) % 24, int(found[2]))  # 24:00 is the next midnight: a window up to it wraps to nothing


Build = Callable[[HandlerReader, Table, str, dict[str, int]], Handler]
_KINDS: Mapping[str, tuple[tuple[str, ...], Build]] = {  # the word in the file -> the keys of its own, and its reader
    "call": (("ring_timeout_s", "detect_machine", "detect_silence", "sender", "senders"), HandlerReader.call),
    "sms": ((*SMS_KEYS, REPLIES), HandlerReader.sms),
    "email": ((*EMAIL_KEYS, REPLIES), HandlerReader.email),
    "custom": (("action", "parameters", "time_limit_s"), HandlerReader.custom),
}
KINDS = tuple(_KINDS)

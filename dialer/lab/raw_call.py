"""Place one call on the lab's switch by hand, and tell what happens in plain words; no dialer takes part."""

from __future__ import annotations

import time
from collections.abc import Iterator

from dialer.domain.ids import new_attempt_id
from dialer.errors import BadInput
from dialer.lab.ami import AmiTalk
from dialer.lab.ready import SwitchAccess

CAUSES = {
    0: "ended by the switch",
    1: "the number does not exist",
    16: "hung up normally",
    17: "busy",
    18: "no answer from the network",
    19: "rang, and nobody answered",
    21: "refused",
    34: "no circuit is free",
    38: "the network is out of order",
}


def dialled(number: str) -> str:
    """The number, where it can be dialled: no other character ever reaches the switch. Raises BadInput."""
    if not (
        number.removeprefix("+").isascii() and number.removeprefix("+").isdigit() and 3 <= len(number.removeprefix("+")) <= 15
    ):
        raise BadInput(f"{number!r} cannot be dialled", where="NUMBER", mend="3 to 15 digits, with or without a plus sign")
    return number


def raw_call(switch: SwitchAccess, trunk: str, number: str, *, caller_id: str, agi: str, ring_s: float = 30.0) -> Iterator[str]:
    """One line for each thing that happens to the call, with the seconds since it was placed; ends when the call has ended.

    Where no FastAGI server listens on `agi`, who answers hears the switch's own apology.
    """
    attempt = new_attempt_id()
    with AmiTalk(switch.host, switch.port) as ami:
        ami.login(switch.username, switch.secret)
        begun = time.monotonic()
        answer = ami.action(
            "Originate",
            {
                "Channel": f"PJSIP/{dialled(number)}@{trunk}",
                "ChannelId": f"lab-{attempt}",
                "Context": "outdial",
                "Exten": "s",
                "Priority": "1",
                "Async": "true",
                "Timeout": str(int(ring_s * 1000)),
                "CallerID": f'"{attempt}" <{caller_id}>',
                "Variable": f"OUTDIAL_ATTEMPT={attempt},OUTDIAL_AGI={agi}",
            },
        )
        if answer.get("Response") != "Success":
            yield f"the switch refused to dial: {answer.get('Message')}"
            return
        yield f"dialling {number} (attempt {attempt})"
        while True:
            event = ami.wait_for(lambda event: event.get("Uniqueid") == f"lab-{attempt}", deadline=begun + ring_s + 600)
            if event is None:
                yield "the switch says no more about it"
                return
            after = f"{time.monotonic() - begun:6.2f} s  "
            match event.get("Event"), event.get("ChannelStateDesc"):
                case "Newstate", "Ringing":
                    yield f"{after}ringing"
                case "Newstate", "Up":
                    yield f"{after}answered"
                case "Hangup", _:
                    cause = int(event.get("Cause", "0"))
                    sip = f", SIP {event['TechCause']}" if event.get("TechCause") else ""
                    yield f"{after}ended: {CAUSES.get(cause, event.get('Cause-txt', 'unknown'))} (cause {cause}{sip})"
                    return

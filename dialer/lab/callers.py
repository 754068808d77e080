"""People who call in: the queues of the lab's switch, and how the carrier brings somebody there."""

from __future__ import annotations

import re

from dialer.errors import BadInput

QUEUES = ("support", "sales")
CONTEXT = "lab-incoming"  # where a call from the carrier comes out on the switch
OUTGOING = "callers"  # where the carrier's dialplan makes one
PERSON = "caller"  # and where the person is who calls
LONGEST_S = 120  # that somebody waits
_NUMBER = re.compile(r"\+?[0-9]{3,15}")
_ENDING = re.compile(r"[0-9]{2}")

QUEUES_CONF = "[general]\nautofill = yes\n" + "".join(
    f"\n[{name}]\nstrategy = leastrecent\ntimeout = 15\nretry = 1\nringinuse = no\njoinempty = yes\nleavewhenempty = no\n"
    for name in QUEUES
)
INCOMING = f"[{CONTEXT}]\n" + "".join(
    f"exten => {name},1,Answer()\n same => n,Queue({name},,,,{LONGEST_S})\n same => n,Hangup()\n" for name in QUEUES
)


def outgoing(switch: str) -> str:
    """The carrier's dialplan contexts for callers; `switch` is host:port."""
    return (
        f"[{OUTGOING}]\nexten => _[+0-9]!,1,Set(CALLERID(num)=${{CUT(EXTEN,-,1)}})\n"
        f" same => n,Dial(PJSIP/customer/sip:${{CUT(EXTEN,-,2)}}@{switch})\n same => n,Hangup()\n"
        f"[{PERSON}]\nexten => _[+0-9]!,1,Set(CALLED=${{FILTER(0-9,${{CUT(EXTEN,-,1)}})}})\n"
        f" same => n,Goto(phone,${{CUT(EXTEN,-,2)}},1)\n"
    )


def call_in(queue: str, number: str, ending: str) -> str:
    """What the carrier's console is told. Raises BadInput."""
    if queue not in QUEUES:
        raise BadInput(f"the lab has no queue {queue!r}", where="queue", mend=f"one of: {', '.join(QUEUES)}")
    if not _NUMBER.fullmatch(number) or not _ENDING.fullmatch(ending):
        raise BadInput(f"{number!r} cannot call", where="number", mend="3 to 15 digits, with or without a plus sign")
    return f"channel originate Local/{number}-{queue}@{OUTGOING} extension {number}-{ending}@{PERSON}"

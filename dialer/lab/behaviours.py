"""What the people of the synthetic phone network do, by the last two digits of their number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dialer.domain.codes import SystemCode

INTERESTED = "Interested in Blood Donation"
NOT_INTERESTED = "Not interested in Blood Donation"
ANY_OTHER = "XX"  # the row for every ending that has no row of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """One row: a number's ending, what the callee does, and the code that an attempt on it must end with.

    `code` is what the shipped blood-donation campaign records. A row with `amd` is told apart by the answering-machine
    detector only: without it the call is an answered one, and `code_without_amd` is what the app then finds.
    `cause` and `sip` are the Q.850 cause and the SIP status at hang-up, 16 and None for a call that was answered.
    """

    ending: str
    name: str  # the word in the truth log
    does: str
    code: str
    steps: tuple[str, ...]  # the carrier's dialplan
    amd: bool = False
    code_without_amd: str = ""
    cause: int = 16
    sip: int | None = None

    @property
    def answers(self) -> bool:
        return self.sip is None and self.code != SystemCode.RING_NO_ANSWER


# A person says hello, so that a detector hears one, and then listens: WaitForNoise returns when a prompt begins, however
# late a detector on our side let it begin. A key comes while the prompt plays; if sound goes on, because the key was not
# taken or was a wrong one, the person presses again.
HELLO = ("Answer(,i)", "Playback(hello)")
HEAR = "WaitForNoise(200,1,20)"  # until 200 ms of sound
TRIES = 8


def _person(*steps: str) -> tuple[str, ...]:
    return (*HELLO, HEAR, *steps)


def _presses(first: str, again: str | None = None) -> tuple[str, ...]:
    steps = [*_person("Wait(1)"), f"SendDTMF({first})"]
    for _ in range(TRIES - 1):
        steps += ["Wait(0.7)", HEAR, "Wait(0.5)", f"SendDTMF({again or first})"]
    return (*steps, "Wait(60)", "Hangup()")


def _moody(ending: str, name: str, does: str, rings_when: str) -> Behaviour:
    """A callee who is busy, and rings when the number of the call compares so: retries have something to be told apart by."""
    count = "GLOBAL(CALLS_${CALLED})"
    return Behaviour(
        ending=ending,
        name=name,
        does=does,
        code=SystemCode.CALL_BUSY,
        steps=(f"Set({count}=$[0${{{count}}} + 1])", f"GotoIf($[${{{count}}} {rings_when}]?11,1)", "PJSIPHangup(486)"),
        cause=17,
        sip=486,
    )


BEHAVIOURS: tuple[Behaviour, ...] = (
    Behaviour(
        ending="00",
        name="listens",
        does="answers, says hello, presses nothing",
        code=SystemCode.NO_INPUT,
        steps=_person("Wait(180)", "Hangup()"),
    ),
    Behaviour(
        ending="01", name="presses-1", does="answers, listens for a second, presses 1", code=INTERESTED, steps=_presses("1")
    ),
    Behaviour(
        ending="02", name="presses-2", does="answers, listens for a second, presses 2", code=NOT_INTERESTED, steps=_presses("2")
    ),
    Behaviour(
        ending="03",
        name="wrong-then-1",
        does="answers, presses 7, and 1 at the next prompt",
        code=INTERESTED,
        steps=_presses("7", again="1"),
    ),
    Behaviour(
        ending="04",
        name="presses-1-at-once",
        does="answers and presses 1 as soon as a prompt begins",
        code=INTERESTED,
        steps=(*_person("SendDTMF(1)"), "Wait(60)", "Hangup()"),
    ),
    Behaviour(
        ending="05",
        name="hangs-up-mid-prompt",
        does="answers and hangs up one second into the prompt",
        code=SystemCode.DISCONNECTED_BY_USER,
        steps=_person("Wait(1)", "Hangup()"),
    ),
    Behaviour(
        ending="06",
        name="hangs-up-at-once",
        does="answers and hangs up within 5 ms",
        code=SystemCode.DISCONNECTED_BY_USER,
        steps=("Answer(,i)", "Hangup()"),
    ),
    Behaviour(
        ending="07",
        name="presses-7",
        does="answers and presses 7, a key that means nothing, at every prompt",
        code=SystemCode.NO_MATCH,
        steps=_presses("7"),
    ),
    Behaviour(
        ending="09",
        name="presses-9",
        does="answers, listens for a second, presses 9",
        code=SystemCode.OPTED_OUT,
        steps=_presses("9"),
    ),
    Behaviour(
        ending="10",
        name="busy",
        does="is busy (486)",
        code=SystemCode.CALL_BUSY,
        steps=("PJSIPHangup(486)",),
        cause=17,
        sip=486,
    ),
    Behaviour(
        ending="11",
        name="rings",
        does="rings for ever",
        code=SystemCode.RING_NO_ANSWER,
        steps=("Ringing()", "Wait(600)", "Hangup()"),
        cause=19,
    ),
    Behaviour(
        ending="12",
        name="unallocated",
        does="does not exist (404)",
        code=SystemCode.INVALID_NUMBER,
        steps=("PJSIPHangup(404)",),
        cause=1,
        sip=404,
    ),
    Behaviour(
        ending="13",
        name="congestion",
        does="cannot be reached: no circuit (503)",
        code=SystemCode.NETWORK_CONGESTION,
        steps=("PJSIPHangup(503)",),
        cause=34,
        sip=503,
    ),
    Behaviour(
        ending="14",
        name="declines",
        does="rings, and the callee declines (603)",
        code=SystemCode.CALL_REJECTED,
        steps=("Ringing()", "Wait(0.5)", "PJSIPHangup(603)"),
        cause=21,
        sip=603,
    ),
    Behaviour(
        ending="15",
        name="forbidden",
        does="the carrier refuses us (403)",
        code=SystemCode.NETWORK_REFUSAL,
        steps=("PJSIPHangup(403)",),
        cause=21,
        sip=403,
    ),
    Behaviour(
        ending="16",
        name="early-media-busy",
        does="the network talks before it is answered, then it is busy (183, 486)",
        code=SystemCode.CALL_BUSY,
        steps=("Progress()", "Playback(all-circuits-busy-now,noanswer)", "PJSIPHangup(486)"),
        cause=17,
        sip=486,
    ),
    Behaviour(
        ending="17",
        name="network-error",
        does="the network fails (500)",
        code=SystemCode.NETWORK_ERROR,
        steps=("PJSIPHangup(500)",),
        cause=38,
        sip=500,
    ),
    Behaviour(
        ending="20",
        name="machine",
        does="an answering machine: a greeting of five seconds, a beep, then it records",
        code=SystemCode.MESSAGE_LEFT,
        steps=("Answer(,i)", "Playback(vm-nobodyavail&vm-leavemsg)", "Playback(beep)", "Wait(180)", "Hangup()"),
        amd=True,
        code_without_amd=SystemCode.NO_INPUT,
    ),
    Behaviour(
        ending="21",
        name="silence",
        does="answers, and nobody speaks",
        code=SystemCode.SILENCE_DETECTED,
        steps=("Answer(,i)", "Wait(60)", "Hangup()"),
        amd=True,
        code_without_amd=SystemCode.NO_INPUT,
    ),
    Behaviour(
        ending="23",
        name="dead-air",
        does="answers, and not even silence is sent: no RTP at all",
        code=SystemCode.SILENCE_DETECTED,
        steps=("Answer(,i)", "WaitExten(60)", "Hangup()"),
        amd=True,
        code_without_amd=SystemCode.NO_INPUT,
    ),
    Behaviour(
        ending="22",
        name="fax",
        does="a fax machine: its calling tone (1100 Hz, 0.5 s every 3.5 s)",
        code=SystemCode.FAX,
        steps=("Answer(,i)", "Playtones(1100/500,0/3000)", "Wait(60)", "Hangup()"),
        amd=True,
        code_without_amd=SystemCode.NO_INPUT,
    ),
    Behaviour(
        ending="30",
        name="stays",
        does="an agent's phone: answers and stays on the line",
        code=SystemCode.NO_INPUT,
        steps=("Answer(,i)", "Playback(hello)", "Wait(3600)", "Hangup()"),
    ),
    _moody(
        "50", "busy-busy-rings-busy", "is busy; at the third call it rings for ever, from the fourth on it is busy again", "= 3"
    ),
    _moody("51", "busy-busy-rings", "is busy at the first two calls; from the third on it rings for ever", "> 2"),
    Behaviour(
        ending=ANY_OTHER,
        name="presses-1",
        does="every other ending: as 01, answers, listens for a second, presses 1",
        code=INTERESTED,
        steps=_presses("1"),
    ),
)

_BY_ENDING = {row.ending: row for row in BEHAVIOURS}


def behaviour_of(number: str) -> Behaviour:
    """What the callee with this number does."""
    return _BY_ENDING.get(number[-2:], _BY_ENDING[ANY_OTHER])


def dialplan(rows: Sequence[Behaviour] = BEHAVIOURS) -> str:
    """The rows as the carrier's dialplan context `callee`, one extension for each ending."""
    lines = ["[callee]"]
    for row in rows:
        pattern = f"_{row.ending}" if row.ending == ANY_OTHER else row.ending
        first, *rest = row.steps
        lines.append(f"exten => {pattern},1,{first}")
        lines += [f" same => n,{step}" for step in rest]
    return "\n".join(lines) + "\n"


def markdown_table(rows: Sequence[Behaviour] = BEHAVIOURS) -> str:
    """The rows as the table of docs/lab.md; a test keeps the document in step."""
    lines = ["| ends in | the callee | code | without AMD | cause / SIP |", "|---|---|---|---|---|"]
    for row in rows:
        ending = "any other" if row.ending == ANY_OTHER else row.ending
        sip = f"{row.cause} / {row.sip}" if row.sip else str(row.cause)
        lines.append(f"| {ending} | {row.does} | {row.code} | {row.code_without_amd or 'the same'} | {sip} |")
    return "\n".join(lines) + "\n"

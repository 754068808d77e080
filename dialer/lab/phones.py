"""Telephones that are no callees of a campaign: agents' phones, and people with a voice, so that it can be told who hears whom.

Their numbers begin with +1999; the last two digits say what they do. A voice is a tone; whoever has one, or is all ears, listens
for each voice in turn, and the carrier writes down whom they hear.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

RANGE = "+1999"
VOICES = {"01": 500, "02": 700, "03": 1300, "04": 1800}  # Hz
MUSIC, MUSIC_HZ = "music", 400  # what the lab's switch plays to those who are held
PERSON, MACHINE, MOODY = "40", "41", "42"  # the people whom a floor of agents calls
AGENT, AGENT_HZ = "45", 600
ANSWERS = "ANSWERS"  # the carrier's variable: which percentage of the moody answers now
RINGS = "Wait(${CALLED:-4:1}.${CALLED:-3:1})"
ANSWERED, SOUND = "answered", "sound"  # a person writes down: that they have answered, and the first that they hear
LISTEN_S = 0.25  # for one voice after the other
OF_TONE = {str(tone): ending for ending, tone in VOICES.items()} | {str(MUSIC_HZ): MUSIC}


@dataclass(frozen=True, slots=True, kw_only=True)
class Phone:
    """One row: a number's ending, what the phone does, and the carrier's dialplan for it."""

    ending: str
    does: str
    steps: tuple[str, ...]


PHONES: tuple[Phone, ...] = (
    *(
        Phone(
            ending=ending,
            does=f"answers, and speaks without end ({tone} Hz); listens for other voices meanwhile",
            steps=("Answer(,i)", f"Playtones({tone})", f"Set(VOICE={tone})", "Goto(ears,1)"),
        )
        for ending, tone in VOICES.items()
    ),
    Phone(
        ending="05",
        does="answers, and is all ears: silent, and listens for voices",
        steps=("Answer(,i)", "Goto(ears,1)"),
    ),
    Phone(ending="06", does="answers, and writes down the keys that it hears", steps=("Answer(,i)", "Goto(keys,1)")),
    Phone(
        ending="07",
        does="answers, and presses the keys 4 and # every second",
        steps=("Answer(,i)", "Wait(1)", "SendDTMF(4#,100)", "Goto(2)"),
    ),
    Phone(
        ending="08",
        does=f"answers, speaks ({VOICES['03']} Hz), and hangs up after four seconds",
        steps=("Answer(,i)", f"Playtones({VOICES['03']})", "Wait(4)", "Hangup()"),
    ),
    Phone(ending="10", does="is busy (486)", steps=("PJSIPHangup(486)",)),
    Phone(ending="11", does="rings for ever", steps=("Ringing()", "Wait(600)", "Hangup()")),
    Phone(ending="14", does="rings, and declines (603)", steps=("Ringing()", "Wait(0.5)", "PJSIPHangup(603)")),
    Phone(ending="20", does="answers, and hangs up after two seconds", steps=("Answer(,i)", "Wait(2)", "Hangup()")),
    Phone(ending="21", does="answers, and hangs up after five seconds", steps=("Answer(,i)", "Wait(5)", "Hangup()")),
    Phone(
        ending=PERSON,
        does="a person: rings as many tenths of a second as the two digits before say, answers, says hello and stays",
        steps=("Ringing()", RINGS, "Answer(,i)", "Goto(person,1)"),
    ),
    Phone(
        ending=MACHINE,
        does="rings in the same way, then an answering machine",
        steps=("Ringing()", RINGS, "Answer(,i)", "Playback(vm-nobodyavail&vm-leavemsg&beep)", "Wait(60)", "Hangup()"),
    ),
    Phone(
        ending=MOODY,
        does="as 40 if the two digits before the ringing are less than the percentage that answers (`Lab.let_answer`); else 11",
        steps=(f"GotoIf($[${{CALLED:-6:2}} < 0${{{ANSWERS}}}]?{PERSON},1:11,1)",),
    ),
    Phone(
        ending=AGENT,
        does=f"an agent's phone: answers, and speaks without end ({AGENT_HZ} Hz)",
        steps=("Answer(,i)", f"Playtones({AGENT_HZ})", "Wait(86400)", "Hangup()"),
    ),
    Phone(ending="XX", does="every other ending: answers and stays", steps=("Answer(,i)", "Wait(86400)", "Hangup()")),
)


def floor_number(serial: int, rings_s: float, ending: str) -> str:
    """The number of a person or machine that rings for so long, 9.9 s at most."""
    return f"{RANGE}{serial % 100_000:05}{_tenths(rings_s)}{ending}"


def moody_number(serial: int, draw: int, rings_s: float) -> str:
    """The number of somebody who answers as long as more than `draw` percent (0 to 99) do, and rings for so long before."""
    return f"{RANGE}{serial % 100_000:05}{draw:02}{_tenths(rings_s)}{MOODY}"


def _tenths(rings_s: float) -> str:
    return f"{min(99, max(0, round(rings_s * 10))):02}"


def dialplan(heard: Path) -> str:
    """The rows as the carrier's dialplan context `phone`. What is heard goes to the file `heard`."""
    note = f"Set(FILE({heard},,,al,u)=${{STRFTIME(,UTC,%Y-%m-%dT%H:%M:%S.%3q)}}|${{CALLED}}|"
    lines = ["[phone]"]
    for row in PHONES:
        pattern = f"_{row.ending}" if row.ending == "XX" else row.ending
        first, *rest = row.steps
        lines.append(f"exten => {pattern},1,{first}")
        lines += [f" same => n,{step}" for step in rest]
    lines.append("exten => ears,1,NoOp()")
    for tone in (*VOICES.values(), MUSIC_HZ):
        after = f"after{tone}"
        lines += [
            f' same => n,GotoIf($["${{VOICE}}" = "{tone}"]?{after})',
            f" same => n,Set(TONE_DETECT({tone},100,r)=)",
            f" same => n,Wait({LISTEN_S})",
            " same => n,Set(TIMES=${TONE_DETECT(rx)})",
            " same => n,Set(TONE_DETECT(0,,x)=)",
            f" same => n,GotoIf($[0${{TIMES}} = 0]?{after})",
            f" same => n,{note}{tone})",
            f" same => n({after}),NoOp()",
        ]
    lines.append(" same => n,Goto(1)")
    lines += ["exten => keys,1,Read(KEY,,1,,1,60)", ' same => n,GotoIf($["${KEY}" = ""]?1)', f" same => n,{note}key ${{KEY}})"]
    lines.append(" same => n,Goto(1)")
    lines += [
        f"exten => person,1,{note}{ANSWERED})",
        " same => n,Playback(hello)",
        " same => n,WaitForNoise(20,1,30)",
        """ same => n,GotoIf($["${WAITSTATUS}" != "NOISE"]?stays)""",
        f" same => n,{note}{SOUND})",
        " same => n(stays),Wait(3600)",
        " same => n,Hangup()",
    ]
    return "\n".join(lines) + "\n"


def markdown_table() -> str:
    """The rows as a table of docs/lab.md; a test keeps the document in step."""
    lines = ["| ends in | the phone |", "|---|---|"]
    lines += [f"| {'any other' if row.ending == 'XX' else row.ending} | {row.does} |" for row in PHONES]
    return "\n".join(lines) + "\n"

"""Places where a test can make the dialer die, sleep or fail; off unless OUTDIAL_FAIL is set.

OUTDIAL_FAIL=K3:kill9        kill this process with SIGKILL the first time that it comes to K3
OUTDIAL_FAIL=K3:kill9@5      ... the fifth time
OUTDIAL_FAIL=K8:sleep=2.5    block there for 2.5 seconds, every time
OUTDIAL_FAIL=K2:raise        raise RuntimeError there, once

K0 contacts selected, claim not committed    K5 ringing
K1 claimed, intent not committed             K6 answered, the app not yet connected
K2 intent on disk, nothing written           K7 inside the IVR app
K3 order written, no response yet            K8 hung up, code not committed
K4 order accepted by the switch              K9 code committed
M0 a message written down, not handed over   M2 news of it on disk, its provider not told so
M1 its gateway has it, nobody noted it       M3 a message to us on disk, its provider not told so
M4 a gateway has our answer, nobody noted it
W1 results told to a target, not yet noted

In the process that reads a data source:
R0 a batch written, not committed            R2 every row committed, the run not ended
R1 a batch committed                         R3 contacts deleted before, not committed

In the process that archives and purges:
P0 a file of the archive half written        P2 some of its rows removed
P1 it is whole, nothing is removed
"""

from __future__ import annotations

import os
import signal
import time

NAMES = (
    "K0",
    "K1",
    "K2",
    "K3",
    "K4",
    "K5",
    "K6",
    "K7",
    "K8",
    "K9",
    "M0",
    "M1",
    "M2",
    "M3",
    "M4",
    "R0",
    "R1",
    "R2",
    "R3",
    "W1",
    "P0",
    "P1",
    "P2",
)


class _Failpoint:
    def __init__(self, text: str) -> None:
        self.name, _, rest = text.partition(":")
        action, _, count = rest.partition("@")
        self.action, _, argument = action.partition("=")
        self.argument = float(argument or 0)
        self.left = int(count or 1)
        if self.name not in NAMES or self.action not in {"kill9", "sleep", "raise"}:
            raise SystemExit(f"OUTDIAL_FAIL: {text!r} is not NAME:kill9|sleep=S|raise[@N] with NAME one of {', '.join(NAMES)}")

    def hit(self) -> None:
        if self.action == "sleep":
            time.sleep(self.argument)
            return
        self.left -= 1
        if self.left == 0:
            if self.action == "kill9":
                os.kill(os.getpid(), signal.SIGKILL)
            raise RuntimeError(f"failpoint {self.name}")


_armed = _Failpoint(os.environ["OUTDIAL_FAIL"]) if os.environ.get("OUTDIAL_FAIL") else None


def hit(name: str) -> None:
    """Come to a failpoint."""
    if _armed is not None and _armed.name == name:
        _armed.hit()

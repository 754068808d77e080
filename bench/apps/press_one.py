"""Ask for one key with one short prompt, and write down when the prompt was ordered."""

from __future__ import annotations

import os
import time

from dialer import Call, Outcome, ivr_app

PROMPTED = os.open(os.environ.get("BENCH_PROMPTED", os.devnull), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


@ivr_app("press_one", codes={"Interested"})
async def press_one(call: Call) -> Outcome:
    """1 is yes; one try."""
    os.write(PROMPTED, f"{call.contact.user_contact_id}|{time.time():.6f}\n".encode())
    match await call.menu("press_one.ask", keys="1", tries=1, timeout_s=8):
        case "1":
            return Outcome("Interested")
        case Outcome() as unanswered:
            return unanswered
    return Outcome.NO_INPUT

"""Offer the contact never to be called again."""

from __future__ import annotations

from dialer import Call, Outcome, ivr_app


@ivr_app("opt_out")
async def opt_out(call: Call) -> Outcome:
    """Press 9 never to be called again; anything else, or silence, changes nothing."""
    answer = await call.menu("opt_out.ask", keys="9", tries=2, timeout_s=6)
    if isinstance(answer, Outcome):
        return answer
    await call.pdc.opt_out("pressed 9")
    await call.play("opt_out.done", barge_in=False)
    return Outcome.OPTED_OUT

"""Write something down before anything is asked."""

from __future__ import annotations

from dialer import Call, Outcome, ivr_app


@ivr_app("keeps", codes={"Interested in Blood Donation"})
async def keeps(call: Call) -> Outcome:
    """Remember that the contact was reached, then ask as ever."""
    await call.pdc.set_attribute("donor", "reached")
    if await call.menu("blood_donation.ask", keys="1", tries=1, timeout_s=6) == "1":
        return Outcome("Interested in Blood Donation")
    return Outcome.NO_INPUT

"""Keep the contact on the line for a while, then take it for a yes."""

from __future__ import annotations

from dialer import Call, Outcome, ivr_app


@ivr_app("holds", codes={"Interested in Blood Donation"})
async def holds(call: Call) -> Outcome:
    """Wait for as many seconds as the strategy says."""
    await call.wait(float(call.parameters.get("seconds", "5")))
    return Outcome("Interested in Blood Donation")

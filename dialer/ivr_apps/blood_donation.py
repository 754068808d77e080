"""Ask donors whether they will come to give blood."""

from __future__ import annotations

from dialer import Call, Outcome, ivr_app


@ivr_app("blood_donation", codes={"Interested in Blood Donation", "Not interested in Blood Donation"})
async def blood_donation(call: Call) -> Outcome:
    """Ask a donor to come: 1 yes, 2 no, 9 never call again."""
    match await call.menu("blood_donation.ask", keys="129", tries=3, timeout_s=6):
        case "1":
            await call.pdc.set_attribute("donor", "yes")
            return Outcome("Interested in Blood Donation")
        case "2":
            return Outcome("Not interested in Blood Donation")
        case "9":
            await call.pdc.opt_out("pressed 9")
            return Outcome.OPTED_OUT
    return Outcome.NO_INPUT

"""Ask whether somebody will come to their appointment."""

from __future__ import annotations

from dialer import Call, Outcome, ivr_app


@ivr_app("appointment", codes={"Confirmed", "Wants Another Day"})
async def appointment(call: Call) -> Outcome:
    """Remind of an appointment: 1 yes, 2 another day, 9 never call again. It speaks the contact's attribute `appointment`."""
    match await call.menu("appointment.ask", keys="129", tries=3, timeout_s=6):
        case "1":
            await call.play("appointment.confirmed", barge_in=False)
            return Outcome("Confirmed")
        case "2":
            await call.play("appointment.another_day", barge_in=False)
            return Outcome("Wants Another Day")
        case "9":
            await call.pdc.opt_out("pressed 9")
            return Outcome.OPTED_OUT
        case Outcome() as unanswered:
            return unanswered
    return Outcome.NO_INPUT

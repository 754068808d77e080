"""Say whatever is in the contact's fields, and hand it to every verb that takes a text."""

from __future__ import annotations

import contextlib

from dialer import Call, Outcome, ivr_app
from dialer.errors import OutdialError


@ivr_app("parrot", codes={"Interested in Blood Donation"})
async def parrot(call: Call) -> Outcome:
    """Trust nobody's input, and pass it on as it is."""
    wild = call.contact.attributes["first_name"]
    await call.say("Hello ${first_name}, ${donor}.")
    for verb in (
        lambda: call.say(wild),
        lambda: call.play(wild),
        lambda: call.say_digits(wild),
        lambda: call.set_language(wild),
        lambda: call.record(wild, max_s=1),
        lambda: call.transfer(wild),
    ):
        with contextlib.suppress(OutdialError, ValueError):
            await verb()
    await call.say("Goodbye.")
    return Outcome("Interested in Blood Donation")

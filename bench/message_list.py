"""People who get a message and say nothing, and the campaign that writes to them."""

from __future__ import annotations

import asyncio
import os

from dialer.domain.campaign import Pace, PaceUnit
from dialer.domain.codes import CustomCode
from dialer.domain.contact import NewAddress, NewContact
from dialer.domain.ids import OrgId
from dialer.services.campaigns import NewCampaign, create_campaign, save_strategy
from dialer.services.codes import create_code
from dialer.store.store import Store, Tx

OURS = "+15550100000"
TEXT = "Hello ${first_name}, will you give blood on Tuesday? Answer 1 for yes."
STRATEGIES = {
    "sms": f"""\
strategy: bench
status: completed
handlers:
  - state: initial
    sms:
      addresses: [{{attribute: mobile, from: "00:00", to: "24:00"}}]
      text: "{TEXT}"
      results: {{otherwise: done}}
""",
    "email": """\
strategy: bench
status: completed
handlers:
  - state: initial
    email:
      addresses: [{attribute: email, from: "00:00", to: "24:00"}]
      subject: "Will you come, ${first_name}?"
      text: "Hello ${first_name}, we need you in ${city} on Tuesday."
      html: "<p>Hello <b>${first_name}</b>, we need you in ${city} on Tuesday.</p>"
      results: {otherwise: done}
""",
}
CHANNEL = {"twilio": "sms", "smpp": "sms", "email": "email"}


async def prepared(store: Store, name: str, count: int, *, strategy: str = "", codes: tuple[str, ...] = ()) -> OrgId:
    """A list of people who get a message and say nothing, and a campaign over it: the usual one, or of this strategy."""
    await asyncio.to_thread(store.migrate)
    org = await store.write(lambda tx: tx.organisations.ensure("default"))
    for code in codes:
        await create_code(store, org, CustomCode(name=code))
    people = [
        NewContact(
            user_contact_id=f"p{index}",
            attributes={"first_name": "Zoë", "city": "Köln"},
            addresses=(
                NewAddress(name="mobile", value=f"+1555{index:06}45", zones=("UTC",)),
                NewAddress(name="email", value=f"person-{index}-45@lab.test", zones=("UTC",), channel="email"),
            ),
        )
        for index in range(count)
    ]

    def work(tx: Tx) -> None:
        made = tx.contact_lists(org).create("People", ["mobile", "email", "first_name", "city"])
        tx.contacts(org).upsert_batch(made.id, people)

    await store.write(work)
    await save_strategy(store, org, strategy or STRATEGIES[CHANNEL[name]])
    pace = Pace(calls=1000, per=PaceUnit.SECOND, max_ports=int(os.environ.get("BENCH_PORTS", "200")))
    campaign = NewCampaign(name="Bench", strategy="bench", contact_lists=("People",), pace=pace, codes=codes)
    await create_campaign(store, org, campaign)
    return org

"""A small strategy and the things that a campaign with it needs."""

from __future__ import annotations

from dialer.domain.campaign import Campaign
from dialer.domain.codes import CustomCode
from dialer.domain.contact import NewAddress, NewContact
from dialer.domain.ids import OrgId
from dialer.services.campaigns import NewCampaign, create_campaign, save_strategy
from dialer.services.codes import create_code
from dialer.store.store import Store, Tx

STRATEGY = """\
strategy: ask
status: completed
handlers:
  - state: initial
    call:
      addresses:
        - {attribute: mobile, from: "00:00", to: "24:00"}
      results:
        otherwise: done
        Answer Human: {app: press1}
        Call Busy: {retry: {count: 2, intervals_s: [30, 60]}}
        Interested: {next_state: done}
"""


def put_donors(tx: Tx, org_id: OrgId, count: int = 3) -> None:
    """Put some contacts on the list "Donors"."""
    rows = [
        NewContact(user_contact_id=f"d{i}", addresses=(NewAddress(name="mobile", value=f"+1555010{i:04d}", zones=("UTC",)),))
        for i in range(count)
    ]
    made = tx.contact_lists(org_id).ensure("Donors", ["city"])
    tx.contacts(org_id).upsert_batch(made.id, rows)


async def ready_campaign(store: Store, org_id: OrgId, name: str = "Blood") -> Campaign:
    """Define a campaign over three contacts, with everything that it needs."""
    await store.write(lambda tx: put_donors(tx, org_id))
    await save_strategy(store, org_id, STRATEGY)
    await create_code(store, org_id, CustomCode(name="Interested"))
    new = NewCampaign(name=name, strategy="ask", contact_lists=("donors",), codes=("interested",), finish_after={"INTERESTED": 2})
    return await create_campaign(store, org_id, new)


def donor(index: int, **changes: str) -> NewContact:
    """Give a contact with two addresses; `changes` are attributes."""
    return NewContact(
        user_contact_id=f"d{index}",
        language="en",
        time_zone="",
        attributes={"city": "Ankara"} | changes,
        addresses=(
            NewAddress(name="mobile", value=f"+1555010010{index}", zones=("America/New_York", "America/Toronto")),
            NewAddress(name="home", value=f"+1555010020{index}", zones=("America/New_York",)),
        ),
    )

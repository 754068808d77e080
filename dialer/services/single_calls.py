"""Call one number with one IVR app, as a test of both: a job of its own with everything that a job has."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime

from dialer.domain.campaign import Job, Pace, PaceUnit
from dialer.domain.codes import SYSTEM_NAME_KEYS, CustomCode, name_key
from dialer.domain.contact import ANY_ATTRIBUTE, NewAddress, NewContact
from dialer.domain.ids import OrgId
from dialer.errors import BadInput
from dialer.services.campaigns import NewCampaign, create_campaign, save_strategy
from dialer.services.jobs import start_campaign
from dialer.services.phone import NoNumber, normalise
from dialer.store.store import Store, Tx

# The operator is at the telephone: no detector, any hour, and no second try.
STRATEGY = """\
strategy: single_call
status: completed
handlers:
  - state: initial
    call:
      detect_machine: false
      addresses: [{{attribute: phone, from: "00:00", to: "24:00"}}]
      results:
        otherwise: done
        Call Answered: {treatment}
"""


async def start_single_call(
    store: Store,
    org_id: OrgId,
    *,
    app: str,
    number: str,
    region: str,
    codes: Collection[str],
    parameters: Mapping[str, str],
    now: datetime,
    by: str,
) -> Job:
    """Queue a job that calls `number` once. The DNC list holds here too. Raises BadInput for what is no telephone number."""
    found = normalise(number, region)
    if isinstance(found, NoNumber):
        raise BadInput(f"{number!r}: {found.reason}", where="NUMBER", mend="a number with its country code, such as +15550100123")
    custom = [code for code in codes if name_key(code) not in SYSTEM_NAME_KEYS]
    name = f"Single call {now:%Y-%m-%d %H:%M:%S.%f}"
    contact = NewContact(
        user_contact_id=found.e164,
        attributes=dict(parameters),
        addresses=(NewAddress(name="phone", value=found.e164, zones=found.zones or ("UTC",)),),
    )

    def work(tx: Tx) -> None:
        for code in custom:
            if tx.codes(org_id).find(code) is None:
                tx.codes(org_id).create(CustomCode(name=code, description=f"set by the app {app}"))
        people = tx.contact_lists(org_id).create(name, ["phone", *parameters, ANY_ATTRIBUTE])
        tx.contacts(org_id).upsert_batch(people.id, [contact], "update")

    await store.write(work)
    treatment = json.dumps({"app": app, "parameters": dict(parameters)})  # JSON is YAML, with everything quoted
    strategy = await save_strategy(store, org_id, STRATEGY.format(treatment=treatment), "single call")
    await create_campaign(
        store,
        org_id,
        NewCampaign(
            name=name,
            strategy=strategy.name,
            contact_lists=(name,),
            codes=tuple(custom),
            pace=Pace(calls=1, per=PaceUnit.SECOND, max_ports=1),
        ),
    )
    return await start_campaign(store, org_id, name, by=by)

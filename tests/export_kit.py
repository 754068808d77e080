"""A job that has called three people, for tests of what goes out and what goes away."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

from dialer.domain.attempt import AttemptState
from dialer.domain.attributes import AttributeDefinition
from dialer.domain.contact import NewAddress, NewContact
from dialer.domain.ids import AttemptId, OrgId
from dialer.services.codes import edit_code
from dialer.services.finishing import complete
from dialer.store.store import Store, Tx
from tests.launch_kit import Launch

AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
NAMES = {"d0": "Zoë Çelik 🦀", "d1": "=1+1", "d2": 'O"Neil; a,b\tc', "d9": "Nobody"}
IBAN = "TR330006100519786457841326"


async def called_job(store: Store, org_id: OrgId, *, name: str = "Blood", at: datetime = AT) -> Launch:
    """A campaign that has called d0 (interested, a success), d1 (busy) and d2 (the call never left); d9 it did not come to.

    Names that a careless program would spoil, a masked attribute, and one that is called like a column.
    """
    launch = await Launch.ready(store, org_id, name=name)
    await store.write(lambda tx: _people(tx, org_id))
    await edit_code(store, org_id, "Interested", is_success=True)
    for one in (await launch.run(at, 3)).to_place:
        match one.address[-1]:
            case "0":
                await store.write(lambda tx, one=one.id: _answer(tx, one, at + timedelta(seconds=7)))  # type: ignore[misc]
                await launch.end(one.id, "Answer Human", at + timedelta(seconds=20))
            case "1":
                await launch.end(one.id, "Call Busy", at + timedelta(seconds=3))
            case _:
                await launch.end(one.id, "Not Launched", at)
    return launch


def _people(tx: Tx, org_id: OrgId) -> None:
    list_id = tx.contact_lists(org_id).ensure("Donors", ["name", "iban", "code"]).id
    home = (NewAddress(name="home", value="+15550109999", zones=("UTC",)),)
    rows = [
        NewContact(
            user_contact_id=one, attributes={"name": name, "iban": IBAN, "code": "own"}, addresses=home if one == "d9" else ()
        )
        for one, name in NAMES.items()
    ]
    tx.contacts(org_id).upsert_batch(list_id, rows)
    tx.contact_rules(org_id).define(AttributeDefinition(name="iban", masked=True))


def _answer(tx: Tx, attempt_id: AttemptId, at: datetime) -> None:
    tx.attempts.mark([(attempt_id, AttemptState.ANSWERED, at)])
    tx.attempts.set_app_code(attempt_id, "Interested", at)


async def finish_job(launch: Launch) -> None:
    """The job is over."""
    job = launch.job
    await launch.store.write(lambda tx: complete(tx, tx.jobs(None).get(job.id), because="no contacts left", by="exhaustion"))


def read(data: bytes, delimiter: str = ",") -> list[dict[str, str]]:
    """A CSV file as rows."""
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), delimiter=delimiter))

"""The dialer is killed at every point of a message's way: nothing leaves twice, and every attempt comes to an end."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dialer.domain.ids import OrgId
from dialer.lab.fake_twilio import FakeTwilio
from dialer.lab.truth_log import TruthLog
from dialer.store.store import Store
from tests.engine_kit import ON_SQLITE
from tests.forked import Forked
from tests.message_world import OURS, SMS, made, person, start_writing
from tests.patience import PATIENCE_S

pytestmark = [pytest.mark.faults, ON_SQLITE]

PEOPLE = 5
ACCOUNT, SECRET = "AC" + "0f" * 16, "s" * 32


async def run(store: Store, settings: Path, began_at: datetime, fail: str = "") -> int:
    """One life of the dialer; its exit status."""
    url = store.url.render_as_string(hide_password=False)
    words = ("tests.message_child", url, str(settings), began_at.isoformat())
    child = Forked(*words, env={**os.environ, "OUTDIAL_FAIL": fail}, out=settings.with_name("child.log"))
    return await asyncio.to_thread(child.wait, 2 * PATIENCE_S)


@pytest.mark.parametrize(
    ("fail", "ends", "left"),
    [
        ("K2:kill9", {"SMS Delivered"}, PEOPLE),  # the intents are on disk, and nothing more: surely nobody was written to
        ("M0:kill9", {"SMS Delivered", "Unknown"}, None),  # written down: it may have left, and the provider knows nothing of it
        ("M1:kill9@2", {"SMS Delivered", "Unknown"}, None),  # the provider has it, and is asked
        ("M2:kill9@3", {"SMS Delivered", "Unknown"}, None),  # its news is on disk, and the provider tells it again
    ],
)
async def test_a_killed_dialer_sends_no_message_twice_and_loses_none(
    store: Store, org_id: OrgId, tmp_path: Path, port: int, fail: str, ends: set[str], left: int | None
) -> None:
    truth = TruthLog()
    twilio, settings = await _twilio(truth, tmp_path, port)
    try:
        job = await start_writing(store, org_id, SMS, [person(index) for index in range(PEOPLE)])
        began = datetime.now(UTC) - timedelta(hours=4)  # the lab lives in real time: ours runs fast, and must not overtake it
        assert await run(store, settings, began, fail) == -signal.SIGKILL
        assert await run(store, settings, began + timedelta(hours=1)) == 0
    finally:
        await twilio.stop()
    attempts = made(store, job)
    times = Counter(one["attempt_id"] for one in truth.accepted())
    people = Counter(one["to"] for one in truth.accepted())
    assert set(times.values()) <= {1}
    assert set(people.values()) <= {1}, "nobody has it twice, whatever became of the first attempt"
    assert {one.code for one in attempts} <= {*ends, "Not Launched"}
    last = {one.contact_id: one for one in attempts}
    assert len(last) == PEOPLE
    for one in last.values():
        assert (one.code == "SMS Delivered") == (times[one.id] == 1), (
            "what was delivered is known, and nothing else is said to be"
        )
    assert left is None or sum(people.values()) == left


STOPS = """\
strategy: write
status: completed
handlers:
  - state: initial
    sms:
      addresses: [{attribute: mobile, from: "00:00", to: "24:00"}]
      text: "Will you come, ${first_name}?"
      results: {otherwise: done, SMS Delivered: {next_state: wait}}
      wait: {for_s: 100}
      replies: {rows: [{words: ["1"], code: No Match}]}
"""


@pytest.mark.parametrize(
    ("fail", "confirmed"),
    [
        ("M3:kill9", 0),  # the opt-out is on disk; the confirmation would come too late when the dialer is back
        ("M4:kill9", 1),  # it has left, and nobody noted it
    ],
)
async def test_a_killed_dialer_forgets_no_opt_out_and_confirms_none_twice(
    store: Store, org_id: OrgId, tmp_path: Path, port: int, fail: str, confirmed: int
) -> None:
    truth = TruthLog()
    twilio, settings = await _twilio(truth, tmp_path, port)
    try:
        people = [person(0, "43"), person(1, "45")]  # one answers STOP, the other one keeps the job waiting
        job = await start_writing(store, org_id, STOPS, people)
        began = datetime.now(UTC) - timedelta(hours=4)  # the lab lives in real time: ours runs fast, and must not overtake it
        assert await run(store, settings, began, fail) == -signal.SIGKILL
        assert await run(store, settings, began + timedelta(hours=1)) == 0
    finally:
        await twilio.stop()
    stops, other = made(store, job)
    assert {stops.address: stops.code, other.address: other.code} == {
        "+15550000043": "Opted Out",
        "+15550000145": "SMS Delivered",
    }
    assert store.read_now(lambda tx: tx.dnc(org_id).listed([stops.address]))
    ours = [one for one in truth.accepted() if one["attempt_id"] not in {stops.id, other.id}]
    assert [one["to"] for one in ours] == [stops.address] * confirmed


async def _twilio(truth: TruthLog, folder: Path, port: int) -> tuple[FakeTwilio, Path]:
    """A Twilio, and the settings of a dialer that writes through it."""
    web = f"127.0.0.1:{port}"
    twilio = FakeTwilio(
        account_sid=ACCOUNT, auth_token=SECRET, truth=truth, inbound_url=f"http://{web}/hooks/twilio/twilio/inbound"
    )
    await twilio.start()
    settings = folder / "dialer.toml"
    settings.write_text(f"""\
[web]
listen = "{web}"
public_url = "http://{web}"
[[sms_gateway]]
name = "twilio"
type = "twilio"
account_sid = "{ACCOUNT}"
secret = "{SECRET}"
api_url = "{twilio.url}"
sender = "{OURS}"
max_per_s = 1000
""")
    return twilio, settings

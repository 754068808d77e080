"""What an installation is not for is refused when a campaign is defined, edited or started, and says so when a job runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dialer.domain.campaign import Job, JobState
from dialer.domain.channel import Channel
from dialer.domain.ids import OrgId
from dialer.domain.installation import InstallationMode, forbidden
from dialer.domain.pacing_plan import Pacing, PacingKind
from dialer.errors import BadInput
from dialer.services import jobs
from dialer.services.campaigns import as_new, create_campaign, edit_campaign
from dialer.store.store import Store
from dialer.testing import FakeVoice
from tests.campaign_texts import ready_campaign
from tests.engine_kit import ON_SQLITE, FastClock, running, until
from tests.launch_kit import Launch

pytestmark = pytest.mark.integration

NON, MIXED, FULL = InstallationMode.NON_TELEPHONY, InstallationMode.MIXED, InstallationMode.TELEPHONY
TIMED, UNTIMED = Pacing(kind=PacingKind.PREVIEW, preview_s=20), Pacing(kind=PacingKind.PREVIEW)

# Mode, pacing, channels of its handlers, and why not ("" = it can be run).
MODES = [
    (FULL, Pacing(), {Channel.VOICE, Channel.SMS}, ""),
    (FULL, Pacing(kind=PacingKind.MANUAL), {Channel.VOICE}, ""),
    (FULL, TIMED, {Channel.VOICE}, ""),
    (MIXED, Pacing(kind=PacingKind.PREDICTIVE), {Channel.VOICE}, ""),
    (MIXED, Pacing(kind=PacingKind.PROGRESSIVE), {Channel.VOICE}, ""),
    (MIXED, UNTIMED, {Channel.VOICE}, ""),
    (MIXED, TIMED, {Channel.VOICE}, "preview=none"),
    (NON, Pacing(kind=PacingKind.MANUAL), {Channel.VOICE}, ""),
    (NON, Pacing(), {Channel.EMAIL}, ""),
    (NON, Pacing(), {Channel.EMAIL, Channel.VOICE}, "no call is placed"),
    (NON, Pacing(), {Channel.SMS}, "no text message"),
    (NON, Pacing(kind=PacingKind.MANUAL), {Channel.VOICE, Channel.SMS}, "no text message"),
    *(
        (NON, Pacing(kind=kind), {Channel.VOICE}, f"no {kind.value} pacing")
        for kind in (PacingKind.PREVIEW, PacingKind.PREDICTIVE, PacingKind.PROGRESSIVE)
    ),
]


@pytest.mark.parametrize(("mode", "pacing", "channels", "why"), MODES)
def test_each_mode_has_its_campaigns(mode: InstallationMode, pacing: Pacing, channels: set[Channel], why: str) -> None:
    said = forbidden(mode, pacing, channels)
    assert (why in said) if why else said == ""


async def test_a_campaign_for_which_the_installation_is_not_made_is_refused_wherever_it_appears(
    store: Store, org_id: OrgId
) -> None:
    voice = as_new(await ready_campaign(store, org_id))
    manual = replace(voice, name="By hand", pacing=Pacing(kind=PacingKind.MANUAL))
    with pytest.raises(BadInput, match="no call is placed"):
        await create_campaign(store, org_id, replace(voice, name="More"), mode=NON)
    await create_campaign(store, org_id, manual, mode=NON)
    with pytest.raises(BadInput, match="no preview pacing"):
        await edit_campaign(store, org_id, "By hand", replace(manual, pacing=UNTIMED), by="test", mode=NON)
    with pytest.raises(BadInput, match="no call is placed"):
        await jobs.start_campaign(store, org_id, "Blood", by="test", mode=NON)
    job = await jobs.start_campaign(store, org_id, "By hand", by="test", mode=NON)
    await store.write(lambda tx: tx.jobs(None).set_state(job.id, JobState.RUNNING, because="", by="engine"))
    with pytest.raises(BadInput, match="preview=none"):
        await jobs.edit_job(store, org_id, "By hand", jobs.JobEdit(pacing=TIMED), by="test", mode=MIXED)
    edited = await jobs.edit_job(store, org_id, "By hand", jobs.JobEdit(pacing=UNTIMED), by="test", mode=MIXED)
    assert edited.definition.pacing == UNTIMED


@ON_SQLITE
async def test_a_job_for_which_the_installation_is_not_made_dials_nobody_and_says_why(store: Store, org_id: OrgId) -> None:
    job = (await Launch.ready(store, org_id)).job  # started when there was a telephone network
    clock = FastClock(20)
    voice = FakeVoice(clock)

    def seen() -> Job:
        return store.read_now(lambda tx: tx.jobs(None).get(job.id))

    async with running(store, voice, clock=clock, mode=NON):
        await until(lambda: seen().state is JobState.PAUSED)
    assert "no call is placed" in seen().because
    assert not voice.placed

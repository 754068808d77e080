"""Jobs: the runs of campaigns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from dialer.domain.campaign import NEXT_JOB_STATES, Campaign, Job, JobState, JobTotals, Pace
from dialer.domain.ids import CampaignId, ContactListId, JobId, OrgId
from dialer.errors import Conflict, NotFound
from dialer.store.callbacks import Callbacks
from dialer.store.campaign_json import campaign_from_json, campaign_to_json, pace_from_json, pace_to_json
from dialer.store.code_counts import CodeCounts
from dialer.store.exports import Exports
from dialer.store.job_totals import job_totals, restricted_now
from dialer.store.job_walk import JobWalk
from dialer.store.sort_index import ensure_sort_index
from dialer.store.tables import campaigns, jobs

_JOBS = sa.select(jobs, campaigns.c.name.label("campaign_name")).join(campaigns, jobs.c.campaign_id == campaigns.c.id)
_BY_ID = _JOBS.where(jobs.c.id == sa.bindparam("job"))
_HELD = _BY_ID.with_for_update(of=jobs)


def _job(row: sa.Row[Any]) -> Job:
    campaign_id, org_id = CampaignId(row.campaign_id), OrgId(row.org_id)
    return Job(
        id=JobId(row.id),
        org_id=org_id,
        campaign_id=campaign_id,
        campaign_name=row.campaign_name,
        state=JobState(row.state),
        because=row.because,
        strategy_text=row.strategy_text,
        definition=campaign_from_json(row.definition, campaign_id=campaign_id, org_id=org_id),
        version=row.version,
        changed_by=row.changed_by,
        recycled_from=None if row.recycled_from is None else JobId(row.recycled_from),
        recycled_codes=tuple(row.recycled_codes or ()),
        restrictions=row.restrictions,
        pace=pace_from_json(row.pace),
        force=row.force,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
    )


class Jobs:
    """Jobs of an organisation; of all of them when it is built for none (the engine)."""

    def __init__(
        self, connection: sa.Connection, org_id: OrgId | None, now: datetime, started: dict[JobId, Job] | None = None
    ) -> None:
        self._connection = connection
        self._org_id = org_id
        self._now = now
        self._started = {} if started is None else started  # of the whole store, for the engine

    def create(
        self,
        campaign: Campaign,
        *,
        strategy_text: str,
        list_ids: Sequence[ContactListId],
        by: str,
        because: str = "started",
        recycled_from: JobId | None = None,
        recycled_codes: Sequence[str] = (),
    ) -> Job:
        """A queued run of a campaign, which keeps this definition and text. Raises Conflict while another run is not over."""
        if self._org_id is not None and campaign.org_id != self._org_id:
            raise NotFound(f"no campaign with the id {campaign.id}")
        values = {
            "org_id": campaign.org_id,
            "campaign_id": campaign.id,
            "state": JobState.QUEUED.value,
            "because": because[:200],
            "changed_by": by[:80],
            "recycled_from": recycled_from,
            "recycled_codes": list(recycled_codes),
            "force": False,
            "strategy_text": strategy_text,
            "definition": campaign_to_json(campaign),
            "pace": pace_to_json(campaign.pace),
            "list_ids": list(list_ids),
            "created_at": self._now,
        }
        if campaign.sort is not None:  # it is there, unless this database comes from an older program
            ensure_sort_index(self._connection, campaign.sort)
        try:
            found = self._connection.execute(sa.insert(jobs).values(values).returning(jobs.c.id)).scalar_one()
        except IntegrityError as exc:
            raise Conflict(f"a job of the campaign {campaign.name!r} is not over yet") from exc
        return self.get(JobId(found))

    def get(self, job_id: JobId) -> Job:
        """One job. Raises NotFound."""
        row = self._connection.execute(_BY_ID, {"job": job_id}).first()
        if row is None or (self._org_id is not None and row.org_id != self._org_id):
            raise NotFound(f"no job with the id {job_id}")
        return _job(row)

    def as_started(self, job_id: JobId) -> Job:
        """A job as it was when somebody first asked: for what never changes (definition, strategy, names), without a query.

        To be asked for the job of a committed attempt only, so that nothing is kept that may yet be undone. Raises NotFound.
        """
        if (job := self._started.get(job_id)) is None:
            job = self._started[job_id] = self.get(job_id)
        return job

    def get_for_update(self, job_id: JobId) -> Job:
        """One job, held until the commit: of an operator and the engine that move it at once, one comes second and knows it.

        Raises NotFound.
        """
        row = self._connection.execute(_HELD, {"job": job_id}).first()
        if row is None or (self._org_id is not None and row.org_id != self._org_id):
            raise NotFound(f"no job with the id {job_id}")
        return _job(row)

    def by_campaign(self, campaign_id: CampaignId) -> list[Job]:
        """The runs of a campaign, the latest first."""
        query = self._mine().where(jobs.c.campaign_id == campaign_id).order_by(jobs.c.id.desc())
        return [_job(row) for row in self._connection.execute(query)]

    def ids(self, campaign_id: CampaignId | None = None) -> list[JobId]:
        """Every run of a campaign, or of all, in the order in which they were started."""
        query = sa.select(jobs.c.id).order_by(jobs.c.id)
        if self._org_id is not None:
            query = query.where(jobs.c.org_id == self._org_id)
        if campaign_id is not None:
            query = query.where(jobs.c.campaign_id == campaign_id)
        return [JobId(one) for one in self._connection.scalars(query)]

    def is_archived(self, job_id: JobId) -> bool:
        """Whether retention has taken places of this job."""
        return self._connection.scalar(sa.select(jobs.c.archived).where(jobs.c.id == job_id)) is not None

    def not_completed(self) -> list[Job]:
        """Jobs that are queued, running, paused or stopping, in the order in which they were started."""
        query = self._mine().where(jobs.c.state != JobState.COMPLETED.value).order_by(jobs.c.id)
        return [_job(row) for row in self._connection.execute(query)]

    def all(self, *, limit: int = 100) -> list[Job]:
        """Jobs, the latest first."""
        return [_job(row) for row in self._connection.execute(self._mine().order_by(jobs.c.id.desc()).limit(limit))]

    def set_state(self, job_id: JobId, state: JobState, *, because: str, by: str, force: bool = False) -> Job:
        """Move a job. Raises NotFound; Conflict when the job cannot go there from where it stands."""
        job = self.get_for_update(job_id)
        if state not in NEXT_JOB_STATES[job.state] or (state is job.state and job.force >= force):
            raise Conflict(
                f"the job {job_id} of {job.campaign_name!r} is {job.state.value} ({job.because}); it cannot become {state.value}"
            )
        values: dict[str, Any] = {"state": state.value, "because": because[:200], "changed_by": by[:80], "force": force}
        if state is JobState.RUNNING and job.started_at is None:
            values["started_at"] = self._now
        if state is JobState.COMPLETED:
            values |= {"ended_at": self._now, "force": job.force}
            CodeCounts(self._connection).forget_recent(job_id)
            Callbacks(self._connection, None, self._now).cancel_all(f"the job is over: {because}", job_id=job_id)
            Exports(self._connection, None, self._now).queue_after(job_id, job.org_id, job.campaign_id)
        self._connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(values))
        return self.get(job_id)

    def edit(self, job_id: JobId, *, pace: Pace, definition: Campaign, list_ids: Sequence[ContactListId] | None = None) -> Job:
        """Write the operators' knobs as the next version. With `list_ids` the lists and the filter are walked anew.

        Raises NotFound; Conflict when the job is over.
        """
        job = self.get_for_update(job_id)
        if job.state is JobState.COMPLETED:
            raise Conflict(f"the job {job_id} of {job.campaign_name!r} is over ({job.because})")
        values: dict[str, Any] = {"pace": pace_to_json(pace), "definition": campaign_to_json(definition)}
        values["version"] = job.version + 1
        if list_ids is not None:
            values |= {"list_ids": list(list_ids), "walk": sa.null()}
        self._connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(values))
        return self.get(job_id)

    def recent_codes(self, job_id: JobId, *, since: datetime) -> dict[str, int]:
        """How often each code was recorded at or after `since`, whatever the rate of calls."""
        return CodeCounts(self._connection).recent(job_id, since=since)

    def code_counts(self, job_id: JobId) -> dict[str, int]:
        """How often each completion code was reached, the most frequent first. Raises NotFound."""
        self.get(job_id)
        return CodeCounts(self._connection).all(job_id)

    def count_restrictions(self, job_id: JobId, contacts: int) -> None:
        """So many contacts more were held back by a temporary restriction."""
        values = {"restrictions": jobs.c.restrictions + contacts}
        self._connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(values))

    def totals(self, job_id: JobId) -> JobTotals:
        """Where the job's contacts stand, all in one look. Raises NotFound."""
        job = self.get(job_id)
        found = job_totals(self._connection, job_id, JobWalk(self._connection, job_id, self._now))
        if not job.restrictions:
            return found
        return replace(found, restricted=restricted_now(self._connection, job_id), restrictions=job.restrictions)

    def _mine(self) -> sa.Select[Any]:
        return _JOBS if self._org_id is None else _JOBS.where(jobs.c.org_id == self._org_id)

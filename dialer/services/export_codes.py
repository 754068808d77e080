"""Hand out how often each completion code was reached, by job or by campaign."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from dialer.domain.campaign import Job
from dialer.domain.codes import SYSTEM_NAME_KEYS, CustomCode, name_key
from dialer.domain.export import ExportContent, ExportScope, Per
from dialer.domain.ids import JobId, OrgId
from dialer.services.sheet import Getter, Sheet, chosen_columns
from dialer.store.store import Store, Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A code of a job, or of all jobs of a campaign together."""

    campaign: str
    job: Job | None
    code: str
    custom: CustomCode | None
    count: int
    total: int


COLUMNS: Mapping[str, Getter[Line]] = {
    "campaign": lambda line: line.campaign,
    "job_id": lambda line: line.job and line.job.id,
    "state": lambda line: line.job and line.job.state,
    "started_at": lambda line: line.job and line.job.started_at,
    "ended_at": lambda line: line.job and line.job.ended_at,
    "code": lambda line: line.code,
    "kind": lambda line: "system" if name_key(line.code) in SYSTEM_NAME_KEYS else "custom",
    "success": lambda line: line.custom and _word(line.custom.is_success),
    "right_party": lambda line: line.custom and _word(line.custom.is_rpc),
    "closure": lambda line: line.custom and _word(line.custom.is_closure),
    "attempts": lambda line: line.count,
    "percent": lambda line: f"{100 * line.count / line.total:.2f}",
}
_OF_JOBS = ("job_id", "state", "started_at", "ended_at")


def codes_sheet(store: Store, org_id: OrgId, content: ExportContent, scope: ExportScope) -> Sheet[Line]:
    """The codes of a job, of a campaign, or of every campaign, the most frequent first. Raises BadInput, NotFound."""
    of_campaigns = content.per is Per.CAMPAIGN
    usual = tuple(name for name in COLUMNS if not (of_campaigns and name in _OF_JOBS))
    return Sheet(chosen_columns(COLUMNS, usual, content.columns), _pages(store, org_id, scope, of_campaigns))


def _pages(store: Store, org_id: OrgId, scope: ExportScope, of_campaigns: bool) -> Iterator[Sequence[Line]]:
    custom = {code.name: code for code in store.read_now(lambda tx: tx.codes(org_id).all())}
    together: dict[str, Counter[str]] = {}
    for job_id in _jobs(store, org_id, scope):
        job, counted = store.read_now(partial(_counted, org_id, job_id))
        if of_campaigns:
            together.setdefault(job.campaign_name, Counter()).update(counted)
        else:
            yield _lines(job.campaign_name, job, counted, custom)
    for campaign, found in together.items():
        yield _lines(campaign, None, dict(found.most_common()), custom)


def _jobs(store: Store, org_id: OrgId, scope: ExportScope) -> Sequence[JobId]:
    if scope.job_id is not None:
        return [scope.job_id]
    return store.read_now(lambda tx: tx.jobs(org_id).ids(scope.campaign_id))


def _counted(org_id: OrgId, job_id: JobId, tx: Tx) -> tuple[Job, Mapping[str, int]]:
    return tx.jobs(org_id).get(job_id), tx.jobs(org_id).code_counts(job_id)


def _lines(campaign: str, job: Job | None, counted: Mapping[str, int], custom: Mapping[str, CustomCode]) -> list[Line]:
    total = sum(counted.values())
    return [
        Line(campaign=campaign, job=job, code=code, custom=custom.get(code), count=count, total=total)
        for code, count in counted.items()
    ]


def _word(flag: bool) -> str:
    return "yes" if flag else "no"

"""What is on record of those who wrote to us, read once for all whose messages are kept in the same transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from dialer.domain.attempt import Attempt
from dialer.domain.campaign import Job
from dialer.domain.codes import CustomCode
from dialer.domain.ids import AttemptId, JobId, OrgId
from dialer.domain.message import Message
from dialer.services.codes import settable
from dialer.services.completion import Completed
from dialer.services.incoming import Incoming
from dialer.services.organisations import DEFAULT
from dialer.store.store import Tx

OLDEST = timedelta(days=90)  # no older message of ours is looked at


class OnRecord:
    """Of a handful of messages. What one of them changes is read anew for the next."""

    def __init__(self, tx: Tx, arrived: Sequence[Incoming]) -> None:
        self._tx = tx
        self._known = {(name, one) for name in {each.message.gateway for each in arrived} for one in self._digests(name, arrived)}
        since = min(one.message.at for one in arrived) - OLDEST
        self._written = tx.messages.put_to({one.message.sender for one in arrived}, since=since)
        self._attempts = tx.attempts.some({ours for one in arrived for ours in self._likely(one)})
        self._codes: dict[tuple[JobId, str], tuple[str, CustomCode | None]] = {}
        self._jobs: dict[JobId, Job] = {}
        self._default: OrgId | None = None

    def came_before(self, one: Incoming) -> bool:
        """Whether a message is kept already."""
        return (one.message.gateway, one.digest) in self._known

    def kept(self, one: Incoming) -> None:
        """It is on record now."""
        self._known.add((one.message.gateway, one.digest))

    def written_to(self, one: Incoming) -> list[Message]:
        """Our messages to its sender on its channel, whatever became of them, the latest first."""
        of_sender, since = self._written.get(one.message.sender, ()), one.message.at - OLDEST
        return [ours for ours in of_sender if ours.channel is one.message.channel and ours.put_at >= since]

    def attempt(self, attempt_id: AttemptId) -> Attempt | None:
        """One attempt as it is now."""
        return self._attempts.get(attempt_id) or self._tx.attempts.get(attempt_id)

    def changed(self, attempt: Attempt, completed: Completed | None) -> None:
        """It is not as it was read any more, nor is the job that ended with it."""
        self._attempts.pop(attempt.id, None)
        if completed is not None and completed.job_finished_because:
            self._jobs.pop(attempt.job_id, None)

    def code(self, attempt: Attempt, name: str) -> tuple[str, CustomCode | None]:
        """`settable` of an attempt's campaign."""
        key = (attempt.job_id, name)
        if key not in self._codes:
            self._codes[key] = settable(self._tx, attempt, name)
        return self._codes[key]

    def job(self, job_id: JobId) -> Job:
        """A job, held until the commit."""
        if job_id not in self._jobs:
            self._jobs[job_id] = self._tx.jobs(None).get_for_update(job_id)
        return self._jobs[job_id]

    def default_organisation(self) -> OrgId:
        """Whose the messages are of which nobody knows whom they are for."""
        if self._default is None:
            self._default = self._tx.organisations.ensure(DEFAULT)
        return self._default

    def _digests(self, gateway: str, arrived: Sequence[Incoming]) -> set[str]:
        wanted = [one.digest for one in arrived if one.message.gateway == gateway]
        return self._tx.received(None).known_among(gateway, wanted)

    def _likely(self, one: Incoming) -> list[AttemptId]:
        """The attempts that it may answer: the one that it names, or the latest to its sender."""
        if one.news.attempt_id is not None:
            return [one.news.attempt_id]
        return [ours.attempt_id for ours in self.written_to(one)[:1]]

"""The PDC verbs by which a call's treatment begins and ends."""

from __future__ import annotations

from dialer import failpoints
from dialer.domain.attempt import Attempt
from dialer.domain.codes import SystemCode
from dialer.domain.hangup import amd_code, silence_as_person
from dialer.domain.strategy import CallHandler, Handler, treatment_for
from dialer.services.pdc_call import OnCall
from dialer.services.pdc_codes import campaign_codes, write_code
from dialer.services.pdc_contacts import contact_on_the_line
from dialer.store.store import Tx
from pdc import Session


class SessionVerbs(OnCall):
    """Open, look, end."""

    async def open_session(self, *, amd_status: str = "", amd_cause: str = "") -> Session:
        """The call is answered and wants its app."""

        def work(tx: Tx, attempt: Attempt) -> tuple[Session, str, str]:
            if attempt.app is not None:  # asked again: the detector's first word stays
                return self._session(tx, attempt), attempt.amd_status or "", attempt.amd_cause or ""
            handler, status, cause = self._handler(tx, attempt), amd_status[:16], amd_cause[:80]
            if isinstance(handler, CallHandler) and not handler.detect_silence:
                status, cause = silence_as_person(status, cause)
            treatment = treatment_for(handler, answered_by(status, cause))
            name = "" if treatment is None else treatment.name
            facts = {"amd_status": status or None, "amd_cause": cause or None}
            begun = tx.attempts.begin_treatment(attempt, at=self._parts.now(), app=name, **facts)
            return self._session(tx, begun), status, cause

        session, *heard = await self._write(work)
        treated = bool(session.app or session.dialplan)
        self._parts.listener.session_opened(self._attempt_id, *heard, treated=treated)
        failpoints.hit("K7")
        return session

    async def session(self) -> Session:
        """The call as it stands now."""
        return await self._read(self._session)

    async def end_session(self, *, outcome: str = "", error: str = "", hung_up: bool = False, said_nothing: bool = False) -> None:
        """The app has returned, or failed, or the dialplan is through with the call."""

        def work(tx: Tx) -> bool:
            attempt = self._known_attempt(tx)
            if attempt.code is not None or attempt.id in self._parts.ended:
                return False
            name = self._handler(tx, attempt).default_code if said_nothing else outcome
            if error:
                name = SystemCode.APPLICATION_ERROR.value
            if name and not ((error or said_nothing) and attempt.app_code):  # what was said before is not taken back
                write_code(tx, attempt, name, self._parts.now())
            if error:
                tx.attempts.add_events([(attempt.id, self._parts.now(), "app_error", {"error": error[:400]})])
            return True

        if await self._parts.store.write(work):
            self._parts.end(self._attempt_id, hung_up=hung_up)

    def _handler(self, tx: Tx, attempt: Attempt) -> Handler:
        job = tx.jobs(None).as_started(attempt.job_id)
        return self._parts.strategy_of(job.id, job.strategy_text).handler(attempt.handler)

    def _session(self, tx: Tx, attempt: Attempt) -> Session:
        job = tx.jobs(None).as_started(attempt.job_id)
        amd_status, amd_cause = attempt.amd_status or "", attempt.amd_cause or ""
        treatment = treatment_for(self._handler(tx, attempt), answered_by(amd_status, amd_cause)) if attempt.app else None
        app, dialplan, parameters = (treatment.app, treatment.dialplan, treatment.parameters) if treatment else ("", "", {})
        return Session(
            attempt_id=attempt.id,
            campaign=job.campaign_name,
            job_id=job.id,
            app=app,
            dialplan=dialplan,
            answered_by=answered_by(amd_status, amd_cause),
            contact=contact_on_the_line(tx, attempt),
            parameters=dict(parameters),
            codes=campaign_codes(tx, job),
            default_code=self._handler(tx, attempt).default_code,
        )


def answered_by(amd_status: str, amd_cause: str) -> str:
    """Who answered, by the switch's detector: "human", "machine", "silence", "fax", or "unknown" when it did not run."""
    if not amd_status:
        return "unknown"
    match amd_code(amd_status, amd_cause):
        case SystemCode.ANSWER_MACHINE:
            return "machine"
        case SystemCode.SILENCE_DETECTED:
            return "silence"
        case SystemCode.FAX:
            return "fax"
    return "human"

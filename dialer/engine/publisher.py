"""Tell others of results: each at least once, a contact's in their order, and no slow target holds up anything else."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from dialer import failpoints
from dialer.domain.ids import ContactId, OrgId
from dialer.domain.node_status import TargetStatus
from dialer.domain.published import PublishedResult
from dialer.errors import MaybeSent, NotFound, Rejected, StoreDown, WireError
from dialer.ports import Clock, ResultTarget
from dialer.store.store import Store, Tx

log = structlog.get_logger()

LOOK_S = 0.5
GIVE_OUT = 500  # new results that one transaction puts into the targets' queues
TAKE = 200  # results of one target that are in memory at most
RESTS_S = (1.0, 2.0, 5.0, 15.0, 30.0, 60.0)  # after failures in a row; the last one repeats
REFUSED_RESTS_S = (10.0, 60.0, 300.0, 900.0)  # of a contact whose result was refused
REFUSED_MOST = 500  # contacts of one target with refused results; more, and the target rests as a whole


@dataclass(slots=True)
class Target:
    """One target, and how telling it goes."""

    port: ResultTarget
    organisation: str = ""  # whose results it hears of; "" = everybody's
    told: int = 0
    failures: int = 0  # in a row
    because: str = ""
    come_again_s: float = 0.0  # the target's own word on when
    refused: dict[ContactId, tuple[float, int, str]] = field(default_factory=dict)  # until when, how often, why

    def status(self) -> TargetStatus:
        """For whoever asks how it goes."""
        because = self.because
        if not because and self.refused:
            because = f"refused, and told again later: {next(iter(self.refused.values()))[2]}"
        return TargetStatus(told=self.told, refused=len(self.refused), because=because)


class Publisher:
    """Empties the outbox into the targets. A target's queue stands in the database; memory holds one handful of each."""

    def __init__(self, *, store: Store, clock: Clock, targets: Mapping[str, Target]) -> None:
        self._store, self._clock, self._targets = store, clock, dict(targets)

    def status(self) -> dict[str, TargetStatus]:
        """Each target as it stands."""
        return {name: target.status() for name, target in self._targets.items()}

    async def run(self) -> None:
        """Tell for ever."""
        if not self._targets:
            await self._warn()
            return
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._give_out(), name="give out results")
                for name, target in self._targets.items():
                    group.create_task(self._tell(name, target), name=f"tell {name}")
        finally:
            for target in self._targets.values():
                await target.port.close()

    async def _warn(self) -> None:
        try:
            waiting = await self._store.read(lambda tx: tx.outbox.backlog())
        except StoreDown as down:  # it is said at the next start
            log.error("the database does not answer", reason=str(down))
            return
        for one in waiting:
            log.warning("results wait to be published, and the settings name no [[publish]] target", results=one.results)

    async def _give_out(self) -> None:
        """New results go into the queue of each target."""
        while True:
            try:
                while await self._store.write(self._give_some) == GIVE_OUT:
                    pass
            except StoreDown as down:
                log.error("results are not given out: the database does not answer", reason=str(down))
            except Exception:  # a mistake here may not end the dialling
                log.exception("results are not given out")
            await self._clock.sleep(LOOK_S)

    def _give_some(self, tx: Tx) -> int:
        return tx.outbox.give_out(self._organisations(tx), limit=GIVE_OUT)

    def _organisations(self, tx: Tx) -> dict[str, OrgId | None]:
        found: dict[str, OrgId | None] = {}
        for name, target in self._targets.items():
            try:
                found[name] = tx.organisations.by_name(target.organisation) if target.organisation else None
            except NotFound:
                found[name] = OrgId(-1)  # nobody's results: it may be made yet
        return found

    async def _tell(self, name: str, target: Target) -> None:
        while True:
            try:
                worked = await self._tell_some(name, target)
            except StoreDown as down:
                log.error("results are not told: the database does not answer", target=name, reason=str(down))
                worked = False
            except Exception:  # a mistake here may not end the dialling
                log.exception("results are not told", target=name)
                worked = False
            if target.because:
                await self._clock.sleep(max(_rest_s(RESTS_S, target.failures), min(target.come_again_s, RESTS_S[-1])))
            elif not worked:
                await self._clock.sleep(LOOK_S)

    async def _tell_some(self, name: str, target: Target) -> bool:
        """Some of the oldest results; whether any was told."""
        now_s = self._clock.monotonic_s()
        held = [contact_id for contact_id, (until_s, _, _) in target.refused.items() if until_s > now_s]
        waiting = await self._store.read(lambda tx: tx.outbox.waiting(name, without=held, limit=TAKE))
        free, troubles = asyncio.Semaphore(target.port.at_once), list[WireError]()
        calls = [self._tell_in_order(target, free, one, troubles) for one in _in_calls(waiting, target.port.batch)]
        told = [one.id for done in await asyncio.gather(*calls) for one in done]
        if told:
            failpoints.hit("W1")
            await self._store.write(lambda tx: tx.outbox.told(told))
            target.told += len(told)
        target.come_again_s = max((getattr(one, "retry_after_s", None) or 0.0 for one in troubles), default=0.0)
        self._note(name, target, str(troubles[0]) if troubles else "", progress=bool(told))
        return bool(told)

    async def _tell_in_order(
        self,
        target: Target,
        free: asyncio.Semaphore,
        calls: Sequence[Sequence[PublishedResult]],
        troubles: list[WireError],
    ) -> list[PublishedResult]:
        """One call after the other, until one fails or another row has found that the target is not to be had."""
        told: list[PublishedResult] = []
        for results in calls:
            async with free:
                if troubles:
                    break
                try:
                    await target.port.tell(results)
                except Rejected as reason:
                    for one in results:
                        self._refused(target, one, str(reason))
                    break
                except WireError as reason:
                    troubles.append(reason)
                    break
                except Exception as mistake:  # the outer edge of an adapter: it may not end the others' calls
                    log.exception("a target of results fails in a way that it should not")
                    troubles.append(MaybeSent(f"its adapter failed: {mistake!r:.200}"))
                    break
            told += results
            for one in results:
                target.refused.pop(one.contact_id, None)
        return told

    def _refused(self, target: Target, one: PublishedResult, because: str) -> None:
        _, times, _ = target.refused.get(one.contact_id, (0.0, 0, ""))
        until_s = self._clock.monotonic_s() + _rest_s(REFUSED_RESTS_S, times + 1)
        target.refused[one.contact_id] = (until_s, times + 1, because)
        log.warning("a target refuses a result", event_id=one.event_id, because=because)

    def _note(self, name: str, target: Target, trouble: str, *, progress: bool) -> None:
        if not trouble and len(target.refused) >= REFUSED_MOST:
            trouble = f"the results of {len(target.refused)} contacts are refused"
            target.refused = dict(list(target.refused.items())[REFUSED_MOST // 2 :])
        if not trouble:
            target.failures, target.because = 0, ""
            return
        target.failures = 1 if progress else target.failures + 1
        if trouble != target.because:
            log.warning("a target cannot be told of results", target=name, because=trouble)
        target.because = trouble


def _in_calls(waiting: Sequence[PublishedResult], batch: int) -> list[list[list[PublishedResult]]]:
    """What is told one call after the other, and which of these rows of calls may run at the same time.

    A target that takes many at once gets all in one row; of another, each contact has a row of its own.
    """
    if batch > 1:
        return [[list(waiting[at : at + batch]) for at in range(0, len(waiting), batch)]]
    by_contact: defaultdict[ContactId, list[list[PublishedResult]]] = defaultdict(list)
    for one in waiting:
        by_contact[one.contact_id].append([one])
    return list(by_contact.values())


def _rest_s(rests: Sequence[float], failures: int) -> float:
    """The pause after so many failures in a row; never the same twice, so that many nodes do not come back together."""
    return rests[min(max(failures, 1), len(rests)) - 1] * random.uniform(0.8, 1.2)

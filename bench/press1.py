"""How many press-1 calls the whole dialer does on this machine, beside what the machine itself can do."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from bench.bare_probe import BareResult, per_second, percentile_ms, run_bare
from bench.load_lab import LoadLab, load_lab
from bench.served import CODE, Served, served
from dialer.domain.attempt import Attempt
from dialer.domain.campaign import JobState
from dialer.domain.ids import AttemptId, ContactId, JobId
from dialer.store.tx import Tx

DRAIN_S = 60.0
HEADROOM = 1.5  # the caps stand so far above the pace that the pace is what is measured
PROBE_SHARE = 1 / 3  # the probe runs for a third of the time


@dataclass(frozen=True, slots=True, kw_only=True)
class Press1Result:
    """`lost`: contacts whose call did not end with the code that the IVR app gave for their key."""

    offered_per_s: float
    completed_per_s: float
    lost: int
    ratio_to_bare: float
    bare_completed_per_s: float
    answer_to_prompt_ms_p50: float
    answer_to_prompt_ms_p99: float
    key_to_code_ms_p50: float
    key_to_code_ms_p99: float
    key_to_bye_ms_p50: float  # the app hangs up only when its code is on disk: an upper bound for the commit
    key_to_bye_ms_p99: float
    dialer_cpu_ms_per_call: float
    asterisk_cpu_ms_per_call: float
    bare_asterisk_cpu_ms_per_call: float
    bare_answer_to_prompt_ms_p50: float
    bare_answer_to_prompt_ms_p99: float
    bare_key_to_code_ms_p50: float
    bare_key_to_code_ms_p99: float
    calls: int
    load_before: float  # of the machine, averaged over a minute: what others were doing when the run began


async def measure(rate_per_s: float, seconds: float) -> Press1Result:
    """The probe, then the dialer, against the same callees and the same switch."""
    load_before = os.getloadavg()[0]
    async with load_lab() as load:
        bare = await run_bare(load, rate_per_s=rate_per_s, seconds=seconds * PROBE_SHARE)
        async with served(load, cps=rate_per_s * HEADROOM) as dialer:
            return await _run(load, dialer, bare, rate_per_s, round(rate_per_s * seconds), load_before)


async def _run(
    load: LoadLab, dialer: Served, bare: BareResult, rate_per_s: float, calls: int, load_before: float
) -> Press1Result:
    job_id = await asyncio.to_thread(dialer.start_job, calls, per_s=rate_per_s)
    dialer_before, asterisk_before = dialer.cpu_s(), load.asterisk_cpu_s()
    await dialer.until(
        lambda: dialer.job(job_id).state is JobState.COMPLETED, 3 * calls / rate_per_s + DRAIN_S, "the job is over"
    )
    dialer_cpu_s, asterisk_cpu_s = dialer.cpu_s() - dialer_before, load.asterisk_cpu_s() - asterisk_before
    attempts, coded, contacts = await dialer.store.read(lambda tx: _ledger(tx, job_id))
    done = [one for one in attempts if one.code == CODE and one.code_source == "app"]
    if len(done) < calls:
        print("codes:", dict(Counter(one.code for one in attempts)))
    heard, prompted = load.callees.heard(), dialer.prompted()
    seen = [(one, heard[one.id]) for one in done if one.id in heard]
    prompts = [prompted[contacts[one.contact_id]] - call.answered for one, call in seen if call.answered is not None]
    codes = [coded[one.id].timestamp() - call.key for one, call in seen if call.key is not None]
    byes = [call.goodbye - call.key for _, call in seen if call.key is not None and call.goodbye is not None]
    completed_per_s = per_second([one.ended_at.timestamp() for one in done if one.ended_at is not None])
    each = 1000 / max(1, len(done))
    return Press1Result(
        offered_per_s=per_second([one.sent_at.timestamp() for one in attempts if one.sent_at is not None]),
        completed_per_s=completed_per_s,
        lost=calls - len({one.contact_id for one in done}),
        ratio_to_bare=round(completed_per_s / bare.completed_per_s, 3) if bare.completed_per_s else 0.0,
        bare_completed_per_s=bare.completed_per_s,
        answer_to_prompt_ms_p50=percentile_ms(prompts, 50),
        answer_to_prompt_ms_p99=percentile_ms(prompts, 99),
        key_to_code_ms_p50=percentile_ms(codes, 50),
        key_to_code_ms_p99=percentile_ms(codes, 99),
        key_to_bye_ms_p50=percentile_ms(byes, 50),
        key_to_bye_ms_p99=percentile_ms(byes, 99),
        dialer_cpu_ms_per_call=round(dialer_cpu_s * each, 2),
        asterisk_cpu_ms_per_call=round(asterisk_cpu_s * each, 2),
        bare_asterisk_cpu_ms_per_call=bare.asterisk_cpu_ms_per_call,
        bare_answer_to_prompt_ms_p50=bare.answer_to_prompt_ms_p50,
        bare_answer_to_prompt_ms_p99=bare.answer_to_prompt_ms_p99,
        bare_key_to_code_ms_p50=bare.key_to_code_ms_p50,
        bare_key_to_code_ms_p99=bare.key_to_code_ms_p99,
        calls=calls,
        load_before=round(load_before, 2),
    )


def _ledger(tx: Tx, job_id: JobId) -> tuple[list[Attempt], dict[AttemptId, datetime], dict[ContactId, str]]:
    """The attempts, when each got its code from the app, and the users' ids of the contacts."""
    attempts = tx.attempts.of_job(job_id)
    coded = {}
    for one in attempts:
        times = [at for at, kind, _ in tx.attempts.events_of(one.id) if kind == "code"]
        if times:
            coded[one.id] = times[-1]
    org = tx.organisations.ensure("default")
    contacts = {one.contact_id: tx.contacts(org).get(one.contact_id).user_contact_id for one in attempts}
    return attempts, coded, contacts


def main(argv: Sequence[str] = ()) -> None:
    """60 calls a second for 60 s, or as `--rate` and `--seconds` say, or BENCH_RATE and BENCH_SECONDS in the environment."""
    parser = argparse.ArgumentParser(prog="bench.press1", description=__doc__)
    parser.add_argument("--rate", type=float, default=float(os.environ.get("BENCH_RATE", "60")), help="calls per second")
    parser.add_argument("--seconds", type=float, default=float(os.environ.get("BENCH_SECONDS", "60")))
    given = parser.parse_args(argv)
    result = asyncio.run(measure(given.rate, given.seconds))
    print(json.dumps({"bench": "press1", **asdict(result)}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])

"""Apps that a user should not have written."""

from __future__ import annotations

import asyncio
import time

from dialer import Call, Outcome, ivr_app


@ivr_app("hangs")
async def hangs(call: Call) -> Outcome:
    """Wait for nothing."""
    await asyncio.sleep(9999)
    return Outcome.NO_INPUT


@ivr_app("blocks")
async def blocks(call: Call) -> Outcome:
    """Wait for nothing, and let nobody else run meanwhile."""
    time.sleep(9999)  # noqa: ASYNC251 - the mistake under test
    return Outcome.NO_INPUT


@ivr_app("raises")
async def raises(call: Call) -> Outcome:
    """Fall over."""
    raise RuntimeError("a mistake of the author")


@ivr_app("mute")
async def mute(call: Call) -> Outcome:
    """Play a prompt that nobody has recorded."""
    await call.play("mute.no_such_prompt")
    return Outcome.MESSAGE_PLAYED

"""See something through that may not be left half done: whoever is cancelled meanwhile ends when it is over."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def to_its_end(work: Coroutine[Any, Any, T] | asyncio.Future[T]) -> T:
    """What it returns or raises. Cancelled, however often, this raises CancelledError, and not before the work is over.

    The work has a time limit of its own; a future is one that surely ends.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # nobody asks for it any more
        raise

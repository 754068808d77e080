"""Bar the numbers of all who opt out at this moment, in one small transaction, before anything else is made of their messages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from dialer.domain.channel import Channel
from dialer.domain.ids import OrgId
from dialer.services.incoming import Incoming
from dialer.services.on_record import OnRecord
from dialer.services.opt_outs import STOPPED
from dialer.store.store import Store, Tx


def binds_at_once(one: Incoming) -> bool:
    """An opt-out from a telephone. What a mail says of its sender may be anybody's name, so it is looked at first."""
    return one.stops and one.message.channel is Channel.SMS


async def bar_at_once(store: Store, stops: Sequence[Incoming]) -> frozenset[str]:
    """From the commit on nothing is sent to them by whoever wrote to them; what that means for campaigns is found out later.

    Returns the digests of those that were not barred before. A message that came before bars nobody: there may have been a
    START since. Raises StoreDown.
    """

    def work(tx: Tx) -> frozenset[str]:
        record, new = OnRecord(tx, stops), set[str]()
        wanted: defaultdict[OrgId | None, list[Incoming]] = defaultdict(list)
        for one in stops:
            if not record.came_before(one):
                owners: set[OrgId | None] = {ours.org_id for ours in record.written_to(one)}
                for whose in owners or {None}:
                    wanted[whose].append(one)
        for owner, mine in wanted.items():
            dnc, now = tx.dnc(owner), max(one.message.at for one in mine)
            barred = dnc.holds({one.message.sender for one in mine}, now=now)
            dnc.add_many([(one.message.sender, STOPPED) for one in mine], now=now)
            for one in mine:
                if one.message.sender not in barred:
                    barred.add(one.message.sender)
                    new.add(one.digest)
        return frozenset(new)

    return await store.write(work)

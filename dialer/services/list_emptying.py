"""Empty contact lists bit by bit, while calls go on."""

from __future__ import annotations

from dialer.store.store import Store, Tx

BATCH = 500  # contacts in one transaction: calls write in between


async def empty_some(store: Store) -> int:
    """Delete the next contacts of each list that is to be emptied; returns how many they were.

    Whoever is on a call is left until it ends, and whoever was written again since the request stays: an import that comes after
    it loses nothing. A list is done when nobody else is left. Several nodes may do this at once, and a crash costs nothing.
    """

    def work(tx: Tx) -> int:
        gone = 0
        for one in tx.contact_lists(None).being_emptied():
            contacts = tx.contacts(one.org_id)
            old = contacts.older_than(one.id, one.emptying_since, limit=BATCH) if one.emptying_since else []
            gone += tx.contact_rules(one.org_id).remove(old)
            if not old and one.emptying_since and not contacts.older_than(one.id, one.emptying_since, limit=1, on_call=True):
                tx.contact_lists(one.org_id).end_emptying(one.id)
        return gone

    return await store.write(work)

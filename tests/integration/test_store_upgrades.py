"""A database of an earlier version is brought up with everything that stands in it."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from alembic import command

from dialer.store.schema import _config
from dialer.store.store import SchemaState, Store

pytestmark = pytest.mark.integration

BEFORE_CHANNELS = "0005"
ROWS = (
    "INSERT INTO organisations (id, name, name_key) VALUES (1, 'o', 'o')",
    "INSERT INTO contact_lists (id, org_id, name, name_key, attributes, created_at) VALUES (1, 1, 'l', 'l', '[]', 0)",
    "INSERT INTO contacts (id, org_id, list_id, user_contact_id, language, time_zone, attributes, created_at, updated_at)"
    " VALUES (1, 1, 1, 'c', 'en', '', '{}', 0, 0)",
    "INSERT INTO campaigns (id, org_id, name, name_key, definition, created_at) VALUES (1, 1, 'k', 'k', '{}', 0)",
    "INSERT INTO jobs (id, org_id, campaign_id, state, because, changed_by, force, strategy_text, definition, pace, list_ids,"
    " created_at) VALUES (1, 1, 1, 'completed', '', '', false, '', '{}', '{}', '[1]', 0)",
    "INSERT INTO attempts (id, org_id, job_id, contact_id, handler, address_name, number, trunk, switch, node, nonce, state,"
    " intent_at, system_code, code) VALUES ('a1', 1, 1, 1, 'initial', 'mobile', '+15550100', 't', 's', 'n', 'x', 'final', 0,"
    " 'Call Busy', 'Call Busy'), ('a2', 1, 1, 1, 'initial', 'mobile', '', 't', 's', 'n', 'x', 'final', 0, 'x', 'x')",
)


def test_numbers_become_addresses_of_calls(database_url: str) -> None:
    engine = sa.create_engine(database_url)
    with engine.begin() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, BEFORE_CHANNELS)
        for row in ROWS:
            connection.exec_driver_sql(row)
    engine.dispose()
    store = Store(database_url)
    try:
        assert store.migrate() is SchemaState.BEHIND
        query = sa.text("SELECT id, channel, address FROM attempts ORDER BY id")
        found = store.read_now(lambda tx: [tuple(row) for row in tx.connection.execute(query)])
    finally:
        store.close_now()
    assert found == [("a1", "voice", "+15550100"), ("a2", "voice", "")]

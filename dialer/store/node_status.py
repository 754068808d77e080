"""What the running nodes say of themselves."""

from __future__ import annotations

import sqlalchemy as sa

from dialer.domain.node_status import NodeStatus
from dialer.store.tables import node_status


class NodeStatuses:
    """One row a node, overwritten about once a second."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def put(self, status: NodeStatus) -> None:
        """The node as it is now."""
        values = {"at": status.at, "data": status.to_json()}
        changed = self._connection.execute(sa.update(node_status).where(node_status.c.node == status.node).values(**values))
        if not changed.rowcount:
            self._connection.execute(sa.insert(node_status).values(node=status.node, **values))

    def all(self) -> list[NodeStatus]:
        """Every node that ever wrote, running or not."""
        rows = self._connection.execute(sa.select(node_status))
        return [NodeStatus.from_json(row.node, row.at, row.data) for row in rows]

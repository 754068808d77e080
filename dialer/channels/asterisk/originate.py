"""Word the one order that places a call, from values that cannot be read as anything else."""

from __future__ import annotations

import re

from dialer.channels.asterisk.config import ADDRESS, NODE, TrunkConfig, checked
from dialer.domain.ids import AttemptId
from dialer.errors import Rejected
from dialer.ports import CallOrder

CONTEXT, EXTEN, PRIORITY = "outdial", "s", "1"  # our dialplan, the same on every switch
NUMBER = re.compile(r"\+?[0-9]{3,15}\Z")
ATTEMPT = re.compile(r"[0-9a-z]{6,40}\Z")
NONCE = re.compile(r"[A-Za-z0-9_-]{1,128}\Z")
MAX_RING_S = 600.0


class ChannelIds:
    """The names of this node's channels: `od-<node>-<attempt id>`. They are the only map from calls to attempts."""

    def __init__(self, node: str) -> None:
        self.prefix = f"od-{checked(NODE, 'the name of a node', node)}-"

    def of(self, attempt_id: AttemptId) -> str:
        """Raises Rejected for what is no attempt id."""
        if not ATTEMPT.match(attempt_id):
            raise Rejected("this is no attempt id")
        return self.prefix + attempt_id

    def attempt(self, channel_id: str) -> AttemptId | None:
        """The attempt of a channel, or None: a channel of another node, or none of ours."""
        rest = channel_id.removeprefix(self.prefix)
        return AttemptId(rest) if rest != channel_id and ATTEMPT.match(rest) else None


def originate(order: CallOrder, trunk: TrunkConfig, ids: ChannelIds, agi_address: str) -> dict[str, str | tuple[str, ...]]:
    """The AMI action for an order. Raises Rejected for any value that is not of its plain shape: no byte is written then.

    The call goes straight to the trunk, and when it is answered into our dialplan context, whose first step is our FastAGI.
    Contact data never travels: only the attempt's id and its nonce, by which the IVR side finds the rest.
    """
    if not NUMBER.match(order.number):
        raise Rejected("the number is not 3 to 15 digits")
    if order.caller_id and not NUMBER.match(order.caller_id):
        raise Rejected("the caller id is not 3 to 15 digits")
    if not NONCE.match(order.nonce):
        raise Rejected("the nonce is not plain text")
    if not ADDRESS.match(agi_address):
        raise Rejected("the FastAGI address is not host:port")
    if not 0 < order.ring_timeout_s <= MAX_RING_S:
        raise Rejected("the ring timeout is not between 0 and 600 s")
    channel_id = ids.of(order.attempt_id)
    name = f'"{order.attempt_id}" ' if trunk.tag_calls else ""
    number = f"<{order.caller_id}>" if order.caller_id or trunk.tag_calls else ""
    action: dict[str, str | tuple[str, ...]] = {
        "Action": "Originate",
        "Async": "true",
        "Channel": f"PJSIP/{order.number}@{trunk.endpoint}",
        "ChannelId": channel_id,
        "Context": CONTEXT,
        "Exten": EXTEN,
        "Priority": PRIORITY,
        "Timeout": str(round(order.ring_timeout_s * 1000)),
        "Variable": (
            f"OUTDIAL_ATTEMPT={order.attempt_id}",
            f"OUTDIAL_NONCE={order.nonce}",
            f"OUTDIAL_AGI={agi_address}",
            f"OUTDIAL_AMD={int(order.amd)}",
        ),
    }
    if name or number:
        action["CallerID"] = name + number
    return action

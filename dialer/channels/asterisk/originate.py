"""Word the one order that places a call, from values that cannot be read as anything else."""

from __future__ import annotations

import re

from dialer.channels.asterisk.config import ADDRESS, NODE, TrunkConfig, checked
from dialer.domain.ids import AttemptId, ConsultId, LegId, PersonId
from dialer.errors import Rejected
from dialer.ports import CallOrder

CONTEXT, EXTEN, PRIORITY = "outdial", "s", "1"  # our dialplan, the same on every switch
NUMBER = re.compile(r"\+?[0-9]{3,15}\Z")
ATTEMPT = re.compile(r"[0-9a-z]{6,40}\Z")
OFFER = re.compile(r"[\x21-\x7e]{0,100}\.[0-9]+\Z")  # as the switch names its channels; no attempt has a dot
NONCE = re.compile(r"[A-Za-z0-9_-]{1,128}\Z")
SOUND = re.compile(r"(?!.*\.\.)[A-Za-z0-9/][A-Za-z0-9/_.-]{0,199}\Z")
MAX_RING_S = 600.0
LONGEST_WAIT_S = 60.0


class ChannelIds:
    """The names of this node's channels: `od-<node>-<attempt id>`. They are the only map from calls to attempts.

    Agents' legs and third parties are `od-<node>-leg.<id>` and `od-<node>-third.<id>`: no node's name has a dot in it.
    """

    def __init__(self, node: str) -> None:
        self.prefix = f"od-{checked(NODE, 'the name of a node', node)}-"

    def of(self, person: PersonId) -> str:
        """Also of a caller of a queue, whose offer is the channel's name. Raises Rejected for what is neither."""
        if is_offer(person):
            return person
        if not ATTEMPT.match(person):
            raise Rejected("this is no attempt id")
        return self.prefix + person

    def attempt(self, channel_id: str) -> AttemptId | None:
        """The attempt of a channel, or None: a channel of another node, or none of ours."""
        found = self._behind("", channel_id)
        return None if found is None else AttemptId(found)

    def leg(self, leg_id: LegId) -> str:
        """Raises Rejected for what is no leg's id."""
        return f"{self.prefix}leg.{self._plain(leg_id)}"

    def leg_id(self, channel_id: str) -> LegId | None:
        """The leg of a channel, if it is one of ours."""
        found = self._behind("leg.", channel_id)
        return None if found is None else LegId(found)

    def third(self, consult_id: ConsultId) -> str:
        """Raises Rejected for what is no consultation's id."""
        return f"{self.prefix}third.{self._plain(consult_id)}"

    def consult_id(self, channel_id: str) -> ConsultId | None:
        """The consultation of a third party's channel, if it is one of ours."""
        found = self._behind("third.", channel_id)
        return None if found is None else ConsultId(found)

    def _behind(self, kind: str, channel_id: str) -> str | None:
        """The id in the name of a channel of this node and kind."""
        rest = channel_id.removeprefix(self.prefix + kind)
        return rest if rest != channel_id and ATTEMPT.match(rest) else None

    def _plain(self, one: str) -> str:
        if not ATTEMPT.match(one):
            raise Rejected("this is no id")
        return one


def is_offer(person: PersonId) -> bool:
    """Whether somebody is a caller of a queue."""
    return OFFER.match(person) is not None


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
        raise Rejected(f"the ring timeout is not between 0 and {MAX_RING_S:g} s")
    channel_id = ids.of(order.attempt_id)
    floor = floor_variables(order) if order.floor else ()
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
            *floor,
        ),
    }
    if name or number:
        action["CallerID"] = name + number
    return action


def floor_variables(order: CallOrder) -> tuple[str, ...]:
    """What the dialplan needs to keep a person waiting for an agent, and to say a message when nobody comes. Raises Rejected."""
    if not 0 < order.wait_s <= LONGEST_WAIT_S:
        raise Rejected(f"a person waits for an agent more than 0 and at most {LONGEST_WAIT_S:g} s")
    if order.nuisance and not SOUND.match(order.nuisance):
        raise Rejected("the nuisance message is not the plain name of a sound")
    whole_s, more_s = divmod(order.wait_s, 1)
    variables = ("OUTDIAL_FLOOR=1", f"OUTDIAL_WAIT_S={int(whole_s)}", f"OUTDIAL_MORE_S={more_s:.3f}")
    return (*variables, f"OUTDIAL_NUISANCE={order.nuisance}") if order.nuisance else variables

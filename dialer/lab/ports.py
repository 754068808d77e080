"""Free ports for a lab, so that several can stand side by side."""

from __future__ import annotations

import random
import socket
from dataclasses import dataclass

# Below the range from which the kernel takes ports for outgoing connections, so that none of those can take ours.
FIRST, LAST = 10_000, 32_000
RTP_BLOCK = 2_000  # two ports for each leg: a thousand legs


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What one lab listens on, all on 127.0.0.1. An RTP block is `first` to `first + RTP_BLOCK - 1`."""

    ami: int
    switch_sip: int
    carrier_sip: int
    switch_rtp: int
    carrier_rtp: int
    twilio: int = 0  # the four of the message gateways
    smpp: int = 0
    smtp: int = 0
    control: int = 0
    web: int = 0  # the switch's own web server, where it serves phones in browsers
    desk: int = 0  # the three of a dialer that uses the lab: for its desk,
    hooks: int = 0  # for what Twilio brings it,
    lmtp: int = 0  # and for the mails that come back


def free_port() -> int:
    """One port that nobody listens on now."""
    return next(port for port in random.sample(range(FIRST // 2, FIRST), 200) if _is_free(port))


def free_ports() -> Ports:
    """Ports that nobody listens on now. Somebody may take one before we do: starting a lab notices, and asks again."""
    blocks = list(range(FIRST, LAST, RTP_BLOCK))
    random.shuffle(blocks)
    free = [block for block in blocks if _block_is_free(block)] + blocks
    # A block in use is no disaster: Asterisk takes the next port of the block where one is taken.
    single = [port for port in random.sample(range(FIRST // 2, FIRST), 200) if _is_free(port)][:11]
    ami, switch_sip, carrier_sip, twilio, smpp, smtp, control, web, desk, hooks, lmtp = single
    return Ports(
        ami=ami,
        switch_sip=switch_sip,
        carrier_sip=carrier_sip,
        switch_rtp=free[0],
        carrier_rtp=free[1],
        twilio=twilio,
        smpp=smpp,
        smtp=smtp,
        control=control,
        web=web,
        desk=desk,
        hooks=hooks,
        lmtp=lmtp,
    )


def _block_is_free(block: int) -> bool:
    return all(_is_free(port, kinds=(socket.SOCK_DGRAM,)) for port in random.sample(range(block, block + RTP_BLOCK), 20))


def _is_free(port: int, kinds: tuple[socket.SocketKind, ...] = (socket.SOCK_DGRAM, socket.SOCK_STREAM)) -> bool:
    for kind in kinds:
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True

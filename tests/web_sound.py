"""The sound of one call as a browser carries it (ICE, DTLS-SRTP, G.711): it speaks a tone, and tells what it hears."""

# aiortc does the same on the same libraries; its wheels bring a hundred megabytes of codecs for it, some of them under the GPL.

from __future__ import annotations

import asyncio
import re
import secrets
import struct
from collections import deque
from collections.abc import Coroutine
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

import numpy as np
from aioice import Candidate, Connection
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from OpenSSL import SSL
from pylibsrtp import Error as SrtpError
from pylibsrtp import Policy, Session

RATE, FRAME, FRAME_S = 8000, 160, 0.02
PCMU = 0
LISTENS = RATE // 2  # samples by which it is judged what is heard: half a second
DIGITS = "telephone-event"
# RFC 5764: what the two ends make of the keys of their handshake. Both browsers and Asterisk have this one.
SRTP_PROFILE, KEY, SALT = b"SRTP_AES128_CM_SHA1_80", 16, 14
CONNECTS_WITHIN_S = 5.0


class _HostIce(Connection):
    """ICE on loopback: what gathers candidates leaves that address out, and tests use no other."""

    async def get_component_candidates(self, component: int, addresses: list[str], timeout: int = 5) -> list[Candidate]:
        return await super().get_component_candidates(component, ["127.0.0.1"], timeout)


class WebSound:
    """Made for an offer; `answer` is the answer to it. Then `connect`, and both ends hear each other until `stop`."""

    def __init__(self, offer: str, *, voice_hz: float) -> None:
        self._said, self._voice_hz = offer, voice_hz
        self._ice = _HostIce(ice_controlling=False, use_ipv6=False)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = self_signed(self._key)
        self._dtls = SSL.Connection(_context(self._certificate, self._key))
        self._out: Session | None = None
        self._in: Session | None = None
        self._heard: deque[np.ndarray[Any, Any]] = deque(maxlen=LISTENS // FRAME)
        self._tasks: list[asyncio.Task[None]] = []
        self.packets = 0

    async def answer(self) -> str:
        """The answer to the offer, as a browser gives it: ours is the end that opens DTLS."""
        self._ice.remote_username, self._ice.remote_password = self._of("ice-ufrag"), self._of("ice-pwd")
        for line in re.findall(r"^a=candidate:(.+?)\r?$", self._said, re.MULTILINE):
            await self._ice.add_remote_candidate(Candidate.from_sdp(line))
        await self._ice.add_remote_candidate(None)
        await self._ice.gather_candidates()
        digits = next(iter(re.findall(rf"^a=rtpmap:(\d+) {DIGITS}/8000", self._said, re.MULTILINE)), "101")
        candidates = self._ice.local_candidates
        return "\r\n".join(
            (
                "v=0",
                "o=- 1 1 IN IP4 127.0.0.1",
                "s=-",
                "t=0 0",
                f"m=audio {candidates[0].port} UDP/TLS/RTP/SAVPF {PCMU} {digits}",
                "c=IN IP4 127.0.0.1",
                *(f"a=mid:{mid}" for mid in [self._of("mid")] if mid),
                "a=rtcp-mux",
                "a=setup:active",
                f"a=fingerprint:sha-256 {_fingerprint(self._certificate)}",
                f"a=ice-ufrag:{self._ice.local_username}",
                f"a=ice-pwd:{self._ice.local_password}",
                *(f"a=candidate:{one.to_sdp()}" for one in candidates),
                f"a=rtpmap:{PCMU} PCMU/8000",
                f"a=rtpmap:{digits} {DIGITS}/8000",
                "a=sendrecv",
                "",
            )
        )

    async def connect(self) -> None:
        """Find a way to the other end, agree upon keys, and begin to speak. Fails loudly where one of them cannot be."""
        async with asyncio.timeout(CONNECTS_WITHIN_S):
            await self._ice.connect()
            self._begin(self._read(), "reads")
            await self._shake_hands()
        peer = self._dtls.get_peer_certificate(as_cryptography=True)
        assert peer is not None
        assert _fingerprint(peer) == self._of("fingerprint").split()[1].upper(), "the switch is not who it said it is"
        self._begin(self._speak(), "speaks")

    def hears(self, hertz: float) -> bool:
        """Whether the last half second was this tone and little else."""
        if len(self._heard) < (self._heard.maxlen or 0):
            return False
        sound = np.concatenate(self._heard)
        power = float(np.dot(sound, sound))
        tone = abs(np.dot(sound, np.exp(-2j * np.pi * hertz * np.arange(len(sound)) / RATE))) ** 2 * 2 / len(sound)
        return power / len(sound) > 200**2 and float(tone) > 0.5 * power

    @property
    def silent(self) -> bool:
        """Whether nothing louder than a whisper has come in the last half second."""
        return all(float(np.abs(frame).max()) < 100 for frame in self._heard)

    async def stop(self) -> None:
        """Not another packet; the other end is told nothing."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._ice.close()

    # -- keys ----------------------------------------------------------------------------------------------------------------

    async def _shake_hands(self) -> None:
        self._dtls.set_connect_state()
        while self._out is None:
            await self._turn()
            if self._out is None:
                await asyncio.sleep(0.05)
                self._dtls.DTLSv1_handle_timeout()

    async def _turn(self) -> None:
        """One step of the handshake; with the last one there are keys."""
        done = False
        with suppress(SSL.WantReadError):
            self._dtls.do_handshake()
            done = True
        with suppress(SSL.WantReadError):
            while True:
                await self._ice.send(self._dtls.bio_read(1500))
        if done and self._out is None:
            made = self._dtls.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (KEY + SALT))
            ours, theirs, our_salt, their_salt = struct.unpack(f"{KEY}s{KEY}s{SALT}s{SALT}s", made)
            profile = Policy.SRTP_PROFILE_AES128_CM_SHA1_80
            self._in = Session(Policy(key=theirs + their_salt, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=profile))
            self._out = Session(Policy(key=ours + our_salt, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile))

    # -- sound ---------------------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        with suppress(ConnectionError):  # it was closed
            while True:
                packet = await self._ice.recv()
                if 20 <= packet[0] < 64:
                    self._dtls.bio_write(packet)
                    await self._turn()
                elif 128 <= packet[0] < 192 and not 64 <= packet[1] & 0x7F < 96 and self._in is not None:
                    with suppress(SrtpError):
                        self._hear(self._in.unprotect(packet))

    def _hear(self, packet: bytes) -> None:
        self.packets += 1
        if packet[1] & 0x7F == PCMU:
            self._heard.append(_LINEAR[np.frombuffer(packet[12:], np.uint8)])

    async def _speak(self) -> None:
        loop, ssrc, began = asyncio.get_running_loop(), secrets.randbits(32), secrets.randbits(15)
        due, sent = loop.time(), 0
        assert self._out is not None
        with suppress(ConnectionError):
            while True:
                at = np.arange(sent * FRAME, (sent + 1) * FRAME)
                sound = _ulaw(8000 * np.sin(2 * np.pi * self._voice_hz * at / RATE))
                header = struct.pack("!BBHII", 0x80, PCMU, (began + sent) & 0xFFFF, sent * FRAME, ssrc)
                await self._ice.send(self._out.protect(header + sound))
                sent += 1
                await asyncio.sleep(max(0.0, due + sent * FRAME_S - loop.time()))

    def _begin(self, work: Coroutine[Any, Any, None], what: str) -> None:
        self._tasks.append(asyncio.create_task(work, name=f"a browser's sound {what}"))

    def _of(self, attribute: str) -> str:
        found = re.search(rf"^a={attribute}:(.+?)\r?$", self._said, re.MULTILINE)
        return found.group(1).strip() if found else ""


def _context(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> SSL.Context:
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)  # the fingerprint says who it is
    context.use_certificate(certificate)
    context.use_privatekey(key)
    context.set_tlsext_use_srtp(SRTP_PROFILE)
    return context


def self_signed(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    """A certificate that says who it is and no more, for a day; the address is that of this machine."""
    name, now = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "WebRTC")]), datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
    made = made.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
    return made.not_valid_after(now + timedelta(days=1)).sign(key, SHA256())


def _fingerprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(SHA256()).hex(":").upper()


def _linear(code: int) -> int:
    """One sample of G.711 mu-law (ITU-T G.711, table 2a)."""
    code = ~code & 0xFF
    size = (((code & 0x0F) << 3) + 0x84 << (code >> 4 & 7)) - 0x84
    return -size if code & 0x80 else size


_LINEAR = np.array([_linear(code) for code in range(256)], dtype=np.float64)
_SIZES = _LINEAR[255:127:-1]  # what is positive, the smallest first


def _ulaw(sound: np.ndarray[Any, Any]) -> bytes:
    nearest = np.clip(np.searchsorted(_SIZES, np.abs(sound)), 0, 127)
    return bytes(np.where(sound < 0, 127 - nearest, 255 - nearest).astype(np.uint8))

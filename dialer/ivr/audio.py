"""Turn speech of any rate into what telephones use: 8 kHz, one channel, 16-bit WAV and mu-law."""

from __future__ import annotations

import io
import math
import sys
import wave
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import gcd
from operator import mul

TELEPHONE_RATE = 8000
HALF_TAPS = 24  # input samples that each output sample looks at, on either side
MAX_SECONDS = 180


@dataclass(frozen=True, slots=True)
class Speech:
    """Sound: 16-bit samples of one channel."""

    rate: int
    samples: array[int]

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.samples) / self.rate


def read_wav(data: bytes) -> Speech:
    """Read a 16-bit PCM WAV of one or more channels (the first is taken). Raises ValueError.

    Programs that write to a pipe cannot know the length in advance; whatever length the header claims, what is there counts.
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise ValueError("not a WAV file")
    channels, rate, bits, at = 0, 0, 0, 12
    while at + 8 <= len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        body = data[at + 8 : at + 8 + size]
        if name == b"fmt " and len(body) >= 16:
            kind = int.from_bytes(body[0:2], "little")
            channels, rate = int.from_bytes(body[2:4], "little"), int.from_bytes(body[4:8], "little")
            bits = int.from_bytes(body[14:16], "little") if kind in (1, 0xFFFE) else 0
        elif name == b"data":
            if bits != 16 or not 1 <= channels <= 8 or not 4000 <= rate <= 192_000:
                raise ValueError("not 16-bit PCM of a known rate")
            samples = array("h", body[: len(body) // (2 * channels) * 2 * channels])
            if sys.byteorder == "big":
                samples.byteswap()
            if not samples or len(samples) > MAX_SECONDS * rate * channels:
                raise ValueError(f"the sound is empty, or longer than {MAX_SECONDS} s")
            return Speech(rate, samples[::channels])
        at += 8 + size + (size & 1)
    raise ValueError("no sound in the WAV file")


def to_telephone(speech: Speech) -> Speech:
    """Resample to 8 kHz through a windowed-sinc filter. About 20 ms of work for each second of sound: call it in a thread."""
    if speech.rate == TELEPHONE_RATE:
        return speech
    up, down = TELEPHONE_RATE // gcd(TELEPHONE_RATE, speech.rate), speech.rate // gcd(TELEPHONE_RATE, speech.rate)
    filters = _filters(up, down)
    padded = array("h", bytes(2 * HALF_TAPS)) + speech.samples + array("h", bytes(2 * HALF_TAPS + 2))
    width = 2 * HALF_TAPS
    out = array("h")
    for n in range(len(speech.samples) * up // down):
        start, phase = divmod(n * down, up)
        value = int(sum(map(mul, padded[start : start + width], filters[phase])))
        out.append(-32768 if value < -32768 else 32767 if value > 32767 else value)
    return Speech(TELEPHONE_RATE, out)


@lru_cache(maxsize=4)
def _filters(up: int, down: int) -> tuple[tuple[float, ...], ...]:
    """One low-pass filter for each place that an output sample can have between two input samples."""
    cutoff = min(1.0, up / down) * 0.92
    bank = []
    for phase in range(up):
        taps = []
        for k in range(2 * HALF_TAPS):
            x = k - HALF_TAPS - phase / up
            sinc = 1.0 if x == 0 else math.sin(math.pi * cutoff * x) / (math.pi * cutoff * x)
            window = 0.54 + 0.46 * math.cos(math.pi * x / (HALF_TAPS + 1))
            taps.append(sinc * window)
        total = sum(taps)
        bank.append(tuple(tap / total for tap in taps))
    return tuple(bank)


def wav_bytes(speech: Speech) -> bytes:
    """The sound as a 16-bit WAV file."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(speech.rate)
        file.writeframes(_little_endian(speech.samples))
    return out.getvalue()


def ulaw_bytes(speech: Speech) -> bytes:
    """The sound as raw mu-law (G.711), which most trunks speak: the switch need not transcode it."""
    table = _ulaw_table()
    return bytes([table[sample >> 2] for sample in speech.samples])  # a negative index is the upper half of the table


@lru_cache(maxsize=1)
def _ulaw_table() -> Sequence[int]:
    """G.711 mu-law for 14-bit samples 0..8191, then -8192..-1."""
    return bytes([_ulaw(value << 2) for value in (*range(8192), *range(-8192, 0))])


def _ulaw(sample: int) -> int:
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), 32635) + 132
    exponent = magnitude.bit_length() - 8
    return ~(sign | exponent << 4 | magnitude >> (exponent + 3) & 0x0F) & 0xFF


def _little_endian(samples: array[int]) -> bytes:
    if sys.byteorder == "little":
        return samples.tobytes()
    swapped = array("h", samples)
    swapped.byteswap()
    return swapped.tobytes()

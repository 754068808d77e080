"""The channels by which contacts can be reached."""

from __future__ import annotations

from dialer.channels.asterisk.voice import AsteriskVoice

CHANNELS = {"voice": AsteriskVoice}

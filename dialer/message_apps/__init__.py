"""The message apps that ship with Outdial, one file each, and their list."""

from __future__ import annotations

from collections.abc import Mapping

from dialer.ivr.message import MessageApp
from dialer.message_apps.keep_answer import keep_answer

SHIPPED_MESSAGE_APPS: Mapping[str, MessageApp] = {"keep_answer": keep_answer}

__all__ = ["SHIPPED_MESSAGE_APPS", "keep_answer"]

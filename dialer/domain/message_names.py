"""What may stand where a gateway, a sender or a recipient is named: nothing that a wire could read as something else."""

from __future__ import annotations

import re

GATEWAY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}\Z")
NUMBER = re.compile(r"\+[1-9][0-9]{2,14}\Z")
SMS_SENDER = re.compile(r"\+[1-9][0-9]{6,14}\Z|[0-9]{3,8}\Z|(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}\Z")
SERVICE = re.compile(r"MG[0-9a-fA-F]{32}\Z")  # a messaging service of Twilio: it chooses the number
SENDER_MEND = "+ and a number, a short code of 3 to 8 digits, or up to 11 letters and digits"

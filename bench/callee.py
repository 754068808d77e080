"""Many people at once who answer, listen for a moment and press 1: SIPp, with real SIP, RTP and DTMF, and a log of it all."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dialer.lab.obtain import obtain_tool, pcap_folder

KEY_PAYLOAD = 101  # the payload type inside the packet capture

# Events go to the log as "letter|attempt id|date, time and epoch": I invited, A answered, K key begun, B said goodbye.
SCENARIO = """<?xml version="1.0" encoding="UTF-8"?>
<scenario name="answers and presses 1">
  <recv request="OPTIONS" optional="true" next="alive"/>
  <recv request="INVITE">
    <action>
      <ereg regexp="([0-9a-z]{26})" search_in="hdr" header="From:" assign_to="whole,attempt"/>
      <log message="I|[$attempt]|[timestamp]"/>
    </action>
  </recv>
  <Reference variables="whole"/>
  <send><![CDATA[
SIP/2.0 180 Ringing
[last_Via:]
[last_From:]
[last_To:];tag=[pid]SIPpTag[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port]>
Content-Length: 0

]]></send>
  <pause milliseconds="{ring_ms}"/>
  <nop><action><log message="A|[$attempt]|[timestamp]"/></action></nop>
  <send retrans="500"><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=[pid]SIPpTag[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port]>
Content-Type: application/sdp
Content-Length: [len]

v=0
o=callee 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [auto_media_port] RTP/AVP 0 {payload}
a=rtpmap:0 PCMU/8000
a=rtpmap:{payload} telephone-event/8000
a=fmtp:{payload} 0-15
]]></send>
  <recv request="ACK"/>
  <pause milliseconds="{press_after_ms}"/>
  <nop>
    <action>
      <log message="K|[$attempt]|[timestamp]"/>
      <exec play_pcap_audio="{pcap}"/>
    </action>
  </nop>
  <recv request="BYE" timeout="30000"/>
  <nop><action><log message="B|[$attempt]|[timestamp]"/></action></nop>
  <send next="end"><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
  <label id="alive"/>
  <send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=[pid]SIPpTag[call_number]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
  <label id="end"/>
</scenario>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What one callee saw of its call: seconds of the epoch; None where it did not happen."""

    invited: float | None = None
    answered: float | None = None
    key: float | None = None
    goodbye: float | None = None


@dataclass(frozen=True, slots=True)
class Callees:
    """SIPp, running."""

    pid: int
    log_file: Path

    def heard(self) -> dict[str, Heard]:
        """Every call so far, by attempt id (the caller's name: give the trunk `tag_calls`)."""
        moments: dict[str, dict[str, float]] = {}
        fields = {"I": "invited", "A": "answered", "K": "key", "B": "goodbye"}
        for line in self.log_file.read_text().splitlines():
            letter, bar, rest = line.partition("|")
            attempt, _, stamp = rest.partition("|")
            if bar and letter in fields and stamp:
                moments.setdefault(attempt, {})[fields[letter]] = float(stamp.split()[-1])
        return {attempt: Heard(**seen) for attempt, seen in moments.items()}


@contextlib.contextmanager
def callees(
    folder: Path, port: int, *, ring_ms: int = 300, press_after_ms: int = 1000, media_port: int = 33_000
) -> Iterator[Callees]:
    """SIPp on 127.0.0.1:`port`, for as long as the block runs. Sending DTMF takes a raw socket: run as root."""
    pcap = pcap_folder(print) / "dtmf_2833_1.pcap"
    scenario = folder / "callee.xml"
    text = SCENARIO
    for name, value in (("ring_ms", ring_ms), ("press_after_ms", press_after_ms), ("payload", KEY_PAYLOAD), ("pcap", pcap)):
        text = text.replace("{" + name + "}", str(value))
    scenario.write_text(text)
    log_file = folder / "callee.log"
    argv = [
        *obtain_tool("sipp", print),
        *("-sf", str(scenario), "-i", "127.0.0.1", "-p", str(port), "-mi", "127.0.0.1", "-mp", str(media_port)),
        *("-l", "5000", "-nostdin", "-skip_rlimit", "-deadcall_wait", "0", "-trace_logs", "-log_file", str(log_file)),
        *("-trace_err", "-error_file", str(folder / "callee.err")),
    ]
    with (folder / "callee.out").open("wb") as out:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=folder)
    try:
        yield Callees(process.pid, log_file)
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

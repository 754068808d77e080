"""The FastAGI server, spoken to by scripted ends of Asterisk calls over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import threading
import warnings
from pathlib import Path

import pytest

from dialer import Outcome
from dialer.domain.ids import new_attempt_id
from dialer.ivr.config import IvrLimits
from dialer.ivr.fake_pdc import FakePdc, FakeVerbs
from pdc import Session, Unreachable
from tests.fake_asterisk import SwitchCall
from tests.ivr_kit import NONCE, Hum, blocking_app, eventually, served
from tests.patience import PATIENCE_S, own_s

pytestmark = pytest.mark.integration

QUICK = IvrLimits(stall_s=0.5, max_app_s=20, apology_s=5, handshake_s=1.0)


async def test_a_donor_who_presses_1_becomes_a_code_before_the_line_is_cut(tmp_path: Path) -> None:
    async with served(tmp_path) as at:
        call = await at.call("blood_donation", keys=["1"])
        assert at.code(call) == "Interested in Blood Donation"
        assert at.pdc.calls[call.attempt_id].attributes["donor"] == "yes"
        assert [words[0] for words in call.commands] == ["GET", "HANGUP"]
        assert call.hung_up_by_app
        path = call.played()[0]
        assert Path(path).is_absolute()
        assert Path(f"{path}.ulaw").stat().st_size > 0


async def test_a_server_that_is_stopped_in_the_moment_of_a_call_forgets_nobody_at_the_door(tmp_path: Path) -> None:
    for moment in range(12):  # turns of the loop
        with socket.socket() as caller, warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            async with served(tmp_path) as at:
                await asyncio.sleep(0)
                caller.connect(at.address)  # the kernel takes it, and the loop does later
                for _ in range(moment):
                    await asyncio.sleep(0)
            caller.settimeout(PATIENCE_S)
            with contextlib.suppress(ConnectionResetError):
                assert caller.recv(1) == b""
            gc.collect()
            assert not heard, "a connection that nobody has closed"


@pytest.mark.row(31)
@pytest.mark.parametrize(
    ("keys", "code"),
    [
        (["2"], "Not interested in Blood Donation"),
        (["9"], "Opted Out"),
        ([], "No Input"),
        (["7", "7", "7"], "No Match"),  # every key was wrong
        (["7", "", ""], "No Match"),  # a key was pressed: "No Input" would be untrue
        (["7", "1"], "Interested in Blood Donation"),
        (["", "", "1"], "Interested in Blood Donation"),
    ],
)
async def test_what_is_pressed_becomes_the_code(tmp_path: Path, keys: list[str], code: str) -> None:
    async with served(tmp_path) as at:
        assert at.code(await at.call("blood_donation", keys=keys)) == code


@pytest.mark.parametrize("hang_up_at", [0, 1])
async def test_a_hang_up_in_a_prompt_ends_the_session_without_a_code(tmp_path: Path, hang_up_at: int) -> None:
    async with served(tmp_path) as at:
        call = await at.call("blood_donation", keys=["7", "1"], hang_up_at=hang_up_at)
        kept = at.pdc.calls[call.attempt_id]
        assert (kept.code, kept.ended, kept.error) == ("", True, "")
        assert len(call.commands) == hang_up_at + 1  # nothing was asked of a dead channel


@pytest.mark.parametrize(
    ("app", "error"),
    [
        ("raises", "RuntimeError: a mistake of the author"),
        ("exits", "SystemExit(3)"),
        ("says_nothing", "returned None"),
        ("not_installed", "there is no IVR app 'not_installed'"),
        ("hangs", "hung: asked for nothing"),
        ("stubborn", "hung: asked for nothing"),
    ],
)
async def test_a_failing_app_apologises_and_is_recorded(tmp_path: Path, app: str, error: str) -> None:
    async with served(tmp_path, limits=QUICK) as at:
        call = await at.call(app)
        assert at.code(call) == "Application Error"
        assert error in at.pdc.calls[call.attempt_id].error
        assert call.played()[-1].endswith("sounds/en/apology")
        assert call.hung_up_by_app


async def test_an_outcome_that_nobody_defined_is_an_error_of_the_app(tmp_path: Path) -> None:
    async with served(tmp_path) as at:
        call = await at.call("wrong_code")
        assert at.code(call) == "Application Error"
        assert "unknown_code" in at.pdc.calls[call.attempt_id].error
        assert call.hung_up_by_app


async def test_a_blocking_app_loses_only_its_own_call(tmp_path: Path) -> None:
    release = threading.Event()
    async with served(tmp_path, limits=QUICK, apps=[blocking_app(release)]) as at:
        blocked = asyncio.create_task(at.call("blocks"))
        began = own_s()
        others = await asyncio.gather(*(at.call("blood_donation", keys=["1"]) for _ in range(20)))
        assert {at.code(call) for call in others} == {"Interested in Blood Donation"}
        assert own_s() - began < 5
        call = await blocked  # the connection was cut: the dialplan goes on, and speaks
        assert not call.hung_up_by_app
        assert (await _ended(at.pdc, call)).startswith("hung: ")
        release.set()


async def test_a_call_that_we_cut_is_not_said_to_be_ended_by_its_contact(tmp_path: Path) -> None:
    async with served(tmp_path) as at:
        key = at.add("blood_donation")
        call = SwitchCall(nonce=NONCE, attempt_id=key.attempt_id, key_delay_s=PATIENCE_S)
        talking = asyncio.create_task(call.run(at.address))
        await eventually(lambda: bool(call.commands))
        await at.server.stop()  # a worker that is taken out of service while the contact listens
        kept = at.pdc.calls[key.attempt_id]
        assert (kept.ended, kept.hung_up, kept.code) == (True, True, "")
        talking.cancel()
        await asyncio.gather(talking, return_exceptions=True)


async def test_an_app_that_computes_without_end_is_stopped_and_others_are_served(tmp_path: Path) -> None:
    async with served(tmp_path, limits=QUICK) as at:
        endless = asyncio.create_task(at.call("computes"))
        others = await asyncio.gather(*(at.call("blood_donation", keys=["1"]) for _ in range(10)))
        assert {at.code(call) for call in others} == {"Interested in Blood Donation"}
        call = await endless
        assert at.code(call) == "Application Error"
        await eventually(lambda: at.server.stuck == 0)  # its thread was ended, not only left alone


async def test_an_app_that_takes_too_long_is_ended_though_it_always_asks(tmp_path: Path) -> None:
    limits = IvrLimits(max_app_s=0.6, apology_s=5)
    async with served(tmp_path, limits=limits) as at:
        call = await at.call("blood_donation", keys=["7"] * 50, key_delay_s=0.3)
        assert "longer than 0.6 s" in at.pdc.calls[call.attempt_id].error
        assert call.played()[-1].endswith("apology")


async def test_a_port_scan_in_the_middle_of_calls_disturbs_nobody(tmp_path: Path) -> None:
    async with served(tmp_path, limits=IvrLimits(handshake_s=2.0, max_pending=64)) as at:

        async def scan(n: int) -> None:
            reader, writer = await asyncio.open_connection(*at.address)
            if n % 4 == 1:
                writer.write(b"GET / HTTP/1.0\r\n\r\n")
            elif n % 4 == 2:
                writer.write(b"agi_network: yes\n" * 2000)  # headers without an end
            elif n % 4 == 3:
                writer.write(b"agi")  # slowloris
                await reader.read()
            writer.close()

        scans = [asyncio.create_task(scan(n)) for n in range(200)]
        began = own_s()
        calls = await asyncio.gather(*(at.call("blood_donation", keys=["1"]) for _ in range(50)))
        assert own_s() - began < 5
        assert {at.code(call) for call in calls} == {"Interested in Blood Donation"}
        await asyncio.gather(*scans, return_exceptions=True)
        assert at.server.stats.calls == 50
        assert at.server.live == 0


@pytest.mark.parametrize("what", ["nonce", "attempt", "script"])
async def test_a_call_that_cannot_prove_itself_is_closed_without_a_word(tmp_path: Path, what: str) -> None:
    async with served(tmp_path) as at:
        key = at.add("blood_donation")
        call = SwitchCall(nonce=NONCE, attempt_id=key.attempt_id, keys=["1"])
        if what == "nonce":
            call.nonce = "nonce-of-another-call"
        elif what == "attempt":
            call.attempt_id = new_attempt_id()
        else:
            call.script = "../call"
        await call.run(at.address)
        assert call.commands == []
        assert at.pdc.calls[key.attempt_id].code == ""


async def test_without_a_pdc_the_call_goes_back_to_the_dialplan(tmp_path: Path) -> None:
    class Gone(FakeVerbs):
        async def open_session(self, *, amd_status: str = "", amd_cause: str = "") -> Session:
            raise Unreachable("nobody answers")

    gone = FakePdc(verbs=Gone)
    async with served(tmp_path, pdc=gone, fake=gone) as at:
        call = await at.call("blood_donation", keys=["1"])
        assert call.commands == []


@pytest.mark.row(26)
async def test_a_pdc_that_dies_in_the_middle_ends_the_call_with_an_apology(tmp_path: Path) -> None:
    class Dying(FakeVerbs):
        async def set_attribute(self, name: str, value: str, *, user_contact_id: str = "", list_name: str = "") -> None:
            raise Unreachable("nobody answers")

        async def end_session(
            self, *, outcome: str = "", error: str = "", hung_up: bool = False, said_nothing: bool = False
        ) -> None:
            raise Unreachable("nobody answers")

    dying = FakePdc(verbs=Dying)
    async with served(tmp_path, pdc=dying, fake=dying) as at:
        call = await at.call("blood_donation", keys=["1"])
        assert call.played()[-1].endswith("apology")
        assert call.hung_up_by_app


async def test_a_call_whose_dialplan_has_it_stays_open_and_holds_no_worker(tmp_path: Path) -> None:
    async with served(tmp_path, limits=IvrLimits(stall_s=0.2, max_app_s=0.3)) as at:
        key = at.add("", dialplan="donors,s")
        there = {"DIALPLAN_EXISTS(donors,s,1)": "1", "DIALPLAN_EXISTS(outdial-ended,s,1)": "1"}
        call = await SwitchCall(nonce=NONCE, attempt_id=key.attempt_id, variables=there).run(at.address)
        assert call.variables["OUTDIAL_DIALPLAN"] == "donors,s"
        assert not call.hung_up_by_app
        await asyncio.sleep(0.6)  # no watchdog has anything to do with it
        kept = at.pdc.calls[key.attempt_id]
        assert (kept.ended, kept.code, at.server.live, at.server.stats.hung) == (False, "", 0, 0)


@pytest.mark.parametrize(
    ("there", "error"),
    [({}, "has no donors,s"), ({"DIALPLAN_EXISTS(donors,s,1)": "1"}, "extensions_outdial.conf is older")],
)
async def test_a_dialplan_that_cannot_have_the_call_is_an_apology(tmp_path: Path, there: dict[str, str], error: str) -> None:
    async with served(tmp_path) as at:
        key = at.add("", dialplan="donors,s")
        call = await SwitchCall(nonce=NONCE, attempt_id=key.attempt_id, variables=there).run(at.address)
        assert call.played()[-1].endswith("apology")
        assert call.hung_up_by_app
        assert at.code(call) == "Application Error"
        assert error in at.pdc.calls[key.attempt_id].error


@pytest.mark.parametrize("hang_up_at", [None, 0, 2])
async def test_a_line_of_a_dialplan_is_carried_out_for_the_call_that_its_channel_names(
    tmp_path: Path, hang_up_at: int | None
) -> None:
    async with served(tmp_path) as at:
        key = at.add("", dialplan="donors,s")
        channel = {"OUTDIAL_ATTEMPT": key.attempt_id, "OUTDIAL_NONCE": NONCE}

        async def line(script: str, *arguments: str) -> dict[str, str]:
            call = SwitchCall(nonce=NONCE, script=script, arguments=arguments, variables=dict(channel), hang_up_at=hang_up_at)
            await call.run(at.address)
            return call.variables

        assert (await line("pdc/set_code", "Interested in Blood Donation"))["OUTDIAL_RESULT"] == "OK"
        assert (await line("pdc/get_attribute", "first_name"))["OUTDIAL_VALUE"] == "Ann"
        refused = await line("pdc/set_code", "Quite unheard of")
        assert (refused["OUTDIAL_RESULT"], refused["OUTDIAL_VALUE"]) == ("unknown_code", "")
        assert (await line("pdc/session"))["OUTDIAL_RESULT"] == "bad_value"  # a worker's verb
        kept = at.pdc.calls[key.attempt_id]
        assert (kept.code, kept.ended) == ("Interested in Blood Donation", False)
        await line("ended", "contact")
        assert (kept.ended, kept.hung_up) == (True, False)
        assert (await line("pdc/set_code", "No Input"))["OUTDIAL_RESULT"] == "no_session"
        channel["OUTDIAL_NONCE"] = "x"
        assert (await line("pdc/set_code", "No Input"))["OUTDIAL_RESULT"] == "no_session"
        channel.clear()
        assert (await line("pdc/set_code", "No Input"))["OUTDIAL_RESULT"] == "no_session"
        assert kept.code == "Interested in Blood Donation"


async def test_a_line_is_told_that_the_dialer_does_not_answer(tmp_path: Path) -> None:
    class Gone(FakeVerbs):
        async def set_code(self, name: str) -> None:
            raise Unreachable("nobody answers")

    gone = FakePdc(verbs=Gone)
    async with served(tmp_path, pdc=gone, fake=gone) as at:
        key = at.add("", dialplan="donors,s")
        channel = {"OUTDIAL_ATTEMPT": key.attempt_id, "OUTDIAL_NONCE": NONCE, "OUTDIAL_RESULT": "OK"}
        call = SwitchCall(nonce=NONCE, script="pdc/set_code", arguments=["No Input"], variables=channel)
        await call.run(at.address)
        assert call.variables["OUTDIAL_RESULT"] == "unreachable"


async def test_strangers_who_ask_and_fall_silent_keep_no_call_out(tmp_path: Path) -> None:
    async with served(tmp_path, limits=IvrLimits(max_pending=5, max_calls=5)) as at:
        silent = [await asyncio.open_connection(*at.address) for _ in range(30)]
        for _, writer in silent:
            writer.write(b"agi_network: yes\nagi_network_script: pdc/set_code\nagi_arg_1: No Input\n\n")
        call = await at.call("blood_donation", keys=["1"], limit_s=5)
        assert at.code(call) == "Interested in Blood Donation"
        for _, writer in silent:
            writer.close()


async def test_what_the_detector_found_reaches_the_app(tmp_path: Path) -> None:
    async with served(tmp_path) as at:
        call = await at.call("announcement", amd_status="MACHINE", amd_cause="LONGGREETING-1500-1500")
        assert ["EXEC", "WaitForSilence", "1500,1,40"] in call.commands
        assert at.code(call) == Outcome.MESSAGE_LEFT.code


async def test_a_dead_speech_engine_is_an_apology_and_never_silence(tmp_path: Path) -> None:
    async with served(tmp_path, tts=Hum(broken=True)) as at:
        call = await at.call("blood_donation", keys=["1"])
        assert call.played() == [call.played()[0]]
        assert call.played()[0].endswith("sounds/en/apology")
        assert at.code(call) == "Application Error"


async def test_a_prompt_that_vanished_is_spoken_again(tmp_path: Path) -> None:
    async with served(tmp_path) as at:
        first = await at.call("blood_donation", keys=["1"])
        for file in tmp_path.rglob("*.*"):
            file.unlink()
        second = await at.call("blood_donation", keys=["1"])
        assert first.played() == second.played()
        assert at.code(second) == "Interested in Blood Donation"
        assert len(at.tts.said) == 2


async def test_a_sound_that_the_switch_cannot_read_is_an_apology(tmp_path: Path) -> None:
    async with served(tmp_path) as at:
        call = await at.call("blood_donation", keys=["1"], missing=[str(tmp_path)])
        assert at.code(call) == "Application Error"
        assert call.played()[-1].endswith("apology")


async def test_where_not_even_the_apology_can_be_played_the_dialplan_is_left_to_speak(tmp_path: Path) -> None:
    async with served(tmp_path) as at:
        call = await at.call("raises", missing=["/"])
        assert not call.hung_up_by_app
        assert at.code(call) == "Application Error"


async def test_more_calls_than_the_limit_are_turned_away(tmp_path: Path) -> None:
    release = threading.Event()
    async with served(tmp_path, limits=IvrLimits(max_calls=1), apps=[blocking_app(release)]) as at:
        first = asyncio.create_task(at.call("blocks"))
        await eventually(lambda: at.server.live == 1)
        second = await at.call("blood_donation", keys=["1"])
        assert second.commands == []
        release.set()
        assert at.code(await first) == "No Input"


async def test_an_address_that_only_connects_and_closes_costs_nothing(tmp_path: Path) -> None:
    async with served(tmp_path) as at:
        for _ in range(300):
            socket.create_connection(at.address).close()
        assert at.code(await at.call("blood_donation", keys=["1"])) == "Interested in Blood Donation"


async def _ended(pdc: FakePdc, call: SwitchCall) -> str:
    await eventually(lambda: pdc.calls[call.attempt_id].ended)
    return pdc.calls[call.attempt_id].error

"""The PDC's HTTP client and server where the network or a stranger does its worst."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from dialer.ivr.fake_pdc import FakePdc, FakeVerbs
from dialer.web.pdc import make_pdc_app
from pdc import BadValue, NoSession, SessionKey, Unreachable
from pdc.http import HttpPdc
from tests.patience import own_s

pytestmark = pytest.mark.integration

TOKEN = "a-token-of-the-tests"
NOBODY = "http://127.0.0.1:1"  # nothing listens there


@contextlib.asynccontextmanager
async def serving(app: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def stuck_app(asked: list[str], answer: web.Response | None = None) -> web.Application:
    """A server that never answers, or always the same."""

    async def handle(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        if answer is None:
            await asyncio.sleep(30)
        return web.Response(status=answer.status, body=answer.body) if answer else web.Response()

    app = web.Application()
    app.router.add_post("/{tail:.*}", handle)
    return app


@pytest.mark.row(26)
async def test_the_secondary_answers_where_nobody_listens_at_the_primary() -> None:
    fake = FakePdc()
    key = fake.add_call(app="x")
    async with serving(make_pdc_app(fake, TOKEN)) as url, contextlib.aclosing(_Closing(HttpPdc(NOBODY, url, token=TOKEN))) as at:
        assert (await at.pdc.on(key).open_session()).app == "x"


async def test_a_primary_that_hangs_costs_its_time_limit_once_and_not_for_every_verb() -> None:
    fake, asked = FakePdc(), list[str]()
    key = fake.add_call(app="x")
    async with serving(stuck_app(asked)) as stuck, serving(make_pdc_app(fake, TOKEN)) as url:
        async with contextlib.aclosing(_Closing(HttpPdc(stuck, url, token=TOKEN, timeout_s=0.3))) as at:
            began = own_s()
            await at.pdc.on(key).open_session()
            await at.pdc.on(key).note("hello")
            await at.pdc.on(key).end_session()
            assert own_s() - began < 1.0
        assert len(asked) == 1


@pytest.mark.row(26)
@pytest.mark.parametrize(
    "answer",
    [
        web.Response(status=500, body=b'{"error": "error", "message": "x"}'),
        web.Response(status=502, body=b"<html>"),
        web.Response(status=200, body=b"not json"),
        web.Response(status=200, body=b'{"result": {"app": 7}}'),
        web.Response(status=401, body=b'{"error": "unauthorised"}'),
        web.Response(status=200, body=b"[]"),
    ],
)
async def test_nonsense_from_both_is_unreachable_after_one_try_each(answer: web.Response) -> None:
    asked: list[str] = []
    async with (
        serving(stuck_app(asked, answer)) as one,
        serving(stuck_app(asked, answer)) as two,
        contextlib.aclosing(_Closing(HttpPdc(one, two, token=TOKEN))) as at,
    ):
        with pytest.raises(Unreachable):
            await at.pdc.on(SessionKey(attempt_id="a", nonce="n")).open_session()
    assert len(asked) == 2


@pytest.mark.row(26)
async def test_what_the_primary_did_before_it_fell_silent_is_not_counted_again_by_the_secondary() -> None:
    class Slow(FakeVerbs):
        async def count(self, name: str, amount: int = 1, *, assign: bool = False, once: str = "") -> int:
            await super().count(name, amount, assign=assign, once=once)
            await asyncio.sleep(30)
            raise AssertionError("the client has gone")

    fake = FakePdc(verbs=Slow)
    key = fake.add_call(app="x")
    other = FakePdc()  # the secondary speaks for the same database
    other.calls, other.counters, other.counted = fake.calls, fake.counters, fake.counted
    async with (
        serving(make_pdc_app(fake, TOKEN)) as slow,
        serving(make_pdc_app(other, TOKEN)) as url,
        contextlib.aclosing(_Closing(HttpPdc(slow, url, token=TOKEN, timeout_s=0.3))) as at,
    ):
        assert await at.pdc.on(key).count("donors") == 1
        assert await at.pdc.on(key).count("donors") == 2  # another request is another donor


async def test_an_argument_of_another_type_is_told_to_the_author_and_never_sent() -> None:
    at = HttpPdc(NOBODY, token=TOKEN)
    with pytest.raises(BadValue, match="value must be text"):
        await at.on(SessionKey(attempt_id="a", nonce="n")).set_attribute("age", 43)  # type: ignore[arg-type]  # the mistake


async def test_an_answer_of_the_primary_stands_and_the_secondary_is_not_asked() -> None:
    asked: list[str] = []
    async with (
        serving(make_pdc_app(FakePdc(), TOKEN)) as url,
        serving(stuck_app(asked)) as other,
        contextlib.aclosing(_Closing(HttpPdc(url, other, token=TOKEN))) as at,
    ):
        with pytest.raises(NoSession):
            await at.pdc.on(SessionKey(attempt_id="a", nonce="n")).session()
    assert asked == []


@pytest.mark.parametrize("header", ["", "Bearer wrong", "Basic a-token-of-the-tests", "Bearer a-token-of-the-tests\xff"])
async def test_without_the_token_nothing_is_said(header: str) -> None:
    async with (
        serving(make_pdc_app(FakePdc(), TOKEN)) as url,
        aiohttp.ClientSession() as http,
        http.post(f"{url}/pdc/v1/session", data=b"{}", headers={"Authorization": header}) as response,
    ):
        assert response.status == 401


@pytest.mark.parametrize(
    ("verb", "body", "status"),
    [
        ("session", b"", 400),
        ("session", b"[]", 400),
        ("session", b'{"attempt_id": 1, "nonce": "n"}', 400),
        ("set_code", b'{"attempt_id": "a", "nonce": "n"}', 400),
        ("session", b"[" * 60_000, 400),
        ("session", b"x" * 70_000, 413),
        ("close", b'{"attempt_id": "a", "nonce": "n"}', 404),
        ("__class__", b'{"attempt_id": "a", "nonce": "n"}', 404),
        ("session", b'{"attempt_id": "a", "nonce": "n"}', 404),
    ],
)
async def test_a_bad_request_is_refused_in_its_place(verb: str, body: bytes, status: int) -> None:
    async with serving(make_pdc_app(FakePdc(), TOKEN)) as url, aiohttp.ClientSession() as http:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with http.post(f"{url}/pdc/v1/{verb}", data=body, headers=headers) as response:
            assert response.status == status
            assert "error" in await response.json()


async def test_a_mistake_inside_the_dialer_is_not_shown_to_the_caller() -> None:
    class Broken(FakeVerbs):
        async def note(self, text: str) -> None:
            raise RuntimeError("secret inside")

    async with serving(make_pdc_app(FakePdc(verbs=Broken), TOKEN)) as url, aiohttp.ClientSession() as http:
        body = b'{"attempt_id": "a", "nonce": "n", "text": "t"}'
        async with http.post(f"{url}/pdc/v1/note", data=body, headers={"Authorization": f"Bearer {TOKEN}"}) as response:
            assert response.status == 500
            assert "secret" not in await response.text()


def test_a_short_token_is_no_token() -> None:
    with pytest.raises(ValueError, match="16 characters"):
        make_pdc_app(FakePdc(), "short")


class _Closing:
    """So that `aclosing` closes the client."""

    def __init__(self, pdc: HttpPdc) -> None:
        self.pdc = pdc

    async def aclose(self) -> None:
        await self.pdc.close()

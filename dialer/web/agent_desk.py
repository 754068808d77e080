"""The server that agents' desktops work with: a WebSocket for the desk, and each command by REST besides."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, get_args
from urllib.parse import urlsplit

import structlog
from aiohttp import web

from dialer.domain.agent import Agent
from dialer.domain.agent_commands import Command
from dialer.domain.desk import Refused
from dialer.domain.ids import AgentId
from dialer.domain.supervisor_commands import SupervisorCommand
from dialer.errors import StoreDown
from dialer.ports import Clock
from dialer.services.agent_floor import AgentFloor
from dialer.web.agent_limits import Rate, WrongTokens, address_of
from dialer.web.agent_line import Goodbye
from dialer.web.agent_questions import FAILED, QUESTIONS, DeskBooks, answered
from dialer.web.agent_schema import openapi, page
from dialer.web.agent_sessions import KEPT_ANSWERS, Bounds, Session, Sessions
from dialer.web.agent_socket import TOO_MANY, AgentSocket, Rhythm
from dialer.web.agent_wire import MAX_BYTES, Answer, Commands, Result, Said, Unreadable, checked

log = structlog.get_logger()

PREFIX = "/agent/v1"
COMMANDS = Commands((*get_args(Command), *get_args(SupervisorCommand)))
STATUS = {  # by REST
    Result.DONE: 200,
    Result.BAD_INPUT: 422,
    Result.UNKNOWN_COMMAND: 404,
    Result.REFUSED: 409,
    Result.TOO_MANY: 429,
    Result.NO_ANSWER: 504,
    Result.FAILED: 500,
}
UNAUTHORISED = Goodbye(
    code=4401, error="unauthorised", because="the token is missing or wrong", mend="`dialer agent token LOGIN` gives a new one"
)
TOO_MANY_WRONG = Goodbye(
    code=4429, error="too_many", because="too many wrong tokens came from this address", mend="try again in a minute"
)
UNDER_WAY = 8  # commands of one agent at the same time
SECURITY = {  # of every page and answer
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskOptions:
    """How the desk is served."""

    origins: tuple[str, ...] = ()  # of web pages that may connect, besides our own: "https://desk.example.org"
    command_s: float = 10.0  # how long an answer is waited for
    commands_per_s: float = 20.0
    burst: int = 40
    rhythm: Rhythm = field(default_factory=Rhythm)
    bounds: Bounds = field(default_factory=Bounds)


def make_agent_desk_app(floor: AgentFloor, books: DeskBooks, clock: Clock, options: DeskOptions) -> web.Application:
    """`/agent/v1/ws`, `/agent/v1/commands/<name>` (POST), `/agent/v1/desk`, and a page that lists all of it."""
    return _AgentDesk(floor, books, clock, options).app()


class _AgentDesk:
    def __init__(self, floor: AgentFloor, books: DeskBooks, clock: Clock, options: DeskOptions) -> None:
        self._floor, self._books, self._clock, self._options = floor, books, clock, options
        self._sessions = Sessions(floor, clock, options.bounds)
        self._wrong = WrongTokens(clock.monotonic_s)
        self._rates: dict[AgentId, Rate] = {}
        self._under_way: Counter[AgentId] = Counter()
        self._socket = AgentSocket(
            sessions=self._sessions, sign_in=self._sign_in, carry_out=self._carry_out, clock=clock, rhythm=options.rhythm
        )

    def app(self) -> web.Application:
        app = web.Application(client_max_size=MAX_BYTES, middlewares=[self._guarded])
        app.router.add_get(f"{PREFIX}/ws", self._serve_socket)
        app.router.add_post(f"{PREFIX}/commands/{{name}}", self._serve_command)
        app.router.add_get(f"{PREFIX}/{{name:{'|'.join(QUESTIONS)}}}", self._serve_question)
        app.router.add_get(f"{PREFIX}/openapi.json", self._serve_schema)
        app.router.add_get(f"{PREFIX}/", self._serve_page)
        app.on_shutdown.append(self._say_goodbye)
        app.cleanup_ctx.append(self._running)
        return app

    # ── who it is ─────────────────────────────────────────────────────────────────────────────────────────────────

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Pages of other sites get nothing, and what is wrong with a request is said in JSON."""
        origin = request.headers.get("Origin")
        if origin is not None and origin not in self._options.origins and urlsplit(origin).netloc != request.host:
            return _told(403, "forbidden_origin", f"pages of {origin[:100]} may not connect", "[agents] origins in the settings")
        # A browser asks before it lets a page of another site send a token.
        if origin is not None and request.method == "OPTIONS":
            return web.Response(status=204, headers=_allowed(origin))
        try:
            response = await handler(request)
        except web.HTTPRequestEntityTooLarge:
            response = _told(413, "too_large", f"a request has at most {MAX_BYTES} bytes", "")
        except web.HTTPNotFound:
            response = _told(404, "not_found", "there is no such address", f"{PREFIX}/ lists what there is")
        except web.HTTPMethodNotAllowed as wrong:
            mend = f"with {', '.join(wrong.allowed_methods)}"
            response = _told(405, "method_not_allowed", f"it is not asked with {request.method}", mend)
        except StoreDown as down:  # who it is cannot be looked up: nothing was done
            log.warning("the agents' desk cannot look up a token", reason=str(down))
            response = _told(503, "failed", "the dialer's database does not answer", "try again in a moment")
        if not response.prepared:
            response.headers.update(SECURITY | (_allowed(origin) if origin is not None else {}))
        return response

    async def _sign_in(self, request: web.Request, token: str = "") -> Agent | Goodbye:
        """The agent whose token was shown, in the Authorization header or (a browser cannot set it) in the hello."""
        shown = request.headers.get("Authorization", "")
        if not token and shown.startswith("Bearer "):
            token = shown.removeprefix("Bearer ").strip()
        address = address_of(request)
        if not token:
            return UNAUTHORISED
        if not self._wrong.may_ask(address, token):
            return TOO_MANY_WRONG
        agent = await self._books.identify(token)
        if agent is None or not agent.active:
            self._wrong.was_wrong(address, token)
            log.warning("a wrong token at the agents' desk", peer=address)
            return UNAUTHORISED
        self._wrong.was_right(token)
        return agent

    # ── commands ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def _carry_out(self, session: Session, said: Said) -> Answer:
        """A command of the socket. One that is sent again with its id, as after a lost connection, is not carried out twice."""
        about = json.dumps([said.command, said.arguments], sort_keys=True)
        known, before = session.answers.get(said.id, (about, None))
        if known != about:
            because = f"the id {said.id!r} was another command's"
            return Answer(result=Result.BAD_INPUT, because=because, mend="a new id for each command")
        begun = before or self._begun(session.agent, said.command, said.arguments)
        if isinstance(begun, Answer):
            return begun
        session.answers[said.id] = (about, begun)
        if len(session.answers) > KEPT_ANSWERS:
            session.answers.popitem(last=False)
        return await self._answer_of(begun)

    def _begun(self, agent: Agent, name: str, arguments: dict[str, Any]) -> Answer | asyncio.Task[Answer]:
        """A command on its way, or why it is not."""
        if name in QUESTIONS:
            asked = answered(name, agent, self._floor, self._books)
            return self._sessions.spawn(asked, name=f"agent {agent.id}: asks {name}")
        if name not in COMMANDS:
            because = f"there is no command {name[:64]!r}"
            return Answer(result=Result.UNKNOWN_COMMAND, because=because, mend=f"{PREFIX}/ lists them")
        try:
            command: Command | SupervisorCommand = COMMANDS.read(name, arguments)
        except Unreadable as wrong:
            return Answer(result=Result.BAD_INPUT, because=wrong.because, mend=wrong.mend)
        if agent.id not in self._rates:
            self._rates[agent.id] = Rate(self._options.commands_per_s, self._options.burst, self._clock.monotonic_s)
        if not self._rates[agent.id].take() or self._under_way[agent.id] >= UNDER_WAY:
            return TOO_MANY
        self._under_way[agent.id] += 1
        return self._sessions.spawn(self._done(agent, name, command), name=f"agent {agent.id}: {name}")

    async def _answer_of(self, begun: asyncio.Task[Answer]) -> Answer:
        """Its answer, if it comes in time. A command that has begun goes on even so: none is half done."""
        done, _ = await asyncio.wait({begun}, timeout=self._options.command_s)
        if done:
            return begun.result()
        return Answer(result=Result.NO_ANSWER, because="it takes longer than usual", mend="events tell what becomes of it")

    async def _done(self, agent: Agent, name: str, command: Command | SupervisorCommand) -> Answer:
        try:
            if isinstance(command, SupervisorCommand):
                done = await self._floor.listenings.command(agent.id, command)
            else:
                done = await self._floor.command(agent.id, command)
        except Exception:  # the outer edge of a command: one that fails may not end the desk
            log.exception("a command of an agent failed", agent=agent.login, command=name)
            return FAILED
        finally:
            self._under_way[agent.id] -= 1
        if isinstance(done, Refused):
            return Answer(result=Result.REFUSED, because=done.because, mend=done.mend)
        return Answer(result=Result.DONE, said=done.said)

    # ── addresses ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def _serve_socket(self, request: web.Request) -> web.StreamResponse:
        if "Authorization" in request.headers:
            agent = await self._sign_in(request)
            if isinstance(agent, Goodbye):
                return _refused(agent)
        return await self._socket.serve(request)

    async def _serve_command(self, request: web.Request) -> web.StreamResponse:
        agent = await self._sign_in(request)
        if isinstance(agent, Goodbye):
            return _refused(agent)
        text = (await request.read()).decode(errors="replace")
        try:
            arguments = json.loads(checked(text) or "{}")
        except Unreadable as wrong:
            return _answer(Answer(result=Result.BAD_INPUT, because=wrong.because, mend=wrong.mend))
        except (ValueError, RecursionError):
            arguments = None
        if not isinstance(arguments, dict):
            because = "the body must be one JSON object: the command's arguments"
            return _answer(Answer(result=Result.BAD_INPUT, because=because, mend="{} for a command without arguments"))
        begun = self._begun(agent, request.match_info["name"], arguments)
        return _answer(begun if isinstance(begun, Answer) else await self._answer_of(begun))

    async def _serve_question(self, request: web.Request) -> web.StreamResponse:
        agent = await self._sign_in(request)
        if isinstance(agent, Goodbye):
            return _refused(agent)
        name = request.match_info["name"]
        return _answer(await answered(name, agent, self._floor, self._books))

    async def _serve_schema(self, request: web.Request) -> web.StreamResponse:
        return _json(200, openapi(COMMANDS))

    async def _serve_page(self, request: web.Request) -> web.StreamResponse:
        return web.Response(text=page(COMMANDS), content_type="text/html")

    # ── its life ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def _say_goodbye(self, app: web.Application) -> None:
        self._sessions.say_goodbye()

    async def _running(self, app: web.Application) -> AsyncIterator[None]:
        yield
        await self._sessions.close()


def _allowed(origin: str) -> dict[str, str]:
    """What lets a page of this origin use the desk by REST."""
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Headers": "Authorization, Content-Type",
        "Access-Control-Allow-Methods": "GET, POST",
        "Access-Control-Max-Age": "600",
        "Vary": "Origin",
    }


def _answer(answer: Answer) -> web.Response:
    return _json(STATUS[answer.result], answer.as_json())


def _refused(goodbye: Goodbye) -> web.Response:
    return _told(429 if goodbye is TOO_MANY_WRONG else 401, goodbye.error, goodbye.because, goodbye.mend)


def _told(status: int, error: str, because: str, mend: str) -> web.Response:
    return _json(status, {"error": error, "because": because, "mend": mend})


def _json(status: int, said: dict[str, Any]) -> web.Response:
    return web.Response(status=status, body=json.dumps(said, ensure_ascii=False).encode(), content_type="application/json")

"""A simulated tenant with the operator's own client of it, and a server that can break HTTP itself."""

import asyncio
import contextlib
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

from pydantic import SecretStr, TypeAdapter

from campaign_throttle.cxone.auth import ClientCredentials, Credentials
from campaign_throttle.cxone.campaigns import CampaignsDialect
from campaign_throttle.cxone.endpoints import EndpointPolicy
from campaign_throttle.cxone.protocol import Target
from campaign_throttle.cxone.session import Session
from campaign_throttle.cxone.transport import Transport
from campaign_throttle.resources.behaviour import Agents
from cxone_simulator import Scenario, Simulator
from cxone_simulator.faults import Fault
from cxone_simulator.traffic import PathClass

SECRET = "s3cret-of-the-client"
AGENT_NAME = "Zaphod Beeblebrox"
AVAILABLE = frozenset({"available"})
INTERVAL = timedelta(seconds=30)


def scenario(**document):
    """A tenant that stands still: so many agents who all bear one name, and the campaign cmp-1."""
    agents = document.pop("agents", 3)
    if isinstance(agents, int):
        agents = [{"id": f"agent-{number}", "name": AGENT_NAME} for number in range(agents)]
    client = {"secret": SECRET, **document.pop("client", {})}
    return Scenario.from_document(
        {"mode": "manual", "speed": 0, "clients": {"throttle": client}, "agents": agents, **document}
    )


@dataclass
class At:
    """The operator's client of one tenant, and what the tests ask of it."""

    session: Session
    dialect: CampaignsDialect
    observed: list[tuple[str, str, str, float]]
    renewals: list[str]
    sim: Simulator | None = None

    def deadline(self, seconds=10.0):
        return asyncio.get_running_loop().time() + seconds

    async def count(self, states=AVAILABLE, seconds=10.0):
        headcount = await self.dialect.read_agents(frozenset(states), self.deadline(seconds))
        return headcount.count(Agents(), None, INTERVAL)

    async def campaign(self, campaign_id="cmp-1", seconds=10.0):
        return await self.dialect.get_campaign(Target(campaign_id), self.deadline(seconds))

    async def set_state(self, wanted, seconds=10.0):
        await self.dialect.set_state(Target("cmp-1"), wanted, self.deadline(seconds))

    def fault(self, **rule):
        return self.sim.faults.add(TypeAdapter(Fault).validate_python(rule))

    def requests(self, path: PathClass | None = None):
        return self.sim.journal.entries(path_class=path)

    def methods(self):
        return [entry.method for entry in self.requests() if entry.path_class is not PathClass.TOKEN]


def simulators(*urls):
    """A policy that lists these as insecure."""
    return EndpointPolicy(insecure_hosts=frozenset(urlsplit(url).netloc for url in urls))


@contextlib.asynccontextmanager
async def client_of(
    url, sim=None, *, secret=SECRET, client_id="throttle", timeout=None, budget=None
) -> AsyncIterator[At]:
    observed, renewals = [], []
    session = Session(
        Transport(policy=simulators(url), observe=lambda *request: observed.append(request)),
        grant=ClientCredentials(url, Credentials(client_id, SecretStr(secret))),
        base=url,
        timeout=timeout,
        budget=budget,
        on_token=renewals.append,
    )
    dialect = CampaignsDialect(session, url)
    try:
        yield At(session, dialect, observed, renewals, sim)
    finally:
        await dialect.close()


@contextlib.asynccontextmanager
async def tenant(timeout=None, now=None, budget=None, **document) -> AsyncIterator[At]:
    """A simulated tenant and a client of it."""
    clock = {} if now is None else {"now": now}
    async with (
        Simulator.running(scenario(**document), **clock) as sim,
        client_of(sim.url, sim, timeout=timeout, budget=budget) as at,
    ):
        yield at


@dataclass
class Asked:
    """A request as it came over the wire. ``connection`` numbers the TCP connections."""

    line: str
    head: bytes
    body: bytes
    connection: int

    @property
    def is_token(self):
        return self.line.startswith("POST /oauth2/token ")


def http(body=b"", *, status="200 OK", content_type="application/json", extra=b""):
    """A whole HTTP answer."""
    if isinstance(body, str):
        body = body.encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n".encode()
    return head + extra + b"\r\n" + body


def token(value="t0ken-of-the-client", expires_in="3600"):
    return http(f'{{"access_token": "{value}", "token_type": "Bearer", "expires_in": {expires_in}}}')


Answerer = Callable[[Asked, asyncio.StreamWriter], Awaitable[bytes | None]]


@dataclass
class RawServer:
    """A TCP server: ``answer`` writes what it likes; bytes that it returns are sent, None hangs up.

    ``handshakes`` are the protocol and the version of TLS that were agreed on.
    """

    answer: Answerer
    asked: list[Asked] = field(default_factory=list)
    url: str = ""
    connections: int = 0
    handshakes: list[tuple[str | None, str]] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def running(self, *, ssl=None) -> AsyncIterator["RawServer"]:
        tasks: set[asyncio.Task] = set()

        async def serve(reader, writer):
            tasks.add(asyncio.current_task())
            self.connections += 1
            connection = self.connections
            if (agreed := writer.get_extra_info("ssl_object")) is not None:
                self.handshakes.append((agreed.selected_alpn_protocol(), agreed.version()))
            try:
                while True:
                    head = await reader.readuntil(b"\r\n\r\n")
                    fields = dict(
                        line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line
                    )
                    body = await reader.readexactly(int(fields.get(b"content-length", b"0")))
                    asked = Asked(head.split(b"\r\n")[0].decode(), head, body, connection)
                    self.asked.append(asked)
                    found = await self.answer(asked, writer)
                    if found is None:
                        return
                    writer.write(found)
                    await writer.drain()
            except (asyncio.IncompleteReadError, ConnectionError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=ssl)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await server.wait_closed()


@contextlib.asynccontextmanager
async def broken_tenant(answer, *, timeout=None, token_answer=None) -> AsyncIterator[tuple[At, RawServer]]:
    """A client of a server that grants tokens properly and answers everything else with ``answer``."""

    async def route(asked, writer):
        if asked.is_token:
            return token() if token_answer is None else token_answer
        if isinstance(answer, bytes):
            return answer
        return await answer(asked, writer)

    async with RawServer(route).running() as server, client_of(server.url, timeout=timeout) as at:
        yield at, server


async def until(condition, seconds=60.0):
    """Let the event loop turn until something has come about."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for is in other tasks' hands
            await asyncio.sleep(0.001)


def told(error: BaseException) -> str:
    """Everything that an error says anywhere, its causes and contexts included."""
    said = []
    while error is not None:
        said += [str(error), repr(error), *traceback.format_exception(error)]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n".join(said)

"""What the simulator's tests need to visit it over real HTTP: a client, and a wall clock that
they set.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from yarl import URL

from cxone_simulator import Simulator

AGENTS = "/api/v2/interactions/agents"
CAMPAIGN = "/api/v2/campaigns/cmp-1"


@dataclass
class WallClock:
    """Seconds since 1970, as the test says."""

    seconds: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Reply:
    """One answer; ``json`` is None if the body isn't JSON."""

    status: int
    headers: dict[str, str]
    body: bytes
    json: Any


@dataclass
class Visitor:
    """A client of the tenant and of the control API."""

    sim: Simulator
    session: aiohttp.ClientSession
    wall: WallClock
    headers: dict[str, str] = field(default_factory=dict)

    async def call(self, method: str, path: str, **arguments: Any) -> Reply:
        """One request, with the visitor's token if there is one."""
        headers = {**self.headers, **arguments.pop("headers", {})}
        url = URL(self.sim.url + path, encoded=True)
        async with self.session.request(
            method, url, headers=headers, allow_redirects=False, **arguments
        ) as response:
            body = await response.read()
            plain = response.content_type != "application/json"
            try:
                document = None if plain or not body else await response.json()
            except ValueError:
                document = None
            return Reply(response.status, dict(response.headers), body, document)

    async def get(self, path: str, **arguments: Any) -> Reply:
        return await self.call("GET", path, **arguments)

    async def put(self, path: str, json: Any, **arguments: Any) -> Reply:
        return await self.call("PUT", path, json=json, **arguments)

    async def post(self, path: str, json: Any = None, **arguments: Any) -> Reply:
        return await self.call("POST", path, json=json, **arguments)

    async def request_token(self, **changes: str) -> Reply:
        """A token request, right but for the changes; a field that is changed to "" is left out."""
        form = {
            "grant_type": "client_credentials",
            "client_id": "simulator",
            "client_secret": "simulator-secret",
            **changes,
        }
        return await self.call(
            "POST",
            "/oauth2/token",
            data={key: value for key, value in form.items() if value},
        )

    async def sign_in(self, **changes: str) -> None:
        """Get a token and use it from now on."""
        reply = await self.request_token(**changes)
        assert reply.status == 200, reply.body
        self.headers = {"Authorization": f"Bearer {reply.json['access_token']}"}

    async def fault(self, **rule: Any) -> str:
        """Put a fault in force; its id."""
        reply = await self.post("/_sim/faults", rule)
        assert reply.status == 201, reply.body
        return str(reply.json["id"])

    async def campaign_status(self) -> str:
        """What cmp-1 really is, seen past all faults."""
        reply = await self.get("/_sim/campaigns/cmp-1")
        return str(reply.json["status"])

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let the event loop turn until something has come about."""
        for _ in range(5000):
            if condition():
                return
            await asyncio.sleep(0.001)
        raise TimeoutError("it has not come about")

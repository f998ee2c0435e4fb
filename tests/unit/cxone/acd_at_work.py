"""A small server of NICE's ACD API that does as it is told, with the operator's own client of it.

It is written from NICE's documents, like the client, and shares nothing with the simulator: what both the simulator
and this say is less likely to be a mistake.
"""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import unquote_plus

from aiohttp import web
from pydantic import SecretStr

from campaign_throttle.cxone.acd import AcdSettings, connect_acd
from campaign_throttle.cxone.endpoints import EndpointPolicy
from campaign_throttle.cxone.protocol import Target
from campaign_throttle.cxone.transport import Transport

TENANT_ID = "11eb9d5e-0000-4000-8000-0242ac110002"
KEY, KEY_SECRET = "the-access-key=", "s3cret-of/the+key=="
CLIENT, CLIENT_SECRET = "campaign-throttle@acme", "s3cret:of-the-client="
TOKEN = "t0ken-of-the-access-key"
AGENT_NAME = "Zaphod Beeblebrox"
CAMPAIGN, SKILL = 4711, 101
SERVICES = "/incontactapi/services/v33.0"


def skill(number=SKILL, **differences):
    return {
        "skillId": number,
        "skillName": f"Skill {number}",
        "mediaTypeId": 4,
        "isOutbound": True,
        "outboundStrategy": "Personal Connection",
        "agentless": False,
        "isActive": True,
        "isRunning": True,
        "campaignId": CAMPAIGN,
    } | differences


def activity(number=SKILL, available=3, **differences):
    return {
        "skillId": number,
        "campaignId": CAMPAIGN,
        "campaignName": AGENT_NAME,
        "agentsAvailable": available,
        "agentsIdle": 0,
        "agentsLoggedIn": available,
        "agentsWorking": 0,
        "serverTime": datetime.now(UTC).isoformat(),
    } | differences


@dataclass
class AcdServer:
    """What the server has, what it does wrong, and what it was asked.

    ``wrong`` maps a path (below the version, or whole) to answers that are given instead, one a request: a status, a
    body, bytes, a function of the request; None answers properly.
    """

    skills: dict[int, dict] = field(default_factory=lambda: {SKILL: skill()})
    campaign: dict = field(default_factory=lambda: {"id": CAMPAIGN, "name": "Spring", "isActive": True})
    rows: list[dict] = field(default_factory=lambda: [activity()])
    agents: list[dict] = field(default_factory=list)
    schedules: dict[int, dict] = field(default_factory=dict)
    drains: bool = False
    page: int = 500
    wrong: dict[str, list] = field(default_factory=dict)
    asked: list[tuple[str, str, dict]] = field(default_factory=list)
    granted: list[dict] = field(default_factory=list)
    discovered: dict = field(default_factory=dict)
    url: str = ""

    def paths(self, method=None, *, api=True):
        """The paths asked for, those of the API without its base."""
        return [
            path.removeprefix(SERVICES)
            for verb, path, _ in self.asked
            if method in (None, verb) and (not api or path.startswith(SERVICES))
        ]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["AcdServer"]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _answer(self, request):
        path = request.path
        self.asked.append((request.method, path, dict(request.query)))
        instead = self.wrong.get(path.removeprefix(SERVICES), [])
        found = instead.pop(0) if instead else None
        if callable(found):
            found = await found(request) if asyncio.iscoroutinefunction(found) else found(request)
        if found is None:
            found = await self._properly(request)
        if isinstance(found, web.StreamResponse):
            return found
        if isinstance(found, int):
            return web.Response(status=found)
        if isinstance(found, bytes):
            return web.Response(body=found, content_type="application/json")
        return web.Response(text=json.dumps(found), content_type="application/json")

    async def _properly(self, request):
        path = request.path
        if path == "/.well-known/openid-configuration":
            return {"token_endpoint": f"{self.url}/oauth/token"} | self.discovered
        if path == "/.well-known/cxone-configuration":
            return {
                "api_endpoint": self.url,
                "area": "na1",
                "tenantId": request.query["tenantId"],
            } | self.discovered
        if path in ("/oauth/token", "/auth/token"):
            return await self._by_password(request)
        if path == "/authentication/v1/token/access-key":
            return await self._by_access_key(request)
        if not path.startswith(SERVICES):
            return 404
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401
        return self._of_the_api(request.method, path.removeprefix(SERVICES).split("/")[1:], request.query)

    async def _by_password(self, request):
        scheme, encoded = request.headers["Authorization"].split(" ")
        client = [unquote_plus(part) for part in base64.b64decode(encoded).decode().split(":")]
        form = dict(await request.post())
        self.granted.append(form | {"client": client})
        if [scheme, *client] != ["Basic", CLIENT, CLIENT_SECRET]:
            return 401
        if form != {"grant_type": "password", "username": KEY, "password": KEY_SECRET}:
            return web.json_response({"error": "invalid_grant", "error_description": form["password"]}, status=400)
        return {"access_token": TOKEN, "refresh_token": "r", "token_type": "Bearer", "expires_in": 3600}

    async def _by_access_key(self, request):
        body = await request.json()
        self.granted.append(body)
        if body != {"accessKeyId": KEY, "accessKeySecret": KEY_SECRET}:
            return 401
        return {"token": TOKEN, "tokenExpirationTimeSec": 3600}

    def _of_the_api(self, method, parts, query):
        match method, parts:
            case "GET", ["campaigns", number] if int(number) == CAMPAIGN:
                return self.campaign
            case "GET", ["campaigns", number, "skills"] if int(number) == CAMPAIGN:
                rows = [{"skillId": found["skillId"], "mediaType": 4} for found in self.skills.values()]
                return {"totalRecords": len(rows), "skills": rows}
            case "GET", ["skills", "activity"]:
                return self._page("skillActivity", self.rows, query)
            case "GET", ["agents", "states"]:
                return self._page("agentStates", self.agents, query)
            case "GET", ["skills", number]:
                return self.skills.get(int(number), 404)
            case "GET", ["skills", number, "parameters", "schedule-settings"]:
                return self.schedules.get(int(number), 404)
            case "POST", ["skills", number, "start"]:
                self.skills[int(number)]["isRunning"] = True
                return 204
            case "POST", ["skills", number, "stop"]:
                assert query["force"] == "false"
                self.skills[int(number)]["isRunning"] = self.drains
                return 204
        return 404

    def _page(self, name, rows, query):
        if not rows:
            return 204
        skip, top = int(query["skip"]), min(int(query["top"]), self.page)
        fields = query["fields"].split(",")
        shown = [{key: row[key] for key in fields if key in row} for row in rows[skip : skip + top]]
        links = {"self": "x"} | ({"next": "https://evil.example/next"} if skip + top < len(rows) else {})
        return {"totalRecords": len(rows), "_links": links, name: shown}


@dataclass
class At:
    """The operator's client of one ACD tenant, through the Protocol."""

    dialect: object
    observed: list[tuple[str, str, str, float]]
    renewals: list[str]
    rate_limited: list[None]

    def deadline(self, seconds=10.0):
        return asyncio.get_running_loop().time() + seconds

    async def campaign(self, *skill_ids, anew=False, seconds=10.0):
        target = Target(str(CAMPAIGN), frozenset(skill_ids))
        return await self.dialect.get_campaign(target, self.deadline(seconds), anew=anew)

    async def read(self, agents, seconds=10.0):
        return await self.dialect.read_agents(self.dialect.source(agents), self.deadline(seconds))

    async def set_state(self, wanted, *skills, seconds=10.0):
        target = Target(str(CAMPAIGN))
        return await self.dialect.set_state(target, wanted, self.deadline(seconds), skills=frozenset(skills))


def settings(url, **differences):
    found = {
        "tenant_id": TENANT_ID,
        "access_key_id": KEY,
        "access_key_secret": SecretStr(KEY_SECRET),
        "issuer": url,
    }
    return AcdSettings(**found | {"client_id": CLIENT, "client_secret": SecretStr(CLIENT_SECRET)} | differences)


@contextlib.asynccontextmanager
async def client_of(found, *, timeout=None, insecure=()) -> AsyncIterator[At]:
    """A client of an ACD tenant by its settings."""
    observed, renewals, limited = [], [], []
    hosts = {found.issuer.removeprefix("http://"), *insecure}
    dialect = connect_acd(
        found,
        transport=Transport(
            policy=EndpointPolicy(insecure_hosts=frozenset(hosts)),
            observe=lambda *request: observed.append(request),
        ),
        timeout=timeout,
        on_rate_limited=lambda: limited.append(None),
        on_token=renewals.append,
    )
    try:
        yield At(dialect, observed, renewals, limited)
    finally:
        await dialect.close()


@contextlib.asynccontextmanager
async def acd_tenant(timeout=None, grant=None, **document) -> AsyncIterator[tuple[At, AcdServer]]:
    """A server, and a client of it."""
    async with (
        AcdServer(**document).running() as server,
        client_of(settings(server.url, **(grant or {})), timeout=timeout) as at,
    ):
        yield at, server

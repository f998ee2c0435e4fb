"""An ACD tenant from discovery to the first count, over HTTP: what is sent where, and what never is."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from campaign_throttle.cxone.errors import (
    CredentialsRejected,
    CXoneError,
    CXoneServerError,
    CXoneTimeout,
    EndpointNotAllowed,
    Forbidden,
    InvalidResponse,
    RateLimited,
)
from campaign_throttle.cxone.protocol import Dialect, Probe
from campaign_throttle.resources.behaviour import AgentCounter, Agents, AgentSource
from unit.cxone.acd_at_work import (
    AGENT_NAME,
    CAMPAIGN,
    CLIENT_SECRET,
    KEY,
    KEY_SECRET,
    SERVICES,
    TENANT_ID,
    TOKEN,
    AcdServer,
    acd_tenant,
    activity,
    client_of,
    settings,
    skill,
)
from unit.cxone.tenant_at_work import told as all_told

ACTIVITY, STATES = Agents(), Agents(source=AgentSource.AGENT_STATES)
INTERVAL = timedelta(seconds=30)
#: Something that answers, and that the operator was not allowed to speak to.
ELSEWHERE = "127.0.0.2"


def agent(number, state=1, team=5):
    return {"agentId": number, "agentStateId": state, "isActive": True, "teamId": team, "firstName": AGENT_NAME}


async def count(at, agents=ACTIVITY):
    return (await at.read(agents)).count(agents, await at.campaign(), INTERVAL)


# From discovery to a count


async def test_a_probe_discovers_asks_for_a_token_and_for_one_row():
    async with acd_tenant() as (at, server):
        assert at.dialect.known is None
        assert await at.dialect.probe(at.deadline()) == Probe(endpoint=server.url)
        assert server.paths(api=False) == [
            "/.well-known/openid-configuration",
            "/.well-known/cxone-configuration",
            "/oauth/token",
            "/skills/activity",
        ]
        assert server.asked[1][2] == {"tenantId": TENANT_ID}
        assert server.asked[-1][2]["top"] == "1"
        assert at.dialect.known == Probe(endpoint=server.url)
        assert at.renewals == ["success"]


async def test_a_tenant_without_a_row_is_ready_all_the_same():
    async with acd_tenant(rows=[]) as (at, server):
        assert (await at.dialect.probe(at.deadline())).endpoint == server.url


async def test_both_grants_end_in_a_count():
    async with acd_tenant() as (at, server):
        assert await count(at) == 3
        assert server.granted == [
            {
                "grant_type": "password",
                "username": KEY,
                "password": KEY_SECRET,
                "client": ["campaign-throttle@acme", CLIENT_SECRET],
            }
        ]
    async with AcdServer().running() as server:
        token_url = f"{server.url}/authentication/v1/token/access-key"
        async with client_of(settings(server.url, grant="AccessKey", token_url=token_url, client_id="")) as at:
            assert await count(at) == 3
        assert server.granted == [{"accessKeyId": KEY, "accessKeySecret": KEY_SECRET}]


async def test_the_version_of_the_api_is_a_setting():
    async with acd_tenant(grant={"api_version": "v25.0"}) as (at, server):
        with pytest.raises(InvalidResponse, match="API version"):  # the server has another one
            await at.read(ACTIVITY)
        assert server.asked[-1][1] == "/incontactapi/services/v25.0/skills/activity"


async def test_an_api_that_is_set_is_not_discovered():
    async with AcdServer().running() as server, AcdServer().running() as other:
        found = settings(server.url, api_base=other.url + "/")
        async with client_of(found, insecure=[other.url.removeprefix("http://")]) as at:
            assert (await at.dialect.probe(at.deadline())).endpoint == other.url
        assert server.paths(api=False) == ["/.well-known/openid-configuration", "/oauth/token"]
        assert other.paths(api=False) == [f"{SERVICES}/skills/activity".removeprefix(SERVICES)]


async def test_one_token_and_one_discovery_for_all_who_ask_at_once():
    async with acd_tenant() as (at, server):
        await asyncio.gather(*(at.read(ACTIVITY) for _ in range(20)), *(at.campaign() for _ in range(20)))
        assert len(server.granted) == 1
        assert server.paths(api=False).count("/.well-known/cxone-configuration") == 1


async def test_a_token_that_is_refused_is_renewed_once_without_another_discovery():
    async with acd_tenant() as (at, server):
        await at.read(ACTIVITY)
        server.wrong["/skills/activity"] = [401]
        assert await count(at) == 3
        assert len(server.granted) == 2
        assert server.paths(api=False).count("/.well-known/cxone-configuration") == 1


# Where nothing may be sent


@pytest.mark.parametrize("field", ["token_endpoint", "api_endpoint"])
@pytest.mark.parametrize(
    "hostile",
    [
        "http://{}:{}",
        "http://2130706434:{1}",
        "https://169.254.169.254/latest",
        "https://metadata.google.internal/",
        "https://niceincontact.com.evil.example",
        "https://evilniceincontact.com",
        "http://api-na1.niceincontact.com",
        "https://[::1]:{1}",
        "https://niceincontact.com@evil.example",
        "file:///etc/passwd",
        "",
    ],
)
async def test_discovery_can_not_send_a_credential_elsewhere(field, hostile):
    async with acd_tenant() as (at, server):
        port = server.url.rpartition(":")[2]
        server.discovered[field] = hostile.format(ELSEWHERE, port)
        with pytest.raises(EndpointNotAllowed):
            await at.read(ACTIVITY)
        assert (server.granted == []) or field == "api_endpoint"
        assert [path for _, path, _ in server.asked if path.startswith("/incontactapi")] == []


async def test_a_link_to_another_host_is_never_followed():
    async with acd_tenant(rows=[activity(number) for number in range(101, 106)], page=2) as (at, server):
        assert (await at.read(ACTIVITY)).pages == 3
        assert [query["skip"] for _, path, query in server.asked if path.endswith("activity")] == ["0", "2", "4"]


@pytest.mark.parametrize(
    "path",
    ["/.well-known/openid-configuration", "/.well-known/cxone-configuration", "/oauth/token", "/skills/activity"],
)
async def test_redirects_are_not_followed(path):
    async with acd_tenant() as (at, server):
        server.wrong[path] = [web.Response(status=307, headers={"Location": "/incontactapi/elsewhere"})]
        with pytest.raises(InvalidResponse, match="redirect"):
            await at.read(ACTIVITY)
        assert "/incontactapi/elsewhere" not in server.paths(api=False)


# Refusals


async def test_credentials_that_are_refused():
    async with AcdServer().running() as server:
        for differences in ({"client_id": "another"}, {"access_key_id": "another"}):
            async with client_of(settings(server.url, **differences)) as at:
                with pytest.raises(CredentialsRejected) as caught:
                    await at.campaign()
                assert not {KEY_SECRET, CLIENT_SECRET, KEY} & set(str(caught.value).split())
                assert at.renewals == ["CredentialsRejected"]
                assert at.dialect.known is None
        assert server.paths() == []


async def test_a_second_401_is_for_a_person():
    async with acd_tenant() as (at, server):
        server.wrong["/skills/activity"] = [401, 401]
        with pytest.raises(CredentialsRejected):
            await at.read(ACTIVITY)
        assert len(server.granted) == 2


@pytest.mark.parametrize(
    ("path", "permission"),
    [
        (f"/campaigns/{CAMPAIGN}", "Campaigns View"),
        (f"/campaigns/{CAMPAIGN}/skills", "Campaigns View"),
        ("/skills/101", "Skills View"),
    ],
)
async def test_what_is_forbidden_names_the_permission(path, permission):
    async with acd_tenant() as (at, server):
        server.wrong[path] = [403]
        with pytest.raises(Forbidden, match=permission):
            await at.campaign()


async def test_a_discovery_that_fails_for_a_moment_is_asked_again(no_backoff):
    async with acd_tenant() as (at, server):
        server.wrong["/.well-known/cxone-configuration"] = [503, 503]
        assert await count(at) == 3


async def test_a_discovery_that_hangs_ends_with_the_poll():
    async with acd_tenant(timeout=5.0) as (at, server):

        async def hang(request):
            await asyncio.sleep(60)

        server.wrong["/.well-known/openid-configuration"] = [hang]
        with pytest.raises(CXoneTimeout):
            await at.read(ACTIVITY, seconds=0.3)


async def test_each_kind_of_request_has_a_rate_limit_of_its_own():
    limited = {"Retry-After": "60"}
    async with acd_tenant(agents=[agent(1)]) as (at, server):
        server.wrong["/skills/activity"] = [web.Response(status=429, headers=limited)]
        for _ in range(2):
            with pytest.raises(RateLimited):
                await at.read(ACTIVITY, seconds=2)
        assert server.paths().count("/skills/activity") == 1
        assert (await at.read(STATES)).count(STATES, None, INTERVAL) == 1
        assert len((await at.campaign()).skills) == 1


# Counts


async def test_who_reads_the_same_shares_a_reading():
    async with acd_tenant() as (at, _):
        source = at.dialect.source
        assert source(ACTIVITY) == source(Agents(counter=AgentCounter.IDLE))
        assert source(STATES) == source(STATES.model_copy(update={"team_ids": [1]}))
        assert source(ACTIVITY) != source(STATES)
        assert len({source(ACTIVITY), source(STATES)}) == 2


async def test_agents_are_counted_over_any_number_of_pages():
    agents = [agent(number, state=number % 3) for number in range(1, 31)]
    async with acd_tenant(agents=agents, page=7) as (at, _):
        found = await at.read(STATES)
        assert (found.count(STATES, None, INTERVAL), found.pages) == (10, 5)


@pytest.mark.parametrize("agents", [ACTIVITY, STATES])
async def test_no_rows_are_unknown(agents):
    async with acd_tenant(rows=[], agents=[]) as (at, _):
        with pytest.raises(InvalidResponse, match="not zero"):
            await at.read(agents)


async def test_the_age_of_an_activity_is_by_cxones_own_clock():
    hour_ago = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    async with acd_tenant(rows=[activity(101, serverTime=hour_ago)]) as (at, server):
        with pytest.raises(InvalidResponse, match="out of date"):
            await count(at)
        row = {"skillId": 101, "serverTime": "2020-01-01T00:00:00Z"} | dict.fromkeys(AgentCounter, 4)
        body = json.dumps({"totalRecords": 1, "skillActivity": [row]})
        server.wrong["/skills/activity"] = [
            web.Response(
                text=body, content_type="application/json", headers={"Date": "Wed, 01 Jan 2020 00:00:30 GMT"}
            )
        ]
        assert await count(at) == 4


async def test_only_what_is_counted_is_asked_for():
    async with acd_tenant(agents=[agent(1)]) as (at, server):
        await at.read(ACTIVITY)
        await at.read(STATES)
        asked = [query for _, path, query in server.asked if path.startswith(SERVICES)]
        assert asked[0]["mediaTypeId"] == "4"
        assert asked[0]["IsOutbound"] == "true"
        assert asked[1] == {"skip": "0", "top": "500", "fields": "agentId,agentStateId,isActive,teamId"}


# Personal data and secrets


@pytest.mark.parametrize(
    "wrong",
    [
        500,
        403,
        400,
        b"{",
        b'{"error": "' + KEY_SECRET.encode() + b'", "agent": "Zaphod Beeblebrox"}',
        web.Response,
    ],
)
async def test_no_error_tells_a_secret_or_what_cxone_said(wrong, no_backoff):
    def said(request):
        text = f"{AGENT_NAME} {request.headers.get('Authorization')} {KEY_SECRET}"
        return web.Response(status=418, text=text, headers={"icStatusDescription": text})

    wrong = said if wrong is web.Response else wrong
    for path in ("/oauth/token", f"/campaigns/{CAMPAIGN}", "/skills/101", "/.well-known/cxone-configuration"):
        async with acd_tenant() as (at, server):
            server.wrong[path] = [wrong] * 4
            with pytest.raises(CXoneError) as caught:
                await at.campaign()
            told = all_told(caught.value)
            for secret in (AGENT_NAME, KEY_SECRET, CLIENT_SECRET, TOKEN, KEY, "Beeblebrox"):
                assert secret not in told


# The end


async def test_close_ends_a_renewal_and_lets_go_of_the_connections():
    async with AcdServer().running() as server:

        async def hang(request):
            await asyncio.sleep(60)

        server.wrong["/oauth/token"] = [hang]
        async with client_of(settings(server.url)) as at:
            reading = asyncio.create_task(at.read(ACTIVITY, seconds=60))
            while "/oauth/token" not in server.paths(api=False):  # noqa: ASYNC110 - it is the server's
                await asyncio.sleep(0.01)
        with pytest.raises((asyncio.CancelledError, CXoneError)):
            await reading


def as_dialect(dialect: Dialect) -> Dialect:
    return dialect


async def test_it_is_a_dialect(no_backoff):
    async with acd_tenant(skills={101: skill()}) as (at, server):
        assert as_dialect(at.dialect) is at.dialect
        server.wrong["/skills/activity"] = [500, 500]
        assert await count(at) == 3
        server.wrong["/skills/activity"] = [500] * 4
        with pytest.raises(CXoneServerError):
            await at.read(ACTIVITY)

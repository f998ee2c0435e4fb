"""How a client of the ACD dialect finds its tenant and gets a token."""

import base64
import json
from typing import Any

import aiohttp
import pytest

from cxone_simulator import Scenario, Simulator
from unit.simulator.acd import (
    API,
    DISCOVERY,
    KEY,
    KEY_SECRET,
    OPENID,
    TENANT,
    acd_scenario,
    basic,
    key_token,
    password_grant,
    sign_in,
)
from unit.simulator.visitor import AGENTS, Visitor, WallClock

CAMPAIGN = f"{API}/campaigns/1001"


@pytest.fixture
def scenario() -> Scenario:
    return acd_scenario(accessKeys={KEY: {"secret": KEY_SECRET, "tokenLifetime": 60}})


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_discovery_points_at_the_simulator_itself(stranger: Visitor) -> None:
    openid = await stranger.get(OPENID)
    tenant = await stranger.get(f"{DISCOVERY}?tenantId={TENANT}")

    assert openid.json["token_endpoint"] == f"{stranger.sim.url}/auth/token"
    assert tenant.json["api_endpoint"] == stranger.sim.url
    assert {"area", "cluster", "domain"} <= set(tenant.json)


async def test_discovery_says_whatever_a_test_wants(stranger: Visitor) -> None:
    hostile = {"tokenEndpoint": "http://evil.test/t", "apiEndpoint": "ftp://evil.test", "area": "x"}
    await stranger.put("/_sim/acd", hostile)

    openid = await stranger.get(OPENID)
    tenant = await stranger.get(f"{DISCOVERY}?tenantId={TENANT}")

    assert openid.json["token_endpoint"] == "http://evil.test/t"
    assert (tenant.json["api_endpoint"], tenant.json["area"]) == ("ftp://evil.test", "x")


@pytest.mark.parametrize(("query", "status"), [("?tenantId=nobody", 404), ("", 400)])
async def test_discovery_knows_one_tenant(stranger: Visitor, query: str, status: int) -> None:
    reply = await stranger.get(f"{DISCOVERY}{query}")

    assert reply.status == status
    assert reply.headers["icStatusDescription"]


async def test_a_password_grant_gives_a_token_with_the_tenants_claims(stranger: Visitor) -> None:
    reply = await password_grant(stranger)

    assert reply.status == 200
    assert (reply.json["expires_in"], reply.json["token_type"]) == (60, "Bearer")
    assert reply.json["refresh_token"]
    payload = reply.json["access_token"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert (claims["tenantId"], claims["area"]) == (TENANT, "na1")
    assert (await stranger.get(CAMPAIGN, headers=bearer(reply.json["access_token"]))).status == 200


async def test_an_access_key_alone_gives_a_token(stranger: Visitor) -> None:
    reply = await key_token(stranger)

    assert (reply.status, reply.json["expires_in"]) == (200, 60)
    assert (await stranger.get(CAMPAIGN, headers=bearer(reply.json["access_token"]))).status == 200


async def test_an_access_keys_token_may_come_under_its_other_name(stranger: Visitor) -> None:
    await stranger.put("/_sim/acd", {"accessKeyAnswer": "token"})

    reply = await key_token(stranger)

    assert reply.json["tokenExpirationTimeSec"] == 60
    assert "access_token" not in reply.json
    assert (await stranger.get(CAMPAIGN, headers=bearer(reply.json["token"]))).status == 200


@pytest.mark.parametrize(
    ("headers", "changes", "status", "error"),
    [
        ({}, {}, 401, "invalid_client"),
        ({"Authorization": "Basic !"}, {}, 401, "invalid_client"),
        (basic("nobody"), {}, 400, "invalid_client"),
        (basic(secret="wrong"), {}, 400, "invalid_client"),
        (None, {"username": "nobody"}, 400, "invalid_grant"),
        (None, {"password": KEY_SECRET.rstrip("=")}, 400, "invalid_grant"),
        (None, {"grant_type": ""}, 400, "invalid_request"),
        (None, {"grant_type": "client_credentials"}, 400, "unsupported_grant_type"),
        (None, {"grant_type": "refresh_token"}, 400, "unsupported_grant_type"),
    ],
)
async def test_a_refused_password_grant_says_why(
    stranger: Visitor, headers: Any, changes: dict[str, str], status: int, error: str
) -> None:
    reply = await password_grant(stranger, headers, **changes)

    assert (reply.status, reply.json["error"]) == (status, error)
    assert reply.json["errorDescription" if status == 401 else "error_description"]


async def test_an_access_key_with_a_wrong_secret_gets_nothing(stranger: Visitor) -> None:
    for reply in (await key_token(stranger, secret="wrong"), await key_token(stranger, "nobody")):
        assert reply.status == 401
        assert set(reply.json) == {"error", "errorDescription"}


async def test_a_client_may_percent_encode_what_it_puts_into_basic(stranger: Visitor) -> None:
    await stranger.put("/_sim/clients/My%20App@1", {"secret": "a:b=%"})

    for client in (("My App@1", "a:b=%"), ("My%20App%401", "a%3Ab%3D%25")):
        assert (await password_grant(stranger, basic(*client))).status == 200, client


async def test_an_access_key_may_be_for_one_client_only(stranger: Visitor) -> None:
    await stranger.put(f"/_sim/access-keys/{KEY}", {"secret": KEY_SECRET, "client": "another"})

    reply = await password_grant(stranger)

    assert (reply.status, reply.json["error"]) == (400, "invalid_grant")


async def test_a_token_ends_after_its_lifetime_and_a_new_one_is_good(stranger: Visitor) -> None:
    await sign_in(stranger)
    stranger.wall.seconds += 59.9
    assert (await stranger.get(CAMPAIGN)).status == 200

    stranger.wall.seconds += 0.1
    reply = await stranger.get(CAMPAIGN)

    assert reply.status == 401
    assert "expired" in reply.json["errorDescription"]
    await sign_in(stranger)
    assert (await stranger.get(CAMPAIGN)).status == 200


@pytest.mark.parametrize("owner", ["simulator", KEY])
async def test_tokens_are_revoked_by_client_or_by_access_key(stranger: Visitor, owner: str) -> None:
    await sign_in(stranger)

    assert (await stranger.post("/_sim/tokens/revoke", {"client": owner})).json == {"revoked": 1}

    assert (await stranger.get(CAMPAIGN)).status == 401


async def test_a_removed_access_key_takes_its_tokens_along(stranger: Visitor) -> None:
    await sign_in(stranger)

    assert (await stranger.call("DELETE", f"/_sim/access-keys/{KEY}")).status == 204

    assert (await stranger.get(CAMPAIGN)).status == 401
    assert (await password_grant(stranger)).json["error"] == "invalid_grant"
    assert (await stranger.call("DELETE", f"/_sim/access-keys/{KEY}")).status == 404


async def test_an_access_keys_secret_is_never_shown(stranger: Visitor) -> None:
    changed = await stranger.put("/_sim/access-keys/new", {"secret": "fresh-secret"})
    await key_token(stranger, "new", "fresh-secret")
    await password_grant(stranger)

    shown = await stranger.get("/_sim/access-keys")

    assert set(shown.json) == {KEY, "new"}
    assert b"fresh-secret" not in changed.body + shown.body
    journal = (await stranger.get("/_sim/requests")).body
    assert b"fresh-secret" not in journal
    assert KEY_SECRET.encode() not in journal
    assert b"simulator-secret" not in journal


async def test_the_journal_tells_whose_credentials_a_request_came_with(stranger: Visitor) -> None:
    await key_token(stranger)
    await sign_in(stranger)
    await stranger.get(CAMPAIGN)
    await password_grant(stranger, basic("other-client"), username="other-key")

    rows = (await stranger.get("/_sim/requests")).json["requests"]

    assert [(row["client"], row["accessKey"], row["tenant"]) for row in rows] == [
        (KEY, KEY, None),
        ("simulator", KEY, None),
        ("simulator", KEY, TENANT),
        ("other-client", "other-key", None),
    ]
    found = (await stranger.get("/_sim/requests?accessKey=other-key")).json["requests"]
    assert [row["seq"] for row in found] == [4]


async def test_the_journal_tells_for_which_tenant_a_foreign_token_was(stranger: Visitor) -> None:
    claims = base64.urlsafe_b64encode(b'{"tenantId": "somebody-else"}').decode().rstrip("=")

    assert (await stranger.get(CAMPAIGN, headers=bearer(f"e30.{claims}.sig"))).status == 401
    for odd in ("a.b.c", "a..c", "a.W10.c", "a.bnVsbA.c", "x" * 5000):
        assert (await stranger.get(CAMPAIGN, headers=bearer(odd))).status == 401

    rows = (await stranger.get("/_sim/requests")).json["requests"]
    assert [row["tenant"] for row in rows] == ["somebody-else", None, None, None, None, None]
    assert [row["client"] for row in rows] == [None] * 6


async def test_a_tenant_that_speaks_acd_only_has_no_other_paths(stranger: Visitor) -> None:
    assert (await stranger.request_token()).status == 404
    assert (await stranger.get(AGENTS)).status == 404


@pytest.mark.parametrize("dialects", [["Campaigns", "ACD"], ["Campaigns"]])
async def test_a_token_of_one_dialect_is_no_good_for_the_other(dialects: list[str]) -> None:
    wall = WallClock()
    async with (
        Simulator.running(acd_scenario(dialects=dialects), now=wall) as sim,
        aiohttp.ClientSession() as session,
    ):
        visitor = Visitor(sim, session, wall)
        await visitor.sign_in()
        speaks_acd = "ACD" in dialects
        assert (await visitor.get("/api/v2/campaigns/1001")).status == 200
        assert (await visitor.get(CAMPAIGN)).status == (401 if speaks_acd else 404)
        if speaks_acd:
            await sign_in(visitor)
            assert (await visitor.get(CAMPAIGN)).status == 200
            assert (await visitor.get("/api/v2/campaigns/1001")).status == 403

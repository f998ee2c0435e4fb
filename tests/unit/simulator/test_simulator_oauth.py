"""Tokens: who gets one, how long it is good, and what it is good for."""

import pytest

from cxone_simulator import Scenario
from unit.simulator.visitor import AGENTS, CAMPAIGN, Visitor


@pytest.fixture
def scenario() -> Scenario:
    return Scenario.from_document(
        {
            "mode": "manual",
            "clients": {
                "simulator": {"secret": "simulator-secret", "tokenLifetime": 60},
                "reader": {"secret": "pass=word&", "scopes": ["campaigns:read"]},
            },
        }
    )


async def test_a_token_answer_says_how_long_and_for_what_the_token_is_good(
    stranger: Visitor,
) -> None:
    reply = await stranger.request_token()

    assert reply.status == 200
    assert reply.json["token_type"] == "Bearer"
    assert reply.json["expires_in"] == 60
    assert reply.json["scope"] == "campaigns:read campaigns:write interactions:agents:read"


async def test_a_secret_with_characters_that_forms_quote_works(stranger: Visitor) -> None:
    reply = await stranger.request_token(client_id="reader", client_secret="pass=word&")

    assert reply.status == 200


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"client_secret": ""}, 401, "invalid_client"),
        ({"grant_type": ""}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"scope": "campaigns:read everything"}, 400, "invalid_scope"),
    ],
)
async def test_a_refused_token_request_is_told_in_oauth_terms(
    stranger: Visitor, changes: dict[str, str], status: int, error: str
) -> None:
    reply = await stranger.request_token(**changes)

    assert (reply.status, reply.json["error"]) == (status, error)


async def test_a_token_request_must_be_a_form(stranger: Visitor) -> None:
    reply = await stranger.post("/oauth2/token", {"grant_type": "client_credentials"})

    assert (reply.status, reply.json["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "header",
    [{}, {"Authorization": "Bearer made-up"}, {"Authorization": "Basic eA=="}],
)
async def test_without_a_granted_token_nothing_is_served(
    stranger: Visitor,
    header: dict[str, str],
) -> None:
    reply = await stranger.get(CAMPAIGN, headers=header)

    assert reply.status == 401
    assert reply.headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_token_ends_after_its_lifetime(visitor: Visitor) -> None:
    visitor.wall.seconds += 59.9
    assert (await visitor.get(CAMPAIGN)).status == 200

    visitor.wall.seconds += 0.1
    reply = await visitor.get(CAMPAIGN)

    assert reply.status == 401
    assert "expired" in reply.json["error_description"]
    assert (await visitor.get("/_sim/tokens")).json["alive"] == 0


async def test_a_revoked_token_is_refused_and_a_new_one_is_good(visitor: Visitor) -> None:
    assert (await visitor.post("/_sim/tokens/revoke")).json == {"revoked": 1}
    assert (await visitor.get(CAMPAIGN)).status == 401

    await visitor.sign_in()

    assert (await visitor.get(CAMPAIGN)).status == 200


async def test_revoking_one_clients_tokens_leaves_the_others(visitor: Visitor) -> None:
    await visitor.request_token(client_id="reader", client_secret="pass=word&")

    assert (await visitor.post("/_sim/tokens/revoke", {"client": "reader"})).json == {"revoked": 1}
    assert (await visitor.get(CAMPAIGN)).status == 200


@pytest.mark.parametrize(
    ("granted", "method", "path", "needed"),
    [
        ("campaigns:read", "PUT", CAMPAIGN, "campaigns:write"),
        ("campaigns:write", "GET", CAMPAIGN, "campaigns:read"),
        ("campaigns:read", "GET", f"{AGENTS}?state=available", "interactions:agents:read"),
    ],
)
async def test_a_missing_scope_is_named(
    stranger: Visitor, granted: str, method: str, path: str, needed: str
) -> None:
    await stranger.sign_in(scope=granted)

    reply = await stranger.call(
        method,
        path,
        json={"status": "PAUSED"} if method == "PUT" else None,
    )

    assert (reply.status, reply.json["scope"]) == (403, needed)
    assert await stranger.campaign_status() == "RUNNING"


async def test_granted_and_living_tokens_are_counted_per_client(visitor: Visitor) -> None:
    await visitor.request_token()
    await visitor.request_token(client_secret="wrong")

    reply = await visitor.get("/_sim/tokens")

    assert reply.json["granted"] == 2
    assert reply.json["clients"]["simulator"] == {"granted": 2, "alive": 2}


async def test_a_client_can_be_changed_and_its_secret_is_never_shown(visitor: Visitor) -> None:
    change = {"secret": "fresh-secret", "scopes": ["campaigns:read"], "tokenLifetime": 5}

    reply = await visitor.put("/_sim/clients/simulator", change)

    assert reply.json == {"id": "simulator", "scopes": ["campaigns:read"], "tokenLifetime": 5}
    assert b"secret" not in (await visitor.get("/_sim/clients")).body
    assert (await visitor.request_token()).status == 401
    assert (await visitor.request_token(client_secret="fresh-secret")).json["expires_in"] == 5

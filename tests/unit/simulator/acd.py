"""What the tests of the ACD half need: its paths, its scenario, and how a client signs in."""

import base64
from typing import Any

from cxone_simulator import Scenario
from unit.simulator.visitor import Reply, Visitor

API = "/incontactapi/services/v33.0"
ACTIVITY = f"{API}/skills/activity"
STATES = f"{API}/agents/states"
OPENID = "/.well-known/openid-configuration"
DISCOVERY = "/.well-known/cxone-configuration"
TENANT = "11e00000-0000-4000-8000-00000000acd0"
KEY, KEY_SECRET = "KEY5XJ====", "s3cret/of+the=key=="


def acd_scenario(**document: Any) -> Scenario:
    """A tenant that stands still: 4 agents, and campaign 1001 with the running skill 4001."""
    return Scenario.from_document(
        {
            "dialects": ["ACD"],
            "mode": "manual",
            "speed": 0,
            "accessKeys": {KEY: {"secret": KEY_SECRET}},
            "agents": 4,
            "campaigns": [campaign(4001)],
            **document,
        }
    )


def campaign(*skills: int | dict[str, Any]) -> dict[str, Any]:
    """Campaign 1001 with these skills: by id, or by what is to be said of them."""
    return {
        "id": 1001,
        "name": "Spring renewals",
        "skills": [{"id": skill} if isinstance(skill, int) else skill for skill in skills],
    }


def basic(client: str = "simulator", secret: str = "simulator-secret") -> dict[str, str]:
    """The header by which a registered client shows who it is."""
    text = base64.b64encode(f"{client}:{secret}".encode()).decode()
    return {"Authorization": f"Basic {text}"}


async def password_grant(visitor: Visitor, headers: Any = None, **changes: str) -> Reply:
    """A token request, right but for the changes; a field that is changed to "" is left out."""
    form = {"grant_type": "password", "username": KEY, "password": KEY_SECRET, **changes}
    return await visitor.call(
        "POST",
        "/auth/token",
        data={key: value for key, value in form.items() if value},
        headers=basic() if headers is None else headers,
    )


async def key_token(visitor: Visitor, key: str = KEY, secret: str = KEY_SECRET) -> Reply:
    """A token request with the access key alone."""
    return await visitor.post(
        "/authentication/v1/token/access-key",
        {"accessKeyId": key, "accessKeySecret": secret},
    )


async def sign_in(visitor: Visitor) -> None:
    """Get a token and use it from now on."""
    reply = await password_grant(visitor)
    assert reply.status == 200, reply.body
    visitor.headers = {"Authorization": f"Bearer {reply.json['access_token']}"}


async def runs(visitor: Visitor, skill: int = 4001) -> bool:
    """Whether a skill runs, as a client sees it."""
    reply = await visitor.get(f"{API}/skills/{skill}")
    assert reply.status == 200, reply.body
    return bool(reply.json["isRunning"])


async def activity(visitor: Visitor, skill: int = 4001) -> dict[str, Any]:
    """A skill's row in the activity of all."""
    rows = (await visitor.get(ACTIVITY)).json["skillActivity"]
    (row,) = [row for row in rows if row["skillId"] == skill]
    return dict(row)


async def states(visitor: Visitor) -> list[int]:
    """The numbers of all agents' states."""
    reply = await visitor.get(f"{STATES}?fields=agentStateId")
    return [row["agentStateId"] for row in reply.json["agentStates"]]

"""The driver by which the integration tests and the demo handle a simulator process: its ACD half."""

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from stack.simulator import Simulator
from unit.simulator.acd import ACTIVITY, API

SKILLS = [{"id": 4001, "name": "renewals"}, {"id": 4002, "name": "reminders"}]


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """A tenant with credentials of its own; each test leaves the skills running and freely counted."""
    tenant = Simulator.acd(
        tmp_path_factory.mktemp("tenant"),
        tenant_id="tenant-a",
        client=("client-a", "client-secret"),
        access_key=("key-a", "key-secret=="),
        campaigns=[{"id": 1001, "skills": SKILLS}],
    )
    yield tenant
    assert tenant.stop() == 0


def ask(url: str, token: str = "", body: Any = None, method: str | None = None) -> Any:
    """One request of a client."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def token_of(tenant: Simulator) -> str:
    """A token for the tenant's access key."""
    body = {"accessKeyId": "key-a", "accessKeySecret": "key-secret=="}
    answer = ask(f"{tenant.url}/authentication/v1/token/access-key", body=body)
    return str(answer["access_token"])


def available(tenant: Simulator) -> dict[int, int]:
    """What a client counts per skill."""
    url = f"{tenant.url}{ACTIVITY}?fields=skillId,agentsAvailable"
    rows = ask(url, token_of(tenant))["skillActivity"]
    return {row["skillId"]: row["agentsAvailable"] for row in rows}


def test_agents_are_set_as_for_the_other_dialect(tenant: Simulator) -> None:
    tenant.set_agents(available=7)
    assert available(tenant) == {4001: 7, 4002: 7}

    tenant.set_skill_activity(4001, agentsAvailable=2)
    assert available(tenant) == {4001: 2, 4002: 7}
    tenant.set_skill_activity(4001)
    tenant.add_agent("ann", "renewals")
    tenant.add_agent("bob", "renewals")
    tenant.set_agent_state("ann", "busy")
    tenant.set_agent_state("bob", 2)
    assert available(tenant) == {4001: 7, 4002: 7}
    tenant.set_agent_state("bob", "available")
    assert available(tenant) == {4001: 8, 4002: 7}


def test_a_drain_is_held_and_released(tenant: Simulator) -> None:
    tenant.hold_drains()
    ask(f"{tenant.url}{API}/skills/4001/stop?force=false", token_of(tenant), method="POST")
    assert tenant.skill_runs(4001)
    assert tenant.skill(4001)["draining"]

    tenant.release_drain(4001)

    assert tenant.running_skills() == {4002}
    assert tenant.forced_stops() == 0
    tenant.hold_drains(hold=False)
    tenant.set_running_as_person(True, 4001)
    assert tenant.running_skills() == {4001, 4002}


def test_skills_of_all_kinds_come_and_go(tenant: Simulator) -> None:
    kinds = {"inbound": 1, "manual": 2, "agentless": 3, "inactive": 4}
    for kind, number in kinds.items():
        tenant.add_skill(number, "1001", kind)

    told = {kind: tenant.skill(number) for kind, number in kinds.items()}

    assert told["inbound"]["outbound"] is False
    assert told["manual"]["outboundStrategy"] == "Manual Outbound"
    assert told["agentless"]["agentless"] is True
    assert told["inactive"]["active"] is False
    tenant.schedule_skill(1, isScheduled=True)
    assert tenant.skill(1)["schedule"] == {"isScheduled": True}
    for number in kinds.values():
        tenant.remove_skill(number)
    assert tenant.running_skills() == {4001, 4002}


def test_whose_credentials_came_is_told(tenant: Simulator) -> None:
    before = tenant.last_request()
    ask(f"{tenant.url}{API}/campaigns/1001", token_of(tenant))

    assert tenant.credentials_seen() == {"key-a", "tenant-a"}
    assert tenant.requests_of(tenant="tenant-a")[-1]["path"] == f"{API}/campaigns/1001"
    assert [row["pathClass"] for row in tenant.requests(since=before)] == ["token", "acd-campaign"]
    assert tenant.requests_of(client="somebody") == []

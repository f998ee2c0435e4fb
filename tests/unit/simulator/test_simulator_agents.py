"""Agents by state: paging, order, caps, and direct counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxone_simulator.model import AgentState, Tenant, TenantFull
from unit.simulator.visitor import AGENTS, Visitor


async def ids(visitor: Visitor, query: str) -> list[str]:
    """The ids on one page."""
    reply = await visitor.get(f"{AGENTS}?{query}")
    assert reply.status == 200, reply.body
    return [row["id"] for row in reply.json["items"]]


async def test_a_row_has_id_name_and_state_and_nothing_else(visitor: Visitor) -> None:
    reply = await visitor.get(f"{AGENTS}?state=available&limit=1&offset=4")

    assert reply.json == {"items": [{"id": "agent-5", "name": "Agent 5", "state": "available"}]}


async def test_pages_together_hold_every_agent_once_in_one_order(visitor: Visitor) -> None:
    query = "state=available&limit=8&offset="
    pages = [await ids(visitor, f"{query}{offset}") for offset in (0, 8, 16, 24)]

    assert [len(page) for page in pages] == [8, 8, 4, 0]
    listed = [agent for page in pages for agent in page]
    assert listed == [f"agent-{number}" for number in range(1, 21)]


async def test_a_cap_makes_pages_shorter_than_asked_for(visitor: Visitor) -> None:
    await visitor.put("/_sim/page-cap", {"cap": 5})

    assert len(await ids(visitor, "state=available&limit=100")) == 5
    assert await ids(visitor, "state=available&limit=100&offset=15") == [
        "agent-16",
        "agent-17",
        "agent-18",
        "agent-19",
        "agent-20",
    ]

    await visitor.put("/_sim/page-cap", {"cap": None})

    assert len(await ids(visitor, "state=available&limit=100")) == 20


async def test_an_agent_who_comes_back_takes_the_old_place(visitor: Visitor) -> None:
    await visitor.put("/_sim/agents/agent-2", {"state": "busy"})
    assert await ids(visitor, "state=available&limit=2") == ["agent-1", "agent-3"]
    assert await ids(visitor, "state=busy") == ["agent-2"]

    await visitor.put("/_sim/agents/agent-2", {"state": "available"})

    assert await ids(visitor, "state=available&limit=2") == ["agent-1", "agent-2"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("state=sleeping", "state"),
        ("state=", "state"),
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=ten", "limit"),
        ("offset=-1", "offset"),
        ("offset=1.5", "offset"),
        ("offset=99999999999999999999", "offset"),
    ],
)
async def test_a_bad_parameter_is_refused_by_name(visitor: Visitor, query: str, field: str) -> None:
    reply = await visitor.get(f"{AGENTS}?{query}")

    assert reply.status == 400
    assert reply.json["error_description"].startswith(f"{field}: ")


async def test_direct_counts_are_exact_and_leave_what_is_not_named(visitor: Visitor) -> None:
    await visitor.put("/_sim/agents", {"busy": 4, "available": 10})

    reply = await visitor.put("/_sim/agents", {"available": 3})

    assert reply.json["agents"] == {
        "available": 3,
        "busy": 4,
        "wrap-up": 0,
        "offline": 13,
        "total": 20,
    }
    assert len(await ids(visitor, "state=available")) == 3


async def test_more_agents_than_there_are_come_as_new_ones(visitor: Visitor) -> None:
    reply = await visitor.put("/_sim/agents", {"available": 9_990, "wrap-up": 10})

    assert reply.json["agents"]["total"] == 10_000
    assert len(await ids(visitor, "state=available&limit=500&offset=9900")) == 90


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"avialable": 3}, "avialable: unknown key"),
        ({"available": -1}, "available: "),
        ({"wrap-up": "some"}, "wrap-up: "),
        ({}, "give at least one of available, busy, wrap-up, offline"),
        ({"available": 9_000, "busy": 1_001}, "at most 10000 agents"),
    ],
)
async def test_bad_counts_change_nothing_and_name_the_field(
    visitor: Visitor, body: dict[str, object], problem: str
) -> None:
    reply = await visitor.put("/_sim/agents", body)

    assert reply.status == 400
    assert problem in reply.json["error"]
    assert (await visitor.get("/_sim/state")).json["agents"]["available"] == 20


COUNTS = st.dictionaries(st.sampled_from(AgentState), st.integers(0, 30), min_size=1)
MOVES = st.lists(st.tuples(st.integers(1, 40), st.sampled_from(AgentState)), max_size=30)


@given(steps=st.lists(st.tuples(COUNTS, MOVES), max_size=6))
def test_whatever_happens_each_agent_is_in_one_state_and_in_order(
    steps: list[tuple[dict[AgentState, int], list[tuple[int, AgentState]]]],
) -> None:
    tenant = Tenant(now=lambda: 0.0)
    for counts, moves in steps:
        tenant.set_counts(counts)
        assert {state: tenant.count(state) for state in counts} == counts
        for number, state in moves:
            agent = tenant.agent(f"agent-{number}")
            if agent is not None:
                tenant.move(agent, state)
        everyone = tenant.agents()
        assert [agent.ordinal for agent in everyone] == sorted(agent.ordinal for agent in everyone)
        for state in AgentState:
            assert tenant.agents(state) == [agent for agent in everyone if agent.state is state]
        free = tenant.longest_free()
        assert (free is None) == (tenant.count(AgentState.AVAILABLE) == 0)
        assert free is None or free.state is AgentState.AVAILABLE


def test_a_tenant_holds_no_more_than_ten_thousand_agents() -> None:
    tenant = Tenant(now=lambda: 0.0)
    tenant.set_counts({AgentState.BUSY: 9_000})

    with pytest.raises(TenantFull, match="10001"):
        tenant.set_counts({AgentState.AVAILABLE: 1_001})

    assert tenant.count(AgentState.AVAILABLE) == 0


def test_a_call_goes_to_the_agent_who_has_been_free_longest_and_has_the_skill() -> None:
    tenant = Tenant(now=lambda: 0.0)
    first = tenant.add_agent(skills=["sales"])
    second = tenant.add_agent(skills=["sales", "service"])
    tenant.move(first, AgentState.BUSY)
    tenant.move(first, AgentState.AVAILABLE)

    assert tenant.longest_free() is second
    assert tenant.longest_free("sales") is second
    tenant.move(second, AgentState.BUSY)
    assert tenant.longest_free("sales") is first
    assert tenant.longest_free("service") is None

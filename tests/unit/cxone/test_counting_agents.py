"""A count of agents is right, or it is unknown: paging against the simulator and against servers that lie."""

import json

import pytest

from campaign_throttle.cxone import campaigns
from campaign_throttle.cxone.errors import CXoneError, CXoneServerError, InvalidResponse
from cxone_simulator.model import AgentState
from cxone_simulator.traffic import PathClass
from unit.cxone.tenant_at_work import AGENT_NAME, broken_tenant, http, tenant, told


def page(*rows):
    return http(json.dumps({"items": list(rows)}))


def agent(number, state="available"):
    return {"id": f"agent-{number}", "name": AGENT_NAME, "state": state}


def paged(rows, *, cap=10**6):
    """A server that pages through rows as the contract says."""

    async def answer(asked, writer):
        query = dict(part.split("=") for part in asked.line.split()[1].partition("?")[2].split("&"))
        offset = int(query["offset"])
        return page(*rows[offset : offset + min(cap, int(query["limit"]))])

    return answer


@pytest.mark.parametrize("number", [0, 1, 99, 100, 101, 200, 250, 1000])
async def test_every_available_agent_is_counted_whatever_the_number_of_pages(number):
    async with tenant(agents=number) as at:
        assert await at.count() == number
        assert await at.count() == number


@pytest.mark.parametrize(("number", "requests"), [(0, 1), (100, 2), (200, 3), (250, 3)])
async def test_a_count_takes_no_more_pages_than_there_are(number, requests):
    async with tenant(agents=number) as at:
        await at.count()
        assert len(at.requests(PathClass.AGENTS)) == requests


@pytest.mark.parametrize("cap", [7, 37, 50, 99])
async def test_a_server_that_caps_its_pages_is_found_out_and_everybody_is_counted(cap):
    async with tenant(agents=120, page_cap=cap) as at:
        for _ in range(3):
            assert await at.count() == 120


async def test_a_short_first_page_is_probed_once_per_token_only():
    async with tenant(agents=20) as at:
        for _ in range(5):
            assert await at.count() == 20
        assert [entry.query.rpartition("=")[2] for entry in at.requests(PathClass.AGENTS)] == [
            *("0", "20"),
            *("0" * 4),
        ]
        at.sim.tokens.revoke()
        await at.count()
        await at.count()
        assert at.requests(PathClass.AGENTS)[-2].query.endswith("offset=20")
        assert at.requests(PathClass.AGENTS)[-1].query.endswith("offset=0")


async def test_a_cap_that_was_not_felt_when_probed_is_found_out_once_there_are_more_agents():
    async with tenant(agents=20, page_cap=50) as at:
        assert await at.count() == 20
        at.sim.tenant.set_counts({AgentState.AVAILABLE: 130})
        assert await at.count() == 130


async def test_a_cap_that_is_lifted_later_is_no_reason_to_miscount():
    async with tenant(agents=250, page_cap=50) as at:
        assert await at.count() == 250
        at.sim.simulation.page_cap = None
        for _ in range(2):
            assert await at.count() == 250


async def test_a_probe_that_fails_proves_nothing_about_the_next_count(no_backoff):
    async with tenant(agents=120, page_cap=50) as at:
        at.fault(kind="html", path="agents", minimum_offset=50, count=1)
        with pytest.raises(InvalidResponse):
            await at.count()
        assert await at.count() == 120


async def test_several_states_are_counted_together():
    async with tenant(agents={"available": 150, "busy": 3, "wrap-up": 7, "offline": 9}) as at:
        assert await at.count(frozenset({"available", "wrap-up"})) == 157


async def test_an_agent_who_is_seen_on_two_pages_counts_once():
    rows = [agent(number) for number in range(100)] + [agent(99), agent(100), agent(0)]
    async with broken_tenant(paged(rows)) as (at, _):
        assert await at.count() == 101


async def test_a_last_page_on_which_everybody_was_seen_before_is_no_error():
    """An agent came in at the front between two pages and pushed another one over to the next."""
    rows = [agent(number) for number in range(100)] + [agent(99)]
    async with broken_tenant(paged(rows)) as (at, _):
        assert await at.count() == 100


async def test_an_agent_in_another_state_than_asked_for_does_not_count():
    rows = [agent(1), agent(2, "busy"), agent(3, "Available"), agent(4, "")]
    async with broken_tenant(paged(rows)) as (at, _):
        assert await at.count() == 1


async def test_ids_may_be_numbers():
    rows = [{"id": number, "state": "available"} for number in (0, 1, 10**18)]
    async with broken_tenant(paged(rows)) as (at, _):
        assert await at.count() == 3


@pytest.mark.parametrize(
    "row",
    [
        {"state": "available"},
        {"id": "agent-2"},
        {"id": "", "state": "available"},
        {"id": None, "state": "available"},
        {"id": True, "state": "available"},
        {"id": 1.5, "state": "available"},
        {"id": ["agent-2"], "state": "available"},
        {"id": "agent-2", "state": None},
        {"id": "agent-2", "state": 1},
        "agent-2",
        None,
        [],
        7,
    ],
)
async def test_one_row_that_cannot_be_read_makes_the_count_unknown(row):
    async with broken_tenant(paged([agent(1), row])) as (at, _):
        with pytest.raises(InvalidResponse, match="unknown"):
            await at.count()


@pytest.mark.parametrize(
    "body", ["{}", '{"items": null}', '{"items": {}}', '{"items": "none"}', '{"items": 0}', '{"Items": []}']
)
async def test_a_page_without_a_list_of_items_makes_the_count_unknown_and_not_zero(body):
    async with broken_tenant(http(body)) as (at, _):
        with pytest.raises(InvalidResponse):
            await at.count()


async def test_a_later_page_that_fails_makes_the_whole_count_unknown():
    async with tenant(agents=250) as at:
        at.fault(kind="html", path="agents", minimum_offset=100)
        with pytest.raises(InvalidResponse):
            await at.count()


async def test_a_later_page_that_is_missing_makes_the_whole_count_unknown():
    async with tenant(agents=250) as at:
        at.fault(kind="status", code=404, path="agents", minimum_offset=200)
        with pytest.raises(InvalidResponse):
            await at.count()


async def test_a_later_page_that_fails_and_then_answers_is_counted_once(no_backoff):
    async with tenant(agents=250) as at:
        at.fault(kind="status", code=503, path="agents", minimum_offset=100, count=2)
        assert await at.count() == 250


async def test_a_later_page_that_keeps_failing_is_an_error_of_the_server(no_backoff):
    async with tenant(agents=250) as at:
        at.fault(kind="status", code=500, path="agents", minimum_offset=200)
        with pytest.raises(CXoneServerError):
            await at.count()


@pytest.mark.parametrize("number", [3, 99, 100, 150])
async def test_a_server_that_ignores_the_offset_is_not_asked_for_ever(number):
    async with broken_tenant(page(*(agent(n) for n in range(number)))) as (at, server):
        with pytest.raises(InvalidResponse, match="repeats"):
            await at.count()
        assert len([asked for asked in server.asked if not asked.is_token]) == 2


async def test_a_server_that_invents_agents_without_end_is_given_up(monkeypatch):
    monkeypatch.setattr(campaigns, "PAGES_MAXIMUM", 10)
    invented = iter(range(10**9))

    async def answer(asked, writer):
        return page(*(agent(next(invented)) for _ in range(100)))

    async with broken_tenant(answer) as (at, server):
        with pytest.raises(InvalidResponse, match="more than 10 pages"):
            await at.count()
        assert len([asked for asked in server.asked if not asked.is_token]) == 10


async def test_as_many_pages_as_allowed_are_counted(monkeypatch):
    monkeypatch.setattr(campaigns, "PAGES_MAXIMUM", 4)
    async with tenant(agents=350) as at:
        assert await at.count() == 350


async def test_agents_without_a_path_are_a_wrong_base_url_and_not_zero_agents():
    async with tenant() as at:
        at.fault(kind="status", code=404, path="agents")
        with pytest.raises(InvalidResponse, match="check the base URL"):
            await at.count()


async def test_an_empty_204_is_unknown_and_not_zero_agents():
    async with tenant(agents=3) as at:
        at.fault(kind="empty-204", path="agents")
        with pytest.raises(InvalidResponse):
            await at.count()


@pytest.mark.parametrize("kind", ["wrong-types", "missing-fields"])
async def test_spoilt_rows_make_the_count_unknown_and_name_no_agent(kind):
    async with tenant(agents=3) as at:
        at.fault(kind=kind, path="agents")
        with pytest.raises(CXoneError) as caught:
            await at.count()
        assert AGENT_NAME not in told(caught.value)

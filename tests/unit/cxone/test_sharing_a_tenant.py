"""What requests of one tenant owe each other: its budget, its closed paths, and room for a pause."""

import asyncio

import pytest
from pydantic import SecretStr

from campaign_throttle.cxone.auth import Token
from campaign_throttle.cxone.budget import PLACES, Budget, Priority
from campaign_throttle.cxone.errors import (
    CXoneError,
    CXoneServerError,
    CXoneTimeout,
    EndpointNotAllowed,
    Forbidden,
    RateLimited,
)
from campaign_throttle.cxone.protocol import DialingState, Probe
from campaign_throttle.cxone.session import Operation, Session
from campaign_throttle.cxone.transport import Answer, Request, Transport
from campaign_throttle.resources.behaviour import Agents, AgentState
from cxone_simulator.traffic import PathClass
from unit.cxone.tenant_at_work import SECRET, RawServer, broken_tenant, http, simulators, tenant, until
from unit.cxone.virtual_time import run

PAUSED = DialingState.PAUSED
READS = PLACES[Priority.READ]


# A pause goes first


async def test_a_pause_is_made_while_all_reads_hang():
    async with tenant() as at:
        await at.campaign()
        fault = at.fault(kind="hang", path="campaign-read")
        reads = [asyncio.create_task(at.campaign()) for _ in range(200)]
        await until(lambda: fault.waiting == READS)
        await at.set_state(PAUSED, seconds=2)
        assert at.sim.tenant.campaign("cmp-1").status == "PAUSED"
        for read in reads:
            read.cancel()
        await asyncio.gather(*reads, return_exceptions=True)


async def test_a_pause_gets_a_fresh_token_while_all_reads_hang():
    async with tenant() as at:
        await at.campaign()
        fault = at.fault(kind="hang", path="campaign-read")
        reads = [asyncio.create_task(at.campaign()) for _ in range(200)]
        await until(lambda: fault.waiting == READS)
        at.sim.tokens.revoke()
        await at.set_state(PAUSED, seconds=2)
        assert at.sim.tenant.campaign("cmp-1").status == "PAUSED"
        for read in reads:
            read.cancel()
        await asyncio.gather(*reads, return_exceptions=True)


async def test_a_pause_whose_outcome_is_unknown_is_read_back_while_other_reads_wait(no_backoff):
    async with tenant(campaigns=2, budget=Budget(20, 1)) as at:
        await at.campaign()
        reads = [asyncio.create_task(at.campaign("cmp-2")) for _ in range(100)]
        await asyncio.sleep(0.1)
        at.fault(kind="reset", path="campaign-write", count=1)
        await at.set_state(PAUSED, seconds=2)
        assert at.sim.tenant.campaign("cmp-1").status == "PAUSED"
        for read in reads:
            read.cancel()
        await asyncio.gather(*reads, return_exceptions=True)


# The budget


async def test_all_requests_of_a_tenant_keep_its_budget_together():
    rate, burst = 10, 5
    async with tenant(budget=Budget(rate, burst)) as at:
        await asyncio.gather(*(at.campaign() for _ in range(25)), *(at.count() for _ in range(5)))
        times = sorted(entry.time for entry in at.requests())
        assert len(times) > 30
        for first, earlier in enumerate(times):
            within = [later for later in times[first:] if later < earlier + 1.0]
            assert len(within) <= burst + rate + 3  # one may be late on its way, and the next one not
        assert times[-1] - times[0] > (len(times) - burst - 3) / rate


async def test_a_request_that_does_not_fit_the_budget_is_told_before_anything_is_sent():
    async with tenant(budget=Budget(1, 2)) as at:
        await at.campaign()
        for _ in range(3):
            with pytest.raises(RateLimited, match=r"raise spec\.rateLimit of the tenant, or use longer intervals"):
                await at.campaign(seconds=0.5)
        assert len(at.requests()) == 2


async def test_a_repetition_after_429_has_to_fit_the_budget_too():
    async with tenant(budget=Budget(4, 1)) as at:
        await at.campaign()
        at.fault(kind="status", code=429, retry_after=0, path="campaign-read", count=2)
        await at.campaign()
        refused, again, answered = [entry.time for entry in at.requests()][-3:]
        assert again - refused >= 0.2
        assert answered - again >= 0.2


# Paths that are closed


async def test_after_a_429_those_who_wait_for_their_turn_leave_the_path_alone_too():
    async with tenant() as at, tenant() as other:
        await at.campaign()
        at.fault(kind="status", code=429, retry_after=1, path="campaign-read", count=1)
        await asyncio.gather(*(at.campaign() for _ in range(3 * READS)), other.campaign(), at.count())
        reads = at.requests(PathClass.CAMPAIGN_READ)[1:]
        [refused] = [entry for entry in reads if entry.status == 429]
        under_way = [entry for entry in reads if entry.time < refused.time + 0.95]
        assert len(under_way) <= READS
        assert len(reads) == 3 * READS + 1
        [elsewhere] = other.requests(PathClass.CAMPAIGN_READ)
        assert elsewhere.status == 200


def test_a_turn_in_vain_at_a_closed_path_costs_the_budget_nothing():
    async def scene():
        loop, sent = asyncio.get_running_loop(), []

        class Granted:
            async def obtain(self, send):
                return Token(SecretStr("t0ken"), float("inf"), ())

        class Sender:
            async def send(self, request, *, seconds, deadline):
                sent.append((loop.time(), request.operation))
                refused = request.operation == "agents"
                await asyncio.sleep(1.2)
                return Answer(request.operation, 429 if refused else 200, {"retry-after": "60"}, b"")

        session = Session(Sender(), grant=Granted(), base="https://x", budget=Budget(1, 1))
        reads = [asyncio.create_task(session.read(Operation("agents"), "/", deadline=50)) for _ in range(5)]
        await asyncio.sleep(2.1)
        await session.read(Operation("campaign"), "/", deadline=50)
        assert sent == [(0, "agents"), (1, "agents"), (2.1, "campaign")]
        for outcome in await asyncio.gather(*reads, return_exceptions=True):
            assert isinstance(outcome, RateLimited)
            assert "CXone limits the rate of agents requests" in str(outcome)
        assert session._budget._free == PLACES

    run(scene())


# What is told


@pytest.mark.parametrize(
    ("operation", "remedy"),
    [
        (Operation("a", scope="campaigns:read"), "grant the client the scope campaigns:read"),
        (Operation("a", permission="Skills Edit"), 'the permission "Skills Edit"'),
        (Operation("a"), "check what the client may do"),
    ],
)
async def test_what_is_missing_is_named_as_the_api_names_it(operation, remedy):
    async with broken_tenant(http(status="403 Forbidden")) as (at, _):
        with pytest.raises(Forbidden, match=remedy):
            await at.session.read(operation, "/x", deadline=at.deadline())


@pytest.mark.parametrize("status", ["200 OK", "201 Created", "202 Accepted", "204 No Content", "404 Not Found"])
async def test_a_change_is_accepted_by_any_2xx(status):
    async def answer(asked, writer):
        return f"HTTP/1.1 {status}\r\n\r\n".encode() if "204" in status else http(status=status)

    async with broken_tenant(answer) as (at, server):
        answered = await at.session.write(
            Operation("stop"), "/skills/7/stop", deadline=at.deadline(), method="POST", params={"force": "false"}
        )
        assert answered.status == int(status[:3])
        assert server.asked[-1].line == "POST /skills/7/stop?force=false HTTP/1.1"
        assert server.asked[-1].body == b""
        assert b"content-length: 0" in server.asked[-1].head.lower()


@pytest.mark.parametrize("status", ["201 Created", "202 Accepted", "206 Partial Content"])
async def test_a_read_is_answered_by_200_204_or_404_alone(status):
    async with broken_tenant(http("{}", status=status)) as (at, _):
        with pytest.raises(CXoneError, match=status[:3]):
            await at.session.read(Operation("agents"), "/x", deadline=at.deadline())


async def test_a_change_for_which_there_was_no_token_was_not_made_and_that_is_known(no_backoff):
    async with tenant() as at:
        for fault, error in (
            ({"kind": "status", "code": 500}, CXoneServerError),
            ({"kind": "hang"}, CXoneTimeout),
        ):
            at.fault(path="token", **fault)
            with pytest.raises(error) as caught:
                await at.set_state(PAUSED, seconds=0.5)
            assert not caught.value.outcome_unknown
            await at.session.tokens.close()
            at.sim.faults.clear()
        assert not at.methods()


async def test_a_change_that_may_be_under_way_stays_unknown_whatever_becomes_of_its_repetition(no_backoff):
    """The first one broke off, and what was on its way may yet arrive; the second was refused."""
    puts = []

    async def answer(asked, writer):
        if asked.line.startswith("GET"):
            return http('{"id": "cmp-1", "status": "RUNNING"}')
        puts.append(asked)
        return None if len(puts) == 1 else http(status="409 Conflict")

    async with broken_tenant(answer) as (at, _):
        with pytest.raises(CXoneError, match="409") as caught:
            await at.set_state(PAUSED)
        assert caught.value.outcome_unknown
        assert len(puts) == 2


async def test_a_grant_may_ask_several_times_and_its_requests_are_gated_and_counted_as_tokens():
    class Discovering:
        async def obtain(self, send):
            await send(Request("discovery", "GET", server.url + "/discovery", headers={"X-Own": "1"}))
            await send(Request("token", "POST", server.url + "/token", json_body={"secret": SECRET}))
            return Token(SecretStr("t0ken"), float("inf"), ())

    async def answer(asked, writer):
        return http("{}")

    async def base(deadline):
        bases.append(deadline)
        return server.url + "/found/"

    bases, observed = [], []
    async with RawServer(answer).running() as server:
        transport = Transport(policy=simulators(server.url), observe=lambda *request: observed.append(request[0]))
        session = Session(transport, grant=Discovering(), base=base)
        deadline = asyncio.get_running_loop().time() + 5
        await session.read(Operation("agents"), "/agents", deadline=deadline, params={"skip": 0})
        await session.close()
        assert [asked.line.rpartition(" ")[0] for asked in server.asked] == [
            "GET /discovery",
            "POST /token",
            "GET /found/agents?skip=0",
        ]
        assert ["authorization" in asked.head.decode().lower() for asked in server.asked] == [False, False, True]
        assert (observed, bases) == (["discovery", "token", "agents"], [deadline])


def test_a_request_shows_nothing_that_may_be_secret():
    request = Request(
        "token",
        "POST",
        "https://api.nicecxone.com",
        headers={"Authorization": SECRET},
        params={"a": SECRET},
        form={"a": SECRET},
        json_body={"a": SECRET},
    )
    assert SECRET not in repr(request)


# The dialect


async def test_throttles_with_the_same_states_share_a_source_whatever_their_order():
    async with tenant(agents={"available": 2, "busy": 3, "offline": 4}) as at:
        one = at.dialect.source(Agents(states=[AgentState.AVAILABLE, AgentState.BUSY]))
        same = at.dialect.source(Agents(states=[AgentState.BUSY, AgentState.AVAILABLE]))
        assert one == same != at.dialect.source(Agents())
        found = await at.dialect.read_agents(one, at.deadline())
        assert found.pages == len(at.requests(PathClass.AGENTS))


async def test_a_probe_asks_for_a_token_and_one_page_and_tells_the_scopes():
    async with tenant(agents=250, client={"scopes": ["campaigns:read", "interactions:agents:read"]}) as at:
        assert at.dialect.known is None
        found = await at.dialect.probe(at.deadline())
        assert found == at.dialect.known == Probe(at.sim.url, ("campaigns:read", "interactions:agents:read"))
        assert [entry.path_class for entry in at.requests()] == [PathClass.TOKEN, PathClass.AGENTS]


async def test_a_probe_without_the_scope_of_agents_names_it():
    async with tenant(client={"scopes": ["campaigns:read"]}) as at:
        with pytest.raises(Forbidden, match="interactions:agents:read"):
            await at.dialect.probe(at.deadline())


async def test_a_request_to_where_nothing_may_be_sent_is_over_before_its_token_is_asked_for():
    async with tenant() as at:
        session = Session(Transport(), grant=at.session._grant, base=at.sim.url)
        with pytest.raises(EndpointNotAllowed):
            await session.read(Operation("agents"), "/agents", deadline=at.deadline())
        await session.close()
        assert not at.requests()

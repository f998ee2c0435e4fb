"""What the throttles of one tenant share: a count of agents, a connection, a token; and a Secret that may change."""

import asyncio
import contextlib
from datetime import timedelta

import pytest

from campaign_throttle.cxone.errors import (
    CredentialsMissing,
    CredentialsRejected,
    CXoneTimeout,
    EndpointNotAllowed,
    InvalidResponse,
    RateLimited,
    TenantNotFound,
    TenantNotReady,
)
from campaign_throttle.cxone.protocol import DialingState, Target
from campaign_throttle.resources.behaviour import Agents
from campaign_throttle.resources.behaviour import AgentState as State
from campaign_throttle.tenants import FixedAccess, Tenant, sharing
from campaign_throttle.tenants import tenant as tenant_module
from campaign_throttle.tenants.access import AccessUnknown
from cxone_simulator.model import AgentState
from cxone_simulator.traffic import PathClass
from unit.cxone.tenant_at_work import INTERVAL, SECRET, tenant, told, until
from unit.declared_tenants import Changing, access_to, connects_to

FRESH, SHARED, OLD = timedelta(0), timedelta(seconds=2), timedelta(hours=1)
CMP = Target("cmp-1")


@pytest.fixture
async def at():
    async with tenant(agents=100) as at:
        at.tenant = Tenant(FixedAccess(access_to(at.sim.url)), connects_to(at.sim.url))
        yield at
        await at.tenant.close()


async def agents(at, max_age=SHARED, seconds=60.0, **fields):
    wanted = Agents(**fields)
    reading = await at.tenant.read_agents(wanted, max_age=max_age, deadline=at.deadline(seconds))
    return reading.headcount.count(wanted, None, INTERVAL)


def counts(at):
    return len([entry for entry in at.requests(PathClass.AGENTS) if entry.query.endswith("offset=0")])


async def test_thirty_throttles_at_once_cost_one_count(at):
    assert await asyncio.gather(*(agents(at) for _ in range(30))) == [100] * 30
    assert counts(at) == 1


async def test_a_count_that_is_young_enough_is_used_again(at):
    await agents(at)
    at.sim.tenant.set_counts({AgentState.AVAILABLE: 7})
    assert await agents(at, OLD) == 100
    assert counts(at) == 1


async def test_a_count_that_is_too_old_is_not_used(at):
    await agents(at)
    at.sim.tenant.set_counts({AgentState.AVAILABLE: 7})
    await asyncio.sleep(0.02)
    assert await agents(at, timedelta(milliseconds=10)) == 7


async def test_who_wants_a_fresh_count_gets_one_that_began_after_asking(at):
    await agents(at)
    at.sim.tenant.set_counts({AgentState.AVAILABLE: 7})
    assert await agents(at, FRESH) == 7


async def test_a_count_under_way_is_not_fresh_for_who_asks_later(at):
    fault = at.fault(kind="hang", path="agents", when="after", count=1)
    early = asyncio.create_task(agents(at))
    await until(lambda: fault.waiting, seconds=60)
    at.sim.tenant.set_counts({AgentState.AVAILABLE: 7})
    late = [asyncio.create_task(agents(at, FRESH)) for _ in range(5)]
    shared = asyncio.create_task(agents(at, OLD))
    await asyncio.sleep(0)
    at.sim.faults.clear()
    assert await asyncio.gather(early, shared, *late) == [100, 100, 7, 7, 7, 7, 7]
    assert counts(at) == 2


async def test_a_failure_is_shared_as_a_count_is(at):
    at.fault(kind="html", path="agents", count=1)
    outcomes = await asyncio.gather(*(agents(at) for _ in range(30)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {InvalidResponse}
    assert counts(at) == 1
    with pytest.raises(InvalidResponse):
        await agents(at, OLD)
    assert await agents(at, FRESH) == 100


async def test_a_failure_is_never_covered_up_by_an_older_count(at):
    await agents(at)
    at.fault(kind="html", path="agents")
    with pytest.raises(InvalidResponse):
        await agents(at, FRESH)
    with pytest.raises(InvalidResponse):
        await agents(at, OLD)


async def test_a_caller_who_leaves_does_not_end_the_count_of_the_others(at):
    fault = at.fault(kind="hang", path="agents")
    first = asyncio.create_task(agents(at))
    await until(lambda: fault.waiting, seconds=60)
    second = asyncio.create_task(agents(at))
    await asyncio.sleep(0)
    first.cancel()
    at.sim.faults.clear()
    assert await second == 100
    assert counts(at) == 1


async def test_each_caller_is_over_at_a_deadline_of_its_own(at):
    at.fault(kind="hang", path="agents")
    long = asyncio.create_task(agents(at))
    await asyncio.sleep(0)
    with pytest.raises(CXoneTimeout):
        await agents(at, seconds=0.1)
    assert not long.done()
    at.sim.faults.clear()
    assert await long == 100


async def test_different_states_are_different_counts(at):
    at.sim.tenant.set_counts({AgentState.AVAILABLE: 7, AgentState.BUSY: 2})
    assert await asyncio.gather(agents(at), agents(at, states=[State.BUSY])) == [7, 2]


async def test_the_same_failure_can_be_raised_many_times_without_growing(at):
    at.fault(kind="html", path="agents", count=1)
    errors = []
    for _ in range(50):
        with pytest.raises(InvalidResponse) as caught:
            await agents(at, OLD)
        errors.append(caught.value)
    assert len(caught.traceback) < 10
    assert counts(at) == 1


async def test_closing_ends_a_count_under_way(at):
    def under_way():
        return [task for task in asyncio.all_tasks() if "Tenant._read" in repr(task.get_coro())]

    at.fault(kind="hang", path="agents")
    with pytest.raises(CXoneTimeout):
        await agents(at, seconds=0.1)
    await at.tenant.close()
    assert not under_way()


# A Secret that changes


OTHER = "another-s3cret"


@pytest.fixture
async def changing():
    """A tenant whose access changes, and what it was asked for."""
    async with tenant(agents=3) as at:
        at.source = Changing(access_to(at.sim.url))
        at.tenant = Tenant(at.source, connects_to(at.sim.url, "http://other.nicecxone.com:1"))
        yield at
        await at.tenant.close()


def campaign(at, max_age=SHARED, seconds=10.0):
    return at.tenant.campaign(CMP, max_age=max_age, deadline=at.deadline(seconds))


def rotate(at):
    """The client gets another secret, which the Secret holds from now on; the old one is worth nothing any more."""
    client = at.sim.tokens.clients()["throttle"].model_copy(update={"secret": OTHER})
    at.sim.tokens.set_client("throttle", client)
    at.sim.tokens.revoke()
    at.source.access = access_to(at.sim.url, {"clientID": "throttle", "clientSecret": OTHER})


def tokens(at):
    return [entry.status for entry in at.requests(PathClass.TOKEN)]


async def test_one_look_and_one_token_serve_all_who_ask_in_the_same_moment(changing):
    await asyncio.gather(*(campaign(changing) for _ in range(30)), *(agents(changing) for _ in range(30)))
    assert changing.source.looks == 1
    assert tokens(changing) == [200]


async def test_the_secret_is_looked_at_again_once_the_last_look_is_too_old(changing):
    await campaign(changing, OLD)
    await campaign(changing, OLD)
    assert changing.source.looks == 1
    await campaign(changing, FRESH)
    assert changing.source.looks == 2
    assert tokens(changing) == [200]


async def test_a_rotated_secret_is_used_after_one_look_with_a_token_of_its_own(changing):
    await campaign(changing)
    rotate(changing)
    assert (await campaign(changing, FRESH)).id == "cmp-1"
    assert tokens(changing) == [200, 200]


async def test_a_refusal_has_the_secret_looked_at_at_once_and_no_poll_fails(changing, monkeypatch):
    monkeypatch.setattr(tenant_module, "LOOK_AGAIN", timedelta(0))
    await asyncio.gather(campaign(changing), agents(changing))
    rotate(changing)
    found = await asyncio.gather(
        *(campaign(changing, OLD) for _ in range(10)), *(agents(changing, FRESH) for _ in range(10))
    )
    assert [campaign.id for campaign in found[:10]] == ["cmp-1"] * 10
    assert found[10:] == [3] * 10
    assert tokens(changing).count(200) == 2


async def test_credentials_that_stay_refused_are_not_looked_at_without_end(changing):
    changing.source.access = access_to(changing.sim.url, {"clientID": "throttle", "clientSecret": OTHER})
    outcomes = await asyncio.gather(*(campaign(changing) for _ in range(30)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {CredentialsRejected}
    assert changing.source.looks == 1
    assert OTHER not in "".join(told(outcome) for outcome in outcomes)


async def test_a_secret_that_cannot_be_read_leaves_the_connection_as_it_is(changing):
    await campaign(changing)
    changing.source.error = AccessUnknown("Secret cxone can't be read")
    assert (await campaign(changing, FRESH)).id == "cmp-1"
    assert tokens(changing) == [200]


async def test_a_secret_that_was_never_read_is_no_connection(changing):
    changing.source.error = AccessUnknown("Secret cxone can't be read")
    with pytest.raises(TenantNotReady, match="can't be read"):
        await campaign(changing)
    changing.source.error = None
    assert (await campaign(changing, FRESH)).id == "cmp-1"


async def test_a_secret_that_is_gone_is_not_forgotten_while_the_api_server_is_away(changing):
    await campaign(changing)
    changing.source.error = CredentialsMissing("there is no Secret cxone")
    with pytest.raises(CredentialsMissing):
        await campaign(changing, FRESH)
    changing.source.error = AccessUnknown("Secret cxone can't be read")
    with pytest.raises(CredentialsMissing):
        await campaign(changing, FRESH)


async def test_without_its_secret_a_tenant_is_not_polled_and_back_with_it_recovers(changing):
    await campaign(changing)
    changing.source.error = CredentialsMissing("there is no Secret cxone")
    asked = len(changing.requests())
    for ask in (campaign, agents):
        with pytest.raises(CredentialsMissing):
            await ask(changing, FRESH)
    assert changing.tenant.known is None
    assert len(changing.requests()) == asked
    changing.source.error = None
    assert (await campaign(changing, FRESH)).id == "cmp-1"


async def test_a_release_works_for_a_minute_though_the_secret_went_first(changing, monkeypatch):
    """A GitOps tool deletes the Secret a moment before the throttle, whose deletionPolicy is Resume."""
    await campaign(changing)
    changing.source.error = CredentialsMissing("there is no Secret cxone")
    with pytest.raises(CredentialsMissing):
        await campaign(changing, FRESH)
    assert (await campaign(changing, timedelta.max)).id == "cmp-1"
    await changing.tenant.set_state(CMP, DialingState.PAUSED, deadline=changing.deadline())
    assert changing.sim.tenant.campaign("cmp-1").status == "PAUSED"
    monkeypatch.setattr(tenant_module, "LEAVING_TIME", timedelta(0))
    with pytest.raises(CredentialsMissing):
        await campaign(changing, FRESH)
    with pytest.raises(CredentialsMissing):
        await campaign(changing, timedelta.max)


# Another address, another budget


async def test_another_address_takes_the_token_with_it(changing):
    async with tenant(client={"secret": OTHER}) as other:
        changing.tenant._connect = connects_to(changing.sim.url, other.sim.url)
        await campaign(changing)
        changing.source.access = access_to(other.sim.url, {"clientID": "throttle", "clientSecret": OTHER})
        assert (await campaign(changing, FRESH)).id == "cmp-1"
        assert [entry.status for entry in other.requests()] == [200, 200], (
            "the token of the one is not sent to the other"
        )


async def test_a_tenant_that_is_declared_anew_is_not_reached_by_a_look_that_was_under_way(changing):
    """Else a request would go to the former address after the new one was declared."""
    async with tenant(client={"secret": OTHER}) as other:
        changing.tenant._connect = connects_to(changing.sim.url, other.sim.url)
        changing.source.gate = asyncio.Event()
        early = asyncio.create_task(campaign(changing))
        await until(lambda: changing.source.looks)
        new = Changing(access_to(other.sim.url, {"clientID": "throttle", "clientSecret": OTHER}))
        changing.tenant.look_anew(new)
        late = asyncio.create_task(campaign(changing, OLD))
        await asyncio.sleep(0)
        changing.source.gate.set()
        await asyncio.gather(early, late)
        assert changing.requests() == []
        assert len(other.requests()) == 3


async def test_an_address_that_is_not_allowed_ends_the_old_connection_too(changing):
    await campaign(changing)
    changing.source.access = access_to("https://169.254.169.254")
    for max_age in (FRESH, timedelta.max):
        with pytest.raises(EndpointNotAllowed):
            await campaign(changing, max_age)


async def test_the_old_connection_is_closed_once_nobody_uses_it(changing):
    await campaign(changing)
    before, closed = changing.tenant._connection, []
    close = before.dialect.close
    before.dialect.close = lambda: closed.append(before) or close()
    fault = changing.fault(kind="hang", path="campaign-read", count=1)
    slow = asyncio.create_task(campaign(changing))
    await until(lambda: fault.waiting, seconds=60)
    rotate(changing)
    await campaign(changing, FRESH)
    assert before.replaced
    assert before.uses == 1
    assert not closed
    changing.sim.faults.clear()
    assert (await slow).id == "cmp-1"
    await until(lambda: closed)
    await until(lambda: not changing.tenant._closing)
    assert len(closed) == 1


async def test_who_waits_for_a_count_is_not_cancelled_by_a_connection_that_is_replaced(changing):
    """However the look and the count fall together."""
    for turns in range(12):
        waiting = [asyncio.create_task(agents(changing, FRESH)) for _ in range(3)]
        for _ in range(turns):
            await asyncio.sleep(0)
        changing.source.access = access_to(changing.sim.url, timeout=f"{10 + turns}s")
        waiting += [asyncio.create_task(agents(changing, FRESH)) for _ in range(3)]
        assert await asyncio.gather(*waiting) == [3] * 6


async def test_new_credentials_bring_no_new_budget_and_a_new_limit_does(changing):
    limit = {"requestsPerSecond": 100, "burst": 5}
    budgets = []
    connect = changing.tenant._connect
    changing.tenant._connect = lambda access, budget: budgets.append(budget) or connect(access, budget)
    for secret, rate in ((SECRET, limit), (OTHER, limit), (SECRET, limit | {"burst": 6})):
        credentials = {"clientID": "throttle", "clientSecret": secret}
        changing.source.access = access_to(changing.sim.url, credentials, rateLimit=rate)
        with contextlib.suppress(CredentialsRejected):
            await campaign(changing, FRESH)
    first, second, third = budgets
    assert first is second
    assert second is not third


async def test_two_tenants_never_share_anything():
    async with tenant(agents=3) as one, tenant(agents=7, client={"secret": OTHER}) as two:
        connect = connects_to(one.sim.url, two.sim.url)
        secrets = (SECRET, OTHER)
        for at, secret in zip((one, two), secrets, strict=True):
            credentials = {"clientID": "throttle", "clientSecret": secret}
            at.tenant = Tenant(FixedAccess(access_to(at.sim.url, credentials)), connect)
        assert await asyncio.gather(*(agents(at) for at in (one, two) for _ in range(10))) == [3] * 10 + [7] * 10
        two.fault(kind="status", path="agents", code=429, retry_after=60)
        with pytest.raises(RateLimited):
            await agents(two, FRESH, seconds=1)
        assert await agents(one, FRESH) == 3
        for at in (one, two):
            assert {entry.status for entry in at.requests(PathClass.TOKEN)} == {200}
            await at.tenant.close()


# How intervals stretch


async def test_a_small_budget_stretches_the_intervals_of_all_and_who_leaves_gives_its_share_back(
    changing, monkeypatch
):
    monkeypatch.setattr(sharing, "STRETCH_AGE", timedelta(0))
    changing.source.access = access_to(changing.sim.url, rateLimit={"requestsPerSecond": 20})
    await campaign(changing)
    seconds = timedelta(seconds=5)
    factors = [changing.tenant.demand(str(number), seconds, 1) for number in range(200)]
    assert factors[0] == 1
    assert factors[-1] > 2
    for number in range(1, 200):
        changing.tenant.forget(str(number))
    assert changing.tenant.demand("0", seconds, 1) == 1


async def test_without_a_limit_nothing_is_stretched(changing):
    await campaign(changing)
    assert {changing.tenant.demand(str(number), timedelta(seconds=1), 50) for number in range(1000)} == {1.0}


# The end


async def test_a_tenant_that_is_closed_sends_nothing_any_more(changing):
    await campaign(changing)
    await changing.tenant.close()
    asked = len(changing.requests())
    with pytest.raises(TenantNotFound):
        await campaign(changing, timedelta.max)
    with pytest.raises(TenantNotFound):
        await agents(changing)
    assert len(changing.requests()) == asked


async def test_closing_does_not_wait_for_a_secret_that_is_not_read(changing):
    changing.source.gate = asyncio.Event()
    asked = asyncio.create_task(campaign(changing))
    await until(lambda: changing.source.looks)
    async with asyncio.timeout(1):
        await changing.tenant.close()
    with contextlib.suppress(asyncio.CancelledError, TenantNotFound):
        await asked


async def test_a_secret_that_takes_too_long_ends_at_the_deadline_of_who_asks(changing):
    changing.source.gate = asyncio.Event()
    with pytest.raises(TenantNotReady, match="not read in time"):
        await campaign(changing, seconds=0.05)
    changing.source.gate.set()
    assert (await campaign(changing)).id == "cmp-1"


async def test_a_tenant_shows_no_secret(changing):
    await campaign(changing)
    connection = changing.tenant._connection
    assert SECRET not in repr(vars(changing.tenant)) + repr(connection) + repr(connection.access)


async def test_nothing_is_changed_at_another_tenant_than_the_one_that_was_decided_about(changing):
    await campaign(changing)
    before = len(changing.requests())
    with pytest.raises(TenantNotReady, match="nothing was sent") as caught:
        await changing.tenant.set_state(CMP, DialingState.PAUSED, deadline=changing.deadline(), digest="another")
    assert not caught.value.outcome_unknown
    assert len(changing.requests()) == before
    digest = changing.source.access.spec.digest
    await changing.tenant.set_state(CMP, DialingState.PAUSED, deadline=changing.deadline(), digest=digest)
    assert (await campaign(changing)).state is DialingState.PAUSED

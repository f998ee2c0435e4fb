"""What is repeated, what never is, and that everything ends in time."""

import asyncio
import time

import pytest

from campaign_throttle.cxone import session
from campaign_throttle.cxone.errors import (
    CXoneError,
    CXoneServerError,
    CXoneTimeout,
    CXoneUnreachable,
    InvalidResponse,
)
from campaign_throttle.cxone.protocol import DialingState
from cxone_simulator.traffic import PathClass
from unit.cxone.tenant_at_work import broken_tenant, http, tenant, until

PAUSED, RUNNING = DialingState.PAUSED, DialingState.RUNNING


def status_of(at):
    return at.sim.tenant.campaign("cmp-1").status


# Reads


@pytest.mark.parametrize("fault", [{"kind": "status", "code": 500}, {"kind": "reset"}])
async def test_a_read_that_fails_twice_and_then_answers_has_answered(fault, no_backoff):
    async with tenant() as at:
        at.fault(path="campaign-read", count=2, **fault)
        assert (await at.campaign()).state is RUNNING
        assert at.methods() == ["GET"] * 3


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "status", "code": 503}, CXoneServerError),
        ({"kind": "reset"}, CXoneUnreachable),
        ({"kind": "truncated", "content_length": "wrong"}, CXoneUnreachable),
        ({"kind": "truncated", "content_length": "absent"}, CXoneUnreachable),
    ],
)
async def test_a_read_is_repeated_three_times_at_most(fault, error, no_backoff):
    async with tenant() as at:
        at.fault(path="campaign-read", **fault)
        with pytest.raises(error):
            await at.campaign()
        assert at.methods() == ["GET"] * 4


async def test_retries_of_the_token_and_of_the_call_do_not_multiply(no_backoff):
    async with tenant() as at:
        at.fault(kind="status", code=503, path="token")
        with pytest.raises(CXoneServerError):
            await at.campaign()
        assert len(at.requests(PathClass.TOKEN)) == 4


@pytest.mark.parametrize(
    "fault", [{"kind": "html"}, {"kind": "truncated"}, {"kind": "empty-204"}, {"kind": "status", "code": 409}]
)
async def test_an_answer_that_makes_no_sense_is_not_asked_for_again(fault):
    async with tenant() as at:
        at.fault(path="campaign-read", **fault)
        with pytest.raises(CXoneError):
            await at.campaign()
        assert at.methods() == ["GET"]


async def test_a_time_out_is_not_repeated():
    async with tenant(timeout=1.0) as at:
        at.fault(kind="hang", path="campaign-read")
        with pytest.raises(CXoneTimeout):
            await at.campaign()
        assert at.methods() == ["GET"]


async def test_reads_wait_1_2_and_4_seconds_before_they_are_repeated(monkeypatch):
    waited, failures = [], iter([CXoneServerError("503")] * 4)

    async def no_sleep(seconds):
        waited.append(seconds)

    async def attempt():
        raise next(failures)

    deadline = asyncio.get_running_loop().time() + 100
    with monkeypatch.context() as patched:
        patched.setattr(asyncio, "sleep", no_sleep)
        with pytest.raises(CXoneServerError):
            await session._repeated(attempt, deadline)
    assert len(waited) == 3
    for found, wanted in zip(waited, (1, 2, 4), strict=True):
        assert wanted <= found <= 1.25 * wanted


async def test_a_retry_that_would_begin_after_the_deadline_is_not_waited_for():
    async with tenant() as at:
        at.fault(kind="status", code=500, path="campaign-read")
        with pytest.raises(CXoneServerError):  # and not that the time is up
            await at.campaign(seconds=0.9)
        assert at.methods() == ["GET"]


# Changes


async def test_a_pause_is_one_request():
    async with tenant() as at:
        await at.set_state(PAUSED)
        assert (status_of(at), at.methods()) == ("PAUSED", ["PUT"])
        await at.set_state(RUNNING)
        assert (status_of(at), at.methods()) == ("RUNNING", ["PUT", "PUT"])


async def test_a_pause_may_be_answered_by_204():
    async with tenant(putStatus=204) as at:
        await at.set_state(PAUSED)
        assert (status_of(at), at.methods()) == ("PAUSED", ["PUT"])


FAILURES = [{"kind": "status", "code": 500}, {"kind": "reset"}, {"kind": "html"}, {"kind": "truncated"}]


@pytest.mark.parametrize("fault", FAILURES[:3])
async def test_a_pause_that_failed_is_read_back_and_then_repeated(fault):
    async with tenant() as at:
        at.fault(path="campaign-write", when="before", count=1, **fault)
        await at.set_state(PAUSED)
        assert (status_of(at), at.methods()) == ("PAUSED", ["PUT", "GET", "PUT"])


@pytest.mark.parametrize("fault", FAILURES)
async def test_a_pause_that_was_made_although_its_answer_was_lost_is_not_repeated(fault):
    async with tenant() as at:
        at.fault(path="campaign-write", when="after", count=1, **fault)
        await at.set_state(PAUSED)
        assert (status_of(at), at.methods()) == ("PAUSED", ["PUT", "GET"])


@pytest.mark.parametrize("fault", FAILURES[:3])
async def test_a_pause_is_repeated_once_at_most(fault):
    async with tenant() as at:
        at.fault(path="campaign-write", when="before", **fault)
        with pytest.raises(CXoneError) as caught:
            await at.set_state(PAUSED)
        # An answer, and a campaign that still runs after both: it had no effect. Silence may yet have one.
        assert caught.value.outcome_unknown is (fault["kind"] == "reset")
        assert (status_of(at), at.methods()) == ("RUNNING", ["PUT", "GET", "PUT", "GET"])


async def test_a_pause_that_can_not_be_read_back_is_not_repeated_and_its_outcome_is_unknown(no_backoff):
    async with tenant() as at:
        at.fault(kind="reset", path="campaign-write")
        at.fault(kind="html", path="campaign-read")
        with pytest.raises(CXoneUnreachable) as caught:
            await at.set_state(PAUSED)
        assert caught.value.outcome_unknown
        assert at.methods() == ["PUT", "GET"]


@pytest.mark.parametrize("code", [400, 403, 404, 409, 429])
async def test_a_pause_that_is_refused_outright_is_not_repeated_and_its_outcome_is_known(code):
    async with tenant() as at:
        at.fault(kind="status", code=code, retry_after=60, path="campaign-write")
        with pytest.raises(CXoneError) as caught:
            await at.set_state(PAUSED)
        assert not caught.value.outcome_unknown
        assert at.methods() == ["PUT"]


async def test_an_answer_that_says_that_nothing_changed_is_read_back():
    async with tenant() as at:
        at.fault(kind="body", text='{"id": "cmp-1", "status": "RUNNING"}', path="campaign-write", count=1)
        await at.set_state(PAUSED)
        assert (status_of(at), at.methods()) == ("PAUSED", ["PUT", "GET", "PUT"])


async def test_a_server_that_takes_changes_and_does_not_make_them_is_an_error():
    async with tenant() as at:
        at.fault(kind="body", text='{"id": "cmp-1", "status": "RUNNING"}', path="campaign-write")
        with pytest.raises(InvalidResponse, match="still RUNNING"):
            await at.set_state(PAUSED)


async def test_a_pause_with_a_token_that_was_revoked_is_sent_again_with_a_fresh_one():
    async with tenant() as at:
        await at.campaign()
        at.sim.tokens.revoke()
        await at.set_state(PAUSED)
        assert (status_of(at), at.methods()) == ("PAUSED", ["GET", "PUT", "PUT"])


async def test_a_kept_connection_that_turns_out_dead_does_not_repeat_a_pause_by_itself():
    """aiohttp would repeat it silently; the server must see one PUT, then the read."""

    async def answer(asked, writer):
        if asked.line.startswith("PUT") and puts(server) == 1:
            return None
        return http('{"id": "cmp-1", "status": "RUNNING"}')

    def puts(server):
        return len([asked for asked in server.asked if asked.line.startswith("PUT")])

    async with broken_tenant(answer) as (at, server):
        await at.campaign()
        with pytest.raises(InvalidResponse):
            await at.set_state(PAUSED)
        methods = [asked.line.split()[0] for asked in server.asked]
        assert methods == ["POST", "GET", "PUT", "GET", "PUT", "GET"]
        assert server.asked[2].connection == server.asked[1].connection


async def test_connections_are_used_again():
    async with broken_tenant(http('{"id": "cmp-1", "status": "RUNNING"}')) as (at, server):
        for _ in range(5):
            await at.campaign()
        assert server.connections == 1


# The end of a call


FAULTS_THAT_TAKE_TIME = [
    {"kind": "hang"},
    {"kind": "hang", "when": "after"},
    {"kind": "latency", "seconds": 30},
    {"kind": "drip", "bytes_per_second": 5},
    {"kind": "status", "code": 503},
    {"kind": "status", "code": 429},
    {"kind": "status", "code": 429, "retry_after": 2},
    {"kind": "reset"},
]


@pytest.mark.parametrize("call", ["count", "campaign", "set_state"])
@pytest.mark.parametrize("fault", FAULTS_THAT_TAKE_TIME, ids=lambda fault: "-".join(map(str, fault.values())))
async def test_a_call_is_over_at_its_deadline_whatever_happens(call, fault):
    async with tenant() as at:
        at.fault(**fault)
        started = time.monotonic()
        with pytest.raises(CXoneError):
            await {
                "count": lambda: at.count(seconds=0.3),
                "campaign": lambda: at.campaign(seconds=0.3),
                "set_state": lambda: at.set_state(PAUSED, seconds=0.3),
            }[call]()
        assert time.monotonic() - started < 20


async def test_a_deadline_that_has_passed_sends_nothing():
    async with tenant() as at:
        await at.campaign()
        with pytest.raises(CXoneError):
            await at.set_state(PAUSED, seconds=-1)
        assert at.methods() == ["GET"]


async def test_a_tenant_has_sixteen_requests_under_way_at_most_and_the_others_are_over_at_their_deadline():
    async with tenant() as at:
        await at.campaign()
        fault = at.fault(kind="hang", path="campaign-read")
        started = time.monotonic()
        calls = [asyncio.create_task(at.campaign(seconds=4)) for _ in range(40)]
        await until(lambda: fault.waiting == 16)
        assert len(at.methods()) == 1 + 16
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {CXoneTimeout}
        assert time.monotonic() - started < 60


async def test_waiting_for_a_place_does_not_count_as_the_time_of_cxone():
    async with tenant(timeout=0.5) as at:
        await at.campaign()
        at.fault(kind="latency", seconds=0.2, path="campaign-read")
        found = await asyncio.gather(*(at.campaign() for _ in range(64)))
        assert len(found) == 64


async def test_each_request_is_observed_once_with_how_it_ended(no_backoff):
    async with tenant(timeout=0.2) as at:
        at.fault(kind="status", code=503, path="campaign-read", count=1)
        await at.campaign()
        at.fault(kind="html", path="campaign-write")
        at.fault(kind="hang", path="agents")
        with pytest.raises(CXoneTimeout):
            await at.count()
        assert [request[:3] for request in at.observed] == [
            ("token", "POST", "200"),
            ("campaign-read", "GET", "503"),
            ("campaign-read", "GET", "200"),
            ("agents", "GET", "timeout"),
        ]

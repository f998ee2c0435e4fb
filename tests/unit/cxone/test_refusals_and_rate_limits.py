"""Errors of the API that say what to do, and paths that CXone wants to be left alone."""

import asyncio
import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign_throttle.cxone.errors import (
    CampaignNotFound,
    CXoneError,
    CXoneServerError,
    Forbidden,
    InvalidResponse,
    RateLimited,
)
from campaign_throttle.cxone.gates import RETRY_AFTER_MAXIMUM, Gate, retry_after
from campaign_throttle.cxone.protocol import DialingState
from cxone_simulator.traffic import PathClass
from unit.cxone.tenant_at_work import tenant

NOW = 1_800_000_000.0


# What the API refuses


@pytest.mark.parametrize(
    ("missing", "call"),
    [
        ("interactions:agents:read", "count"),
        ("campaigns:read", "campaign"),
        ("campaigns:write", "pause"),
    ],
)
async def test_a_missing_scope_is_named(missing, call):
    scopes = {"campaigns:read", "campaigns:write", "interactions:agents:read"} - {missing}
    async with tenant(client={"scopes": sorted(scopes)}) as at:
        calls = {
            "count": at.count,
            "campaign": at.campaign,
            "pause": lambda: at.set_state(DialingState.PAUSED),
        }
        with pytest.raises(Forbidden, match=missing):
            await calls.pop(call)()
        for other in calls.values():
            await other()


async def test_a_campaign_that_does_not_exist_is_named():
    async with tenant() as at:
        with pytest.raises(CampaignNotFound, match="cmp-9"):
            await at.campaign("cmp-9")


async def test_a_pause_of_a_campaign_that_does_not_exist_is_the_same_error():
    async with tenant(campaigns=[]) as at:
        with pytest.raises(CampaignNotFound):
            await at.set_state(DialingState.PAUSED)
        assert at.methods() == ["PUT"]


@pytest.mark.parametrize("code", [400, 402, 405, 409, 410, 418, 422])
async def test_an_unexpected_refusal_is_told_once_and_not_repeated(code):
    async with tenant() as at:
        at.fault(kind="status", code=code)
        at.sim.faults.clear()
        at.fault(kind="status", code=code, path="campaign-read")
        with pytest.raises(CXoneError, match=str(code)) as caught:
            await at.campaign()
        assert not caught.value.outcome_unknown
        assert at.methods() == ["GET"]


async def test_another_campaign_than_asked_for_is_not_believed():
    async with tenant() as at:
        at.fault(kind="body", text='{"id": "cmp-2", "status": "PAUSED"}', path="campaign-read")
        with pytest.raises(InvalidResponse, match="another campaign"):
            await at.campaign()


@pytest.mark.parametrize("status", ["null", '""', "1", "[]", '{"value": "PAUSED"}'])
async def test_a_campaign_without_a_status_is_not_believed(status):
    async with tenant() as at:
        at.fault(kind="body", text=f'{{"id": "cmp-1", "status": {status}}}', path="campaign-read")
        with pytest.raises(InvalidResponse, match="no status"):
            await at.campaign()


@pytest.mark.parametrize("word", ["paused", "Running", "COMPLETED", "RUNNING ", "ARCHIVED" * 100])
async def test_a_word_that_is_not_known_is_neither_running_nor_paused(word):
    async with tenant(campaigns=[{"id": "cmp-1", "status": word[:256]}]) as at:
        found = await at.campaign()
        assert found.state is DialingState.OTHER
        assert len(found.word) <= 64


async def test_what_is_shown_of_a_campaign_fits_a_status_and_a_terminal():
    async with tenant() as at:
        name = '"\\u001b[2J\\u0000\\ud800\\u202e' + "n" * 500_000 + '"'
        at.fault(kind="body", text=f'{{"id": "cmp-1", "status": "A\\nB", "name": {name}}}', path="campaign-read")
        found = await at.campaign()
        assert found.name == "[2J" + "n" * 253
        assert found.word == "AB"


@pytest.mark.parametrize(
    "stamp",
    [
        '""',
        '"yesterday"',
        "0",
        "null",
        "[]",
        '"0000-00-00T00:00:00Z"',
        '"0001-01-01T00:00:00+23:59"',
        '"9999-12-31T23:59:59-12:00"',
    ],
)
async def test_a_time_of_change_that_cannot_be_read_is_none(stamp):
    async with tenant() as at:
        text = f'{{"id": "cmp-1", "status": "PAUSED", "updatedTimestamp": {stamp}}}'
        at.fault(kind="body", text=text, path="campaign-read")
        assert (await at.campaign()).changed_at is None


@pytest.mark.parametrize("identifier", ["1", '"1"'])
async def test_the_id_of_a_campaign_may_be_a_number(identifier):
    async with tenant() as at:
        at.fault(kind="body", text=f'{{"id": {identifier}, "status": "PAUSED"}}', path="campaign-read")
        assert (await at.campaign("1")).state is DialingState.PAUSED


# Retry-After


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0),
        ("1", 1),
        (" 30 ", 30),
        ("600", 600),
        ("601", 600),
        ("9999999999", 600),
        ("9" * 10_000, 600),
        (formatdate(NOW + 45, usegmt=True), 45),
        (formatdate(NOW - 45, usegmt=True), 0),
        (formatdate(NOW + 10**6, usegmt=True), 600),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 600),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_capped(header, seconds):
    assert retry_after(header, now=NOW) == pytest.approx(seconds)


@pytest.mark.parametrize("header", [None, "", "soon", "-1", "1.5", "1e3", "0x10", "²", "Fri, 99 Dec 2026", "NaN"])
def test_retry_after_that_cannot_be_read_counts_as_absent(header):
    assert retry_after(header, now=NOW) is None


@given(st.text())
def test_no_retry_after_breaks_the_reader_or_closes_a_path_for_longer_than_allowed(header):
    found = retry_after(header, now=NOW)
    assert found is None or 0 <= found <= RETRY_AFTER_MAXIMUM


def opening_after(gate, clock, *seconds):
    """How long the path stays closed after each of these refusals."""
    found = []
    for each in seconds:
        gate.close(each)
        found.append(gate._opens_at - clock[0])
        clock[0] = gate._opens_at
    return found


def test_without_retry_after_a_path_stays_closed_for_1_2_4_4_seconds_and_up_to_a_quarter_more():
    clock = [100.0]
    gate = Gate("agents", lambda: clock[0])
    for found, wanted in zip(opening_after(gate, clock, None, None, None, None), (1, 2, 4, 4), strict=True):
        assert wanted <= found <= 1.25 * wanted


def test_an_answer_starts_the_backoff_anew():
    clock = [0.0]
    gate = Gate("agents", lambda: clock[0])
    opening_after(gate, clock, None, None, None)
    gate.answered()
    [found] = opening_after(gate, clock, None)
    assert found <= 1.25


def test_a_shorter_retry_after_does_not_open_a_path_early():
    gate = Gate("agents", lambda: 0.0)
    gate.close(100.0)
    gate.close(1.0)
    assert gate._opens_at == 100.0


def test_requests_that_are_refused_together_make_one_step_of_the_backoff():
    clock = [10.0]
    gate = Gate("agents", lambda: clock[0])
    for _ in range(8):
        gate.close(None)
    assert gate._opens_at - clock[0] <= 1.25
    clock[0] = gate._opens_at
    for _ in range(8):
        gate.close(None)
    assert 2 <= gate._opens_at - clock[0] <= 2.5


# Paths that are closed


async def test_a_closed_path_refuses_everybody_at_once_and_without_a_request():
    async with tenant() as at:
        at.fault(kind="status", code=429, retry_after=60, path="agents", count=1)
        outcomes = []
        started = time.monotonic()
        for _ in range(3):
            with pytest.raises(RateLimited) as caught:
                await at.count()
            outcomes.append(str(caught.value))
        assert time.monotonic() - started < 9
        assert len(at.requests(PathClass.AGENTS)) == 1
        assert len(set(outcomes)) == 1


async def test_other_paths_stay_open_while_one_is_closed():
    async with tenant() as at:
        at.fault(kind="status", code=429, retry_after=60, path="campaign-read")
        with pytest.raises(RateLimited):
            await at.campaign()
        assert await at.count() == 3
        await at.set_state(DialingState.PAUSED)
        assert at.sim.tenant.campaign("cmp-1").status == "PAUSED"


async def test_all_campaigns_share_one_path():
    async with tenant(campaigns=2) as at:
        at.fault(kind="status", code=429, retry_after=60, campaign="cmp-1")
        with pytest.raises(RateLimited):
            await at.campaign("cmp-1")
        with pytest.raises(RateLimited):
            await at.campaign("cmp-2")
        assert [entry.campaign for entry in at.requests(PathClass.CAMPAIGN_READ)] == ["cmp-1"]


async def test_a_call_that_can_wait_until_the_path_opens_waits_and_then_succeeds():
    async with tenant() as at:
        at.fault(kind="status", code=429, retry_after=1, path="agents", count=1)
        first, second = await asyncio.gather(at.count(), at.campaign())
        assert (first, second.id) == (3, "cmp-1")
        refused, answered, *_ = at.requests(PathClass.AGENTS)
        assert (refused.status, answered.status) == (429, 200)
        assert answered.time - refused.time >= 0.95


async def test_a_date_in_retry_after_is_obeyed():
    async with tenant() as at:
        at.fault(kind="status", code=429, retry_after=formatdate(time.time() + 60, usegmt=True), path="agents")
        for _ in range(2):
            with pytest.raises(RateLimited):
                await at.count()
        assert len(at.requests(PathClass.AGENTS)) == 1


async def test_a_token_endpoint_that_limits_the_rate_is_left_alone_too():
    async with tenant() as at:
        at.fault(kind="status", code=429, retry_after=60, path="token")
        for _ in range(3):
            with pytest.raises(RateLimited):
                await at.campaign()
        assert len(at.requests()) == 1


async def test_a_path_that_answers_429_for_ever_is_asked_four_times_at_most(no_backoff):
    async with tenant() as at:
        at.fault(kind="status", code=429, path="agents")
        with pytest.raises(RateLimited):
            await at.count()
        assert len(at.requests(PathClass.AGENTS)) == 4


async def test_a_pause_that_is_refused_by_429_was_not_made_and_is_known_not_to_be():
    async with tenant() as at:
        at.fault(kind="status", code=429, retry_after=60, path="campaign-write")
        with pytest.raises(RateLimited) as caught:
            await at.set_state(DialingState.PAUSED)
        assert not caught.value.outcome_unknown
        assert at.methods() == ["PUT"]


async def test_a_server_error_is_no_rate_limit(no_backoff):
    async with tenant() as at:
        at.fault(kind="status", code=503, retry_after=60, path="agents", count=4)
        with pytest.raises(CXoneServerError):
            await at.count()
        assert await at.count() == 3

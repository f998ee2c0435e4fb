"""What both dialects promise, asked of each through the Protocol and nothing else, against the simulated tenant.

``Campaigns`` counts agents by their state; ``ACD`` counts them by skill activity and, alternatively, by agent states.
What a test asks for holds for all three.
"""

import asyncio
import contextlib
import gc
import logging
import time

import pytest

from campaign_throttle.cxone.errors import (
    CampaignNotFound,
    CredentialsRejected,
    CXoneError,
    CXoneServerError,
    CXoneTimeout,
    CXoneUnreachable,
    Forbidden,
    InvalidResponse,
    RateLimited,
)
from campaign_throttle.cxone.protocol import DialingState
from unit.cxone.dialects_at_work import (
    BY_ACTIVITY,
    CAMPAIGNS,
    INTERVAL,
    KEY_SECRET,
    KINDS,
    PAUSED,
    RUNNING,
    SECRET,
    client_of,
    simulator,
    tenant,
)
from unit.cxone.tenant_at_work import AGENT_NAME, told, until

STEPS = 25


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request):
    return request.param


@pytest.fixture(params=[CAMPAIGNS, BY_ACTIVITY], ids=lambda kind: kind.name)
def dialect(request):
    """Where it doesn't matter how agents are counted."""
    return request.param


UNBELIEVABLE = [
    {"kind": "truncated"},
    {"kind": "wrong-types"},
    {"kind": "missing-fields"},
    {"kind": "html"},
    {"kind": "empty-204"},
    {"kind": "body", "text": "[]"},
    {"kind": "body", "text": "null"},
    {"kind": "body", "text": "{}"},
    {"kind": "redirect", "location": "/elsewhere"},
    {"kind": "enormous", "bytes": 5_000_000},
]
IDS = [f"{rule['kind']} {rule.get('text', '')}".strip() for rule in UNBELIEVABLE]


# Counting


@pytest.mark.parametrize("cap", [None, 1, 7])
async def test_agents_are_counted_whatever_the_number_of_pages(kind, cap):
    async with tenant(kind, agents=23, pageCap=cap) as at:
        assert await at.count() == 23


async def test_a_count_follows_the_agents(kind):
    async with tenant(kind, agents=5) as at:
        for counts in ({"available": 2, "busy": 3}, {"available": 0, "busy": 5}, {"available": 5, "busy": 0}):
            at.sim.tenant.set_counts(counts)
            assert await at.count() == counts["available"]


async def test_agents_of_other_states_do_not_count(kind):
    async with tenant(kind, agents=0) as at:
        at.sim.tenant.set_counts({"available": 4, "busy": 3, "wrap-up": 2, "offline": 1})
        assert await at.count() == 4


async def test_a_count_is_the_same_while_the_campaign_is_paused(kind):
    async with tenant(kind, agents=4) as at:
        await at.set_state(PAUSED)
        assert await at.count() == 4


@pytest.mark.parametrize("rule", UNBELIEVABLE, ids=IDS)
@pytest.mark.parametrize("offset", [0, 1], ids=["first page", "later page"])
async def test_a_page_that_is_not_to_be_believed_makes_the_count_unknown(kind, rule, offset):
    async with tenant(kind, agents=3, pageCap=1) as at:
        at.fault(kind.counts, minimum_offset=offset, **rule)
        with pytest.raises(InvalidResponse):
            await at.count()


@pytest.mark.parametrize(
    ("rule", "error"),
    [
        ({"kind": "status", "code": 500}, CXoneServerError),
        ({"kind": "status", "code": 503}, CXoneServerError),
        ({"kind": "reset"}, CXoneUnreachable),
        ({"kind": "truncated", "content_length": "wrong"}, CXoneUnreachable),
        ({"kind": "status", "code": 404}, InvalidResponse),
        ({"kind": "status", "code": 418}, CXoneError),
    ],
)
async def test_a_later_page_that_fails_makes_the_whole_count_unknown(kind, rule, error, no_backoff):
    async with tenant(kind, agents=3, pageCap=1) as at:
        at.fault(kind.counts, minimum_offset=1, **rule)
        with pytest.raises(error):
            await at.count()


@pytest.mark.parametrize("rule", [{"kind": "status", "code": 502}, {"kind": "reset"}])
async def test_a_page_that_fails_for_a_moment_is_read_again(kind, rule, no_backoff):
    async with tenant(kind, agents=3, pageCap=1) as at:
        at.fault(kind.counts, minimum_offset=1, count=3, **rule)
        assert await at.count() == 3


async def test_one_reading_serves_everybody_who_has_the_same_source(kind):
    async with tenant(kind) as at:
        assert at.dialect.source(kind.agents) == at.dialect.source(kind.agents.model_copy())
        assert hash(at.dialect.source(kind.agents)) == hash(at.dialect.source(kind.agents.model_copy()))
        found, campaign = await at.read(), await at.campaign()
        assert found.pages == len(at.asked(kind.counts))
        assert [found.count(kind.agents, campaign, INTERVAL) for _ in range(3)] == [3] * 3


# The campaign


async def test_a_campaign_is_described(dialect):
    async with tenant(dialect) as at:
        found = await at.campaign()
        assert (found.id, found.name, found.state) == (dialect.target.campaign_id, "Spring", RUNNING)


async def test_a_pause_pauses_and_a_resume_resumes(dialect):
    async with tenant(dialect) as at:
        for wanted in (PAUSED, RUNNING, PAUSED):
            await at.set_state(wanted)
            assert await at.state() is wanted
            assert DialingState(at.sim.tenant.campaign(dialect.target.campaign_id).status.title()) is wanted


async def test_pausing_and_resuming_twice_does_no_harm(dialect):
    async with tenant(dialect) as at:
        for wanted in (PAUSED, RUNNING):
            skills = frozenset(skill.id for skill in (await at.campaign()).skills)
            for _ in range(2):
                await at.set_state(wanted, skills=skills)
            assert await at.state() is wanted


@pytest.mark.parametrize("wanted", [PAUSED, RUNNING])
async def test_a_change_by_a_person_shows(dialect, wanted):
    async with tenant(dialect) as at:
        await at.set_state(PAUSED if wanted is RUNNING else RUNNING)
        campaign = at.sim.tenant.campaign(dialect.target.campaign_id)
        at.sim.tenant.change_status(campaign, wanted.upper(), by="person")
        assert await at.state() is wanted


@pytest.mark.parametrize("rule", UNBELIEVABLE, ids=IDS)
async def test_a_description_that_is_not_to_be_believed_makes_the_state_unknown(dialect, rule):
    for path in dialect.reads:
        async with tenant(dialect) as at:
            at.fault(path, **rule)
            # A list of skills may well be empty: that is another fault, and no state either.
            with pytest.raises(CXoneError) as caught:
                await at.campaign()
            assert isinstance(caught.value, InvalidResponse) or (path, rule["kind"]) == (
                "acd-campaign-skills",
                "empty-204",
            )


async def test_a_campaign_that_is_not_there(dialect):
    async with tenant(dialect) as at:
        with pytest.raises(CampaignNotFound, match=dialect.missing.campaign_id) as caught:
            await at.dialect.get_campaign(dialect.missing, at.deadline())
        assert caught.value.permanent


@pytest.mark.parametrize("rule", [{"kind": "status", "code": 503}, {"kind": "reset"}])
async def test_a_description_that_fails_for_a_moment_is_read_again(dialect, rule, no_backoff):
    for path in dialect.reads:
        async with tenant(dialect) as at:
            at.fault(path, count=3, **rule)
            assert await at.state() is RUNNING


# Changes whose answer is lost


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "reset"},
        {"kind": "status", "code": 500},
        {"kind": "status", "code": 504},
        {"kind": "hang", "seconds": 0.1},
    ],
)
@pytest.mark.parametrize("wanted", [PAUSED, RUNNING])
async def test_a_change_whose_answer_is_lost_is_read_back_and_made_once(dialect, rule, when, wanted):
    async with tenant(dialect) as at:
        if wanted is RUNNING:
            await at.set_state(PAUSED)
        path = dialect.stop if wanted is PAUSED else dialect.start
        before = len(at.asked(path))
        at.fault(path, when=when, count=1, **rule)
        await at.set_state(wanted)
        assert await at.state() is wanted
        needed = 1 if dialect is CAMPAIGNS else 2
        assert len(at.asked(path)) - before == needed + (when == "before")


async def test_a_change_that_nobody_answers_is_unknown(dialect):
    async with tenant(dialect) as at:
        await at.campaign()
        at.fault("*", kind="reset")
        with pytest.raises(CXoneUnreachable) as caught:
            await at.set_state(PAUSED, seconds=2.0, skills=frozenset({4001, 4002}))
        assert caught.value.outcome_unknown
        at.sim.faults.clear()
        assert await at.state() is RUNNING


async def test_a_change_that_is_forbidden_was_not_made(dialect):
    async with tenant(dialect) as at:
        at.fault(dialect.stop, kind="status", code=403)
        with pytest.raises(Forbidden) as caught:
            await at.set_state(PAUSED)
        assert not caught.value.outcome_unknown
        assert await at.state() is RUNNING


# Credentials


async def test_credentials_that_are_refused_end_everything(kind):
    secrets = [{"secret": "wrong"}] if kind is CAMPAIGNS else [{"secret": "wrong"}, {"key_secret": "wrong"}]
    async with simulator(kind) as sim:
        for wrong in secrets:
            async with client_of(kind, sim, **wrong) as at:
                for call in (at.count, at.campaign, at.read, lambda at=at: at.dialect.probe(at.deadline())):
                    with pytest.raises(CredentialsRejected) as caught:
                        await call()
                    assert caught.value.permanent
                assert set(at.renewals) == {"CredentialsRejected"}
        assert {entry.path_class.value for entry in sim.journal.entries()} <= {"token", "discovery"}


async def test_a_token_that_is_refused_is_renewed_once(kind):
    async with tenant(kind) as at:
        assert await at.count() == 3
        for path in (kind.counts, *kind.reads[-1:], kind.stop):
            at.fault(path, kind="status", code=401, count=1)
        assert await at.count() == 3
        await at.set_state(PAUSED)
        assert await at.state() is PAUSED
        assert at.renewals == ["success"] * 4


async def test_a_token_that_is_refused_twice_is_for_a_person(kind):
    async with tenant(kind) as at:
        at.fault(kind.counts, kind="status", code=401)
        with pytest.raises(CredentialsRejected):
            await at.read()
        assert len(at.asked(kind.counts)) == 2
        assert at.renewals == ["success"] * 2


async def test_all_who_ask_at_once_share_a_token(kind):
    async with tenant(kind) as at:
        await asyncio.gather(*(at.count() for _ in range(20)))
        assert (len(at.asked("token")), at.renewals) == (1, ["success"])


async def test_what_is_forbidden_says_so(kind):
    for path in (kind.counts, *kind.reads):
        async with tenant(kind) as at:
            at.fault(path, kind="status", code=403)
            with pytest.raises(Forbidden) as caught:
                await at.count()
            assert caught.value.permanent


# A tenant's readiness


async def test_a_probe_tells_where_the_api_is(kind):
    async with tenant(kind, agents=0) as at:
        assert at.dialect.known is None
        found = await at.dialect.probe(at.deadline())
        assert found.endpoint == at.sim.url
        assert at.dialect.known == found


@pytest.mark.parametrize(
    "rule", [{"kind": "html"}, {"kind": "redirect", "location": "/"}, {"kind": "status", "code": 404}]
)
async def test_a_probe_of_something_else_fails(kind, rule):
    async with tenant(kind) as at:
        path = "agents" if kind is CAMPAIGNS else "acd-activity"
        at.fault(path, **rule)
        with pytest.raises(InvalidResponse):
            await at.dialect.probe(at.deadline())


# Rate limits


@pytest.mark.parametrize("what", ["count", "read", "stop"])
async def test_a_path_that_answers_429_is_left_alone_by_everybody(dialect, what):
    path = {"count": dialect.counts, "read": dialect.reads[-1], "stop": dialect.stop}[what]
    async with tenant(dialect) as at:
        await at.campaign()
        skills = frozenset(skill.id for skill in (await at.campaign()).skills)
        calls = {
            "count": at.read,
            "read": at.campaign,
            "stop": lambda seconds: at.set_state(PAUSED, seconds, skills),
        }
        at.fault(path, kind="status", code=429, retry_after="60", count=1)
        with pytest.raises(RateLimited):
            await calls[what](seconds=2.0)
        before = len(at.asked(path))
        for _ in range(3):
            with pytest.raises(RateLimited):
                await calls[what](seconds=2.0)
        assert len(at.asked(path)) == before
        for other in calls.keys() - {what, "read"}:
            await calls[other](seconds=2.0)


async def test_a_429_that_passes_in_time_is_waited_for(kind):
    async with tenant(kind) as at:
        at.fault(kind.counts, kind="status", code=429, retry_after="1", count=1)
        started = time.monotonic()
        assert await at.count() == 3
        assert time.monotonic() - started >= 1.0


# Deadlines


@pytest.mark.parametrize("rule", [{"kind": "hang"}, {"kind": "drip"}, {"kind": "latency", "seconds": 30}])
async def test_every_call_ends_with_its_deadline(kind, rule):
    async with tenant(kind) as at:
        await at.campaign()
        at.fault("*", **rule)
        skills = frozenset({4001, 4002})
        for call in (at.read, at.campaign):
            started = time.monotonic()
            with pytest.raises(CXoneTimeout):
                await call(seconds=0.4)
            assert time.monotonic() - started < 20
        started = time.monotonic()
        with contextlib.suppress(CXoneTimeout):  # an answer without a body has nothing that could drip
            await at.set_state(PAUSED, 0.4, skills)
        assert time.monotonic() - started < 20
        at.sim.faults.clear()


async def test_a_token_that_does_not_come_ends_with_the_deadline(kind):
    async with tenant(kind) as at:
        at.fault("token", kind="hang")
        with pytest.raises(CXoneTimeout):
            await at.read(seconds=0.4)
        at.sim.faults.clear()


# What is never told


FAULTS = [
    *UNBELIEVABLE,
    {"kind": "status", "code": 400},
    {"kind": "status", "code": 403},
    {"kind": "status", "code": 500},
]


@pytest.mark.parametrize("rule", FAULTS, ids=[*IDS, "400", "403", "500"])
async def test_no_error_tells_a_secret_a_token_or_an_agent(kind, rule, no_backoff):
    paths = ("token", kind.counts, *kind.reads, *(() if kind is CAMPAIGNS else ("discovery",)))
    for path in paths:
        async with tenant(kind) as at:
            at.fault(path, **rule)
            errors = []
            for call in (at.campaign, at.read):
                try:
                    await call()
                except CXoneError as error:
                    errors.append(told(error))
            for secret in (SECRET, KEY_SECRET, AGENT_NAME, "Beeblebrox", "Bearer", "Basic"):
                assert not any(secret in error for error in errors)
            assert len(set(errors)) == len(errors)


async def test_the_same_fault_is_told_in_the_same_words(kind):
    async with tenant(kind, agents=3, pageCap=1) as at:
        for rule in UNBELIEVABLE:
            at.fault(kind.counts, **rule)
            words = set()
            for _ in range(2):
                with pytest.raises(CXoneError) as caught:
                    await at.count()
                words.add(str(caught.value))
            assert len(words) == 1
            at.sim.faults.clear()


# Cancellation and the end


def own_tasks():
    return [task for task in asyncio.all_tasks() if "campaign_throttle" in str(task.get_coro())]


@pytest.mark.parametrize("call", ["read", "campaign", "set_state"])
@pytest.mark.parametrize("code", [None, 503, 401])
async def test_a_call_that_is_cancelled_at_any_step_leaves_everything_usable(kind, call, code, caplog, no_backoff):
    caplog.set_level(logging.DEBUG, logger="asyncio")
    skills = frozenset({4001, 4002})
    async with tenant(kind, agents=12, pageCap=5) as at:
        calls = {
            "read": at.read,
            "campaign": at.campaign,
            "set_state": lambda: at.set_state(PAUSED, skills=skills),
        }
        cancelled = 0
        for steps in range(STEPS):
            for path in (kind.counts, *kind.reads, kind.stop):
                if code is not None:
                    at.fault(path, kind="status", code=code, count=1)
            task = asyncio.create_task(calls[call]())
            for _ in range(steps):
                await asyncio.sleep(0)
            cancelled += task.cancel()
            with contextlib.suppress(asyncio.CancelledError, CXoneError):
                await task
            at.sim.faults.clear()
        assert cancelled > 5
        await until(lambda: not own_tasks())
        assert await at.count() == 12
    gc.collect()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_closing_in_the_middle_of_everything_leaves_nothing_behind(kind, caplog):
    before = own_tasks()
    async with simulator(kind) as sim:
        async with client_of(kind, sim) as at:
            at.fault("token", kind="hang")
            calls = [asyncio.create_task(call()) for call in (at.campaign, at.read) for _ in range(3)]
            await until(at.asked)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await until(lambda: own_tasks() == before)
    gc.collect()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]

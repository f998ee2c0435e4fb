"""An ACD campaign and its skills over HTTP: what is read when, and what a stop or a start comes to."""

import asyncio

import pytest
from aiohttp import web

from campaign_throttle.cxone.acd import roster
from campaign_throttle.cxone.errors import (
    CampaignNotFound,
    CXoneError,
    CXoneServerError,
    CXoneUnreachable,
    Forbidden,
    InvalidResponse,
    NothingToControl,
    RateLimited,
)
from campaign_throttle.cxone.protocol import DialingState, Skill, Target
from unit.cxone.acd_at_work import CAMPAIGN, acd_tenant, skill

PAUSED, RUNNING, OTHER = DialingState.PAUSED, DialingState.RUNNING, DialingState.OTHER
CAMPAIGN_PATH, SKILLS_PATH = f"/campaigns/{CAMPAIGN}", f"/campaigns/{CAMPAIGN}/skills"
SCHEDULE = "/skills/{}/parameters/schedule-settings"


def skills(*found):
    return {each["skillId"]: each for each in found}


MIXED = (
    skill(101),
    skill(102, isRunning=False),
    skill(103, isOutbound=False, outboundStrategy=None),
    skill(104, agentless=True),
    skill(105, isActive=False),
    skill(106, outboundStrategy="Manual"),
)


def breaks(request):
    """The connection, before an answer."""
    request.transport.close()
    return web.Response()


# What is read


async def test_of_a_mixed_campaign_only_what_may_be_is_controlled_and_the_rest_is_said():
    async with acd_tenant(skills=skills(*MIXED)) as (at, _):
        found = await at.campaign()
        assert (found.id, found.name, found.state) == (str(CAMPAIGN), "Spring", RUNNING)
        assert found.skills == (Skill(101, "Skill 101", running=True), Skill(102, "Skill 102", running=False))
        assert found.left_out == (
            "103 (inbound)",
            "104 (agentless)",
            "105 (inactive)",
            "106 (not Personal Connection)",
        )


async def test_skill_ids_narrow_what_is_read_and_controlled():
    async with acd_tenant(skills=skills(*MIXED)) as (at, server):
        found = await at.campaign(102, 103, 999)
        assert [controlled.id for controlled in found.skills] == [102]
        assert (found.state, found.left_out) == (PAUSED, ("103 (inbound)", "999 (not in the campaign)"))
        assert "/skills/101" not in server.paths()


async def test_a_poll_costs_one_request_per_controlled_skill():
    async with acd_tenant(skills=skills(*MIXED)) as (at, server):
        await at.campaign()
        server.asked.clear()
        for _ in range(3):
            await at.campaign()
        assert sorted(server.paths()) == ["/skills/101"] * 3 + ["/skills/102"] * 3


async def test_everything_is_read_again_when_asked_for():
    async with acd_tenant() as (at, server):
        await at.campaign()
        server.skills[102] = skill(102)
        assert len((await at.campaign()).skills) == 1
        assert len((await at.campaign(anew=True)).skills) == 2


async def test_and_after_ten_minutes(monkeypatch):
    monkeypatch.setattr(roster, "KEPT", 0.0)
    async with acd_tenant() as (at, server):
        await at.campaign()
        server.skills[102] = skill(102)
        assert len((await at.campaign()).skills) == 2


async def test_targets_of_one_campaign_are_kept_apart():
    async with acd_tenant(skills=skills(*MIXED)) as (at, _):
        assert [found.id for found in (await at.campaign(101)).skills] == [101]
        assert [found.id for found in (await at.campaign(102)).skills] == [102]
        assert [found.id for found in (await at.campaign(101)).skills] == [101]


@pytest.mark.parametrize(
    "change", [{"isActive": False}, {"agentless": True}, {"campaignId": 1}, {"outboundStrategy": "Manual"}]
)
async def test_a_skill_that_may_no_longer_be_controlled_has_the_campaign_read_again_at_once(change):
    async with acd_tenant(skills=skills(skill(101), skill(102))) as (at, server):
        await at.campaign()
        server.skills[101] |= change
        found = await at.campaign()
        assert [controlled.id for controlled in found.skills] == [102]
        assert len(found.left_out) == 1


async def test_a_skill_that_is_gone_has_the_campaign_read_again_at_once_and_once():
    async with acd_tenant(skills=skills(skill(101), skill(102))) as (at, server):
        await at.campaign()
        server.asked.clear()
        del server.skills[101]
        found = await at.campaign()
        assert ([controlled.id for controlled in found.skills], found.left_out) == ([102], ())
        assert server.paths().count(CAMPAIGN_PATH) == 1


async def test_a_skill_that_is_listed_and_yet_not_there_is_left_out():
    async with acd_tenant(skills=skills(skill(101), skill(102))) as (at, server):
        server.wrong["/skills/101"] = [404]
        assert (await at.campaign()).left_out == ("101 (not found)",)


async def test_nothing_to_control_is_said_with_the_reasons_and_not_asked_all_over_at_each_poll():
    async with acd_tenant(skills=skills(*MIXED[2:])) as (at, server):
        for _ in range(2):
            with pytest.raises(NothingToControl, match=r"103 \(inbound\), 104 \(agentless\)"):
                await at.campaign()
        assert server.paths().count(CAMPAIGN_PATH) == 1


async def test_a_campaign_that_is_switched_off_is_noticed_again_at_the_next_poll_when_it_is_on():
    async with acd_tenant(campaign={"id": CAMPAIGN, "name": "Spring", "isActive": False}) as (at, server):
        found = await at.campaign()
        assert (found.state, found.word, found.skills) == (OTHER, "inactive", ())
        assert server.paths() == [CAMPAIGN_PATH]
        server.campaign["isActive"] = True
        assert (await at.campaign()).state is RUNNING


@pytest.mark.parametrize("campaign_id", ["cmp-1", "", "0", "-1", "1" * 11, "1/skills", "../1", "०१", "07", "1\n"])
async def test_what_can_not_be_the_number_of_a_campaign_is_not_asked_for(campaign_id):
    async with acd_tenant() as (at, server):
        with pytest.raises(CampaignNotFound, match="number"):
            await at.dialect.get_campaign(Target(campaign_id), at.deadline())
        assert server.asked == []


async def test_a_campaign_that_is_not_there():
    async with acd_tenant() as (at, server):
        server.wrong[CAMPAIGN_PATH] = [404]
        with pytest.raises(CampaignNotFound, match=str(CAMPAIGN)):
            await at.campaign()


async def test_a_skill_that_can_not_be_read_makes_the_state_unknown():
    async with acd_tenant(skills=skills(skill(101), skill(102))) as (at, server):
        await at.campaign()
        server.wrong["/skills/102"] = [b'{"skillId": 102, "isRunn']
        with pytest.raises(InvalidResponse):
            await at.campaign()


async def test_many_skills_are_read_at_the_same_time():
    async with acd_tenant(skills=skills(*map(skill, range(101, 113)))) as (at, server):
        arrived, all_there = set(), asyncio.Event()

        async def wait_for_the_others(request):
            arrived.add(str(request.path))
            if len(arrived) == 12:
                all_there.set()
            await all_there.wait()

        for number in range(101, 113):
            server.wrong[f"/skills/{number}"] = [wait_for_the_others]
        assert len((await at.campaign()).skills) == 12


# Schedules


async def test_schedules_are_told_of_controlled_skills():
    schedules = {101: {"isScheduled": True}, 102: {"isScheduled": False}, 103: {"isScheduled": True}}
    async with acd_tenant(skills=skills(*MIXED), schedules=schedules) as (at, server):
        assert (await at.campaign()).scheduled == (101,)
        assert (await at.campaign()).scheduled == (101,)
        assert server.paths().count(SCHEDULE.format(101)) == 1
        assert SCHEDULE.format(103) not in server.paths()


@pytest.mark.parametrize("found", [403, 404, 204, 500, 429, b"{", b"[]", b"{}", b'{"isScheduled": "yes"}'])
async def test_a_schedule_that_can_not_be_read_is_no_fault(found, no_backoff):
    async with acd_tenant() as (at, server):
        server.wrong[SCHEDULE.format(101)] = [found] * 4
        campaign = await at.campaign()
        assert (campaign.state, campaign.scheduled) == (RUNNING, ())


async def test_schedules_do_not_hold_up_a_poll(monkeypatch):
    monkeypatch.setattr(roster, "SCHEDULES_TIMEOUT", 0.3)
    async with acd_tenant() as (at, server):

        async def hang(request):
            await asyncio.sleep(60)

        server.wrong[SCHEDULE.format(101)] = [hang]
        assert (await at.campaign()).state is RUNNING


async def test_a_schedule_that_was_known_is_remembered_when_it_can_not_be_read():
    async with acd_tenant(schedules={101: {"isScheduled": True}}) as (at, server):
        await at.campaign()
        server.wrong[SCHEDULE.format(101)] = [403]
        assert (await at.campaign(anew=True)).scheduled == (101,)
        server.schedules[101]["isScheduled"] = False
        assert (await at.campaign(anew=True)).scheduled == ()


# Stop and start


async def test_a_stop_is_one_request_per_skill_and_never_by_force():
    async with acd_tenant(skills=skills(skill(101), skill(102), skill(103))) as (at, server):
        assert await at.set_state(PAUSED, 101, 103) == (
            Skill(101, "Skill 101", running=False),
            Skill(103, "Skill 103", running=False),
        )
        assert sorted(server.paths("POST")) == ["/skills/101/stop", "/skills/103/stop"]
        assert [query for method, _, query in server.asked if method == "POST"][1:] == [{"force": "false"}] * 2
        assert server.skills[102]["isRunning"]
        assert all(method != "PUT" for method, _, _ in server.asked)


async def test_a_start_starts_what_is_given():
    async with acd_tenant(skills=skills(skill(101, isRunning=False), skill(102, isRunning=False))) as (at, server):
        assert await at.set_state(RUNNING, 102) == (Skill(102, "Skill 102", running=True),)
        assert server.paths("POST") == ["/skills/102/start"]


async def test_without_skills_nothing_is_sent():
    async with acd_tenant() as (at, server):
        assert await at.set_state(PAUSED) == ()
        assert server.asked == []


async def test_a_skill_that_drains_is_accepted_and_still_running():
    async with acd_tenant(drains=True) as (at, server):
        assert await at.set_state(PAUSED, 101) == (Skill(101, "Skill 101", running=True),)
        assert server.paths("POST") == ["/skills/101/stop"]
        assert (await at.campaign()).state is RUNNING
        server.skills[101]["isRunning"] = False
        assert (await at.campaign()).state is PAUSED


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_any_2xx_is_accepted(status):
    async with acd_tenant() as (at, server):
        server.wrong["/skills/101/stop"] = [status]
        assert len(await at.set_state(PAUSED, 101)) == 1


@pytest.mark.parametrize("wanted", [PAUSED, RUNNING])
async def test_what_was_accepted_stays_so_if_it_can_not_be_read_back(wanted, no_backoff):
    async with acd_tenant() as (at, server):
        await at.campaign()
        server.wrong["/skills/101"] = [500] * 4
        assert await at.set_state(wanted, 101) == (Skill(101, "Skill 101", running=True),)


@pytest.mark.parametrize("lost", [breaks, 500, 502, 503])
@pytest.mark.parametrize("wanted", [PAUSED, RUNNING])
async def test_an_answer_that_was_lost_is_read_back(lost, wanted):
    running = wanted is RUNNING
    async with acd_tenant(skills=skills(skill(101, isRunning=not running))) as (at, server):

        def done_and_lost(request):
            server.skills[101]["isRunning"] = running
            return lost(request) if callable(lost) else lost

        path = f"/skills/101/{'start' if running else 'stop'}"
        server.wrong[path] = [done_and_lost]
        assert await at.set_state(wanted, 101) == (Skill(101, "Skill 101", running=running),)
        assert server.paths("POST") == [path]


@pytest.mark.parametrize("lost", [breaks, 503])
@pytest.mark.parametrize("wanted", [PAUSED, RUNNING])
async def test_a_request_that_had_no_effect_is_sent_once_more(lost, wanted):
    async with acd_tenant(skills=skills(skill(101, isRunning=wanted is PAUSED))) as (at, server):
        path = f"/skills/101/{'start' if wanted is RUNNING else 'stop'}"
        server.wrong[path] = [lost]
        assert len(await at.set_state(wanted, 101)) == 1
        assert server.paths("POST") == [path] * 2


async def test_a_stop_that_is_lost_twice_may_be_under_way():
    async with acd_tenant() as (at, server):
        server.wrong["/skills/101/stop"] = [503] * 3
        with pytest.raises(CXoneServerError) as caught:
            await at.set_state(PAUSED, 101)
        assert (caught.value.outcome_unknown, caught.value.accepted) == (True, ())
        assert len(server.paths("POST")) == 2


@pytest.mark.parametrize(
    ("lost", "error", "unknown"),
    [(503, CXoneServerError, False), (504, CXoneServerError, True), (breaks, CXoneUnreachable, True)],
)
async def test_a_start_that_cxone_refused_twice_was_not_done(lost, error, unknown):
    async with acd_tenant(skills=skills(skill(101, isRunning=False))) as (at, server):
        server.wrong["/skills/101/start"] = [lost] * 3
        with pytest.raises(error) as caught:
            await at.set_state(RUNNING, 101)
        assert caught.value.outcome_unknown is unknown


async def test_a_lost_answer_that_can_not_be_read_back_is_unknown(no_backoff):
    async with acd_tenant() as (at, server):
        server.wrong |= {"/skills/101/stop": [503], "/skills/101": [500] * 4}
        with pytest.raises(CXoneServerError, match="skill-stop") as caught:
            await at.set_state(PAUSED, 101)
        assert caught.value.outcome_unknown
        assert len(server.paths("POST")) == 1


async def test_a_stop_that_is_refused_when_repeated_may_have_been_done_the_first_time():
    async with acd_tenant() as (at, server):

        def done_by_now(request):
            server.skills[101]["isRunning"] = False
            return 409

        server.wrong["/skills/101/stop"] = [503, done_by_now]
        assert await at.set_state(PAUSED, 101) == (Skill(101, "Skill 101", running=False),)


async def test_of_a_partial_failure_the_rest_is_told():
    async with acd_tenant(skills=skills(skill(101), skill(102), skill(103))) as (at, server):
        server.wrong["/skills/102/stop"] = [403]
        with pytest.raises(Forbidden, match="skill-stop") as caught:
            await at.set_state(PAUSED, 101, 102, 103)
        assert [done.id for done in caught.value.accepted] == [101, 103]
        assert not caught.value.outcome_unknown
        assert not server.skills[101]["isRunning"]


async def test_one_unknown_among_known_failures_makes_the_outcome_unknown():
    async with acd_tenant(skills=skills(skill(101), skill(102), skill(103))) as (at, server):
        server.wrong |= {"/skills/101/stop": [503] * 2, "/skills/102/stop": [403]}
        with pytest.raises(Forbidden) as caught:
            await at.set_state(PAUSED, 101, 102, 103)
        assert caught.value.outcome_unknown
        assert [done.id for done in caught.value.accepted] == [103]


async def test_a_skill_that_is_gone_was_not_changed():
    async with acd_tenant() as (at, server):
        server.wrong["/skills/101/stop"] = [404]
        with pytest.raises(CXoneError, match=r"skill 101 was not found \(404\)") as caught:
            await at.set_state(PAUSED, 101)
        assert not caught.value.outcome_unknown


async def test_a_skill_that_moved_meanwhile_is_read_back_as_it_runs():
    async with acd_tenant(skills=skills(skill(101, campaignId=1, isRunning=False, isActive=False))) as (at, _):
        assert await at.set_state(RUNNING, 101) == (Skill(101, "Skill 101", running=True),)


async def test_rate_limits_are_kept_per_kind_of_request():
    async with acd_tenant(skills=skills(skill(101), skill(102))) as (at, server):
        server.wrong["/skills/101/stop"] = [web.Response(status=429, headers={"Retry-After": "60"})]
        with pytest.raises(RateLimited):
            await at.set_state(PAUSED, 101, seconds=2)
        asked = len(server.paths("POST"))
        with pytest.raises(RateLimited):
            await at.set_state(PAUSED, 102, seconds=2)
        assert len(server.paths("POST")) == asked
        assert (await at.campaign()).state is RUNNING
        assert len(await at.set_state(RUNNING, 102)) == 1
        assert at.rate_limited == [None]


async def test_a_change_that_is_cancelled_leaves_nothing_running():
    async with acd_tenant(skills=skills(skill(101), skill(102))) as (at, server):
        hanging = asyncio.Event()

        async def hang(request):
            hanging.set()
            await asyncio.sleep(60)

        server.wrong |= {"/skills/101/stop": [hang], "/skills/102/stop": [hang]}
        change = asyncio.create_task(at.set_state(PAUSED, 101, 102, seconds=60))
        await hanging.wait()
        change.cancel()
        with pytest.raises(asyncio.CancelledError):
            await change
        assert [task for task in asyncio.all_tasks() if task.get_coro().__qualname__.startswith("settle")] == []

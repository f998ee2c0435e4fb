"""How many agents count: by skill activity and by agent states, whatever the pages, whatever arrives."""

import json
from datetime import timedelta

import pytest

from campaign_throttle.cxone.acd import activity, states
from campaign_throttle.cxone.acd.activity import read_activity
from campaign_throttle.cxone.acd.paging import PAGES_MAXIMUM, TOP, read_all
from campaign_throttle.cxone.acd.states import read_states
from campaign_throttle.cxone.errors import InvalidResponse
from campaign_throttle.cxone.protocol import Campaign, DialingState, Skill
from campaign_throttle.cxone.transport import Answer
from campaign_throttle.resources.behaviour import AgentCounter, Agents

DATE = "Tue, 24 Nov 2026 12:00:00 GMT"
MINUTE = timedelta(minutes=1)
NAME = "agentStates"
MISSING = "(missing)"
WRONG = [MISSING, None, "", "1", True, False, 1.0, float("nan"), 10**30, [], {}]


def answer(found, *, status=200, date=DATE):
    headers = {"content-type": "application/json"} | ({"date": date} if date else {})
    return Answer("agents", status, headers, json.dumps(found).encode() if status != 204 else b"")


def page(rows, *, total=None, more=False, name=NAME, **differences):
    found = {"totalRecords": len(rows) if total is None else total, name: rows}
    return answer(found | {"_links": {"next": "/next" if more else ""}} | differences)


class Pages:
    """What a server answers, page by page; it remembers what was asked."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    async def ask(self, skip, top):
        self.asked.append((skip, top))
        return self.answers[min(len(self.asked), len(self.answers)) - 1]

    async def read(self, name=NAME, key=lambda row: row["agentId"]):
        return await read_all(self.ask, name, "agent states", key)


def rows(start, stop):
    return [{"agentId": number} for number in range(start, stop)]


# Paging


async def test_the_next_request_begins_after_the_rows_received_whatever_was_asked_for():
    pages = Pages(page(rows(0, 3), total=5, more=True), page(rows(3, 5), total=5))
    found = await pages.read()
    assert (len(found.rows), found.pages) == (5, 2)
    assert pages.asked == [(0, TOP), (3, TOP)]


async def test_a_page_without_rows_ends_the_list_even_if_it_links_on():
    assert len((await Pages(page(rows(0, 2), more=True), page([], total=2, more=True)).read()).rows) == 2


async def test_no_content_after_a_page_ends_the_list():
    assert len((await Pages(page(rows(0, 2), more=True), answer(None, status=204)).read()).rows) == 2
    with pytest.raises(InvalidResponse, match="fewer rows"):
        await Pages(page(rows(0, 2), total=3, more=True), answer(None, status=204)).read()


async def test_no_content_at_all_is_unknown_and_not_zero():
    with pytest.raises(InvalidResponse, match="unknown, not zero"):
        await Pages(answer(None, status=204)).read()


async def test_an_empty_list_is_zero_rows():
    assert (await Pages(page([])).read()).rows == []


@pytest.mark.parametrize("last", [page(rows(3, 5), total=6), page([], total=4, more=True)])
async def test_fewer_rows_than_announced_are_unknown(last):
    with pytest.raises(InvalidResponse, match="fewer rows"):
        await Pages(page(rows(0, 3), total=6, more=True), last).read()


async def test_more_rows_than_announced_are_rows():
    assert len((await Pages(page(rows(0, 3), total=1)).read()).rows) == 3


async def test_a_repeated_row_means_that_another_one_is_missing():
    with pytest.raises(InvalidResponse, match="repeats"):
        await Pages(page(rows(0, 3), total=6, more=True), page(rows(2, 5), total=6)).read()


async def test_a_server_that_always_links_on_is_left_after_a_thousand_pages():
    class Endless(Pages):
        async def ask(self, skip, top):
            self.asked.append((skip, top))
            return page(rows(skip, skip + 1), total=1, more=True)

    pages = Endless()
    with pytest.raises(InvalidResponse, match="more than 1000 pages"):
        await pages.read()
    assert len(pages.asked) == PAGES_MAXIMUM


@pytest.mark.parametrize(
    "differences",
    [
        {"totalRecords": None},
        {"totalRecords": -1},
        {"totalRecords": "2"},
        {"totalRecords": True},
        {"totalRecords": 10**30},
        {"_links": []},
        {"_links": {"next": {"href": "/x"}}},
        {"_links": {"next": 1}},
        {NAME: None},
        {NAME: {}},
        {NAME: [[]]},
        {NAME: ["agent"]},
    ],
    ids=repr,
)
async def test_what_is_not_a_page_is_not_believed(differences):
    with pytest.raises(InvalidResponse):
        await Pages(page([], **differences)).read()


@pytest.mark.parametrize("links", [{"_links": None}, {"_links": {}}, {"_links": {"next": None}}], ids=repr)
async def test_a_page_without_links_is_the_last(links):
    assert len((await Pages(page(rows(0, 2), **links)).read()).rows) == 2


async def test_an_api_without_the_path_is_not_an_empty_list():
    with pytest.raises(InvalidResponse, match="API version"):
        await Pages(answer({}, status=404)).read()


# Skill activity


def row(skill, available=0, **differences):
    found = {"skillId": skill, "agentsAvailable": available, "agentsIdle": 11, "agentsLoggedIn": 12}
    found |= {"agentsWorking": 13, "serverTime": "2026-11-24T12:00:00Z"} | differences
    return {name: value for name, value in found.items() if value is not MISSING}


async def activities(*found, **page_differences):
    pages = Pages(page(list(found), name=activity.NAME, **page_differences))
    return read_activity(await pages.read(activity.NAME, activity.skill_of))


def campaign(*skills):
    found = tuple(Skill(skill, "", running=True) for skill in skills)
    return Campaign("77", "", DialingState.RUNNING, "running", None, skills=found)


async def test_an_agent_of_several_skills_is_not_counted_twice():
    found = await activities(row(101, 4), row(102, 7), row(103, 99))
    assert found.count(Agents(), campaign(101, 102), MINUTE) == 7


@pytest.mark.parametrize(
    ("counter", "number"),
    [("agentsAvailable", 4), ("agentsIdle", 11), ("agentsLoggedIn", 12), ("agentsWorking", 13)],
)
async def test_the_counter_is_chosen(counter, number):
    found = await activities(row(101, 4))
    assert found.count(Agents(counter=AgentCounter(counter)), campaign(101), MINUTE) == number


async def test_a_controlled_skill_without_a_row_is_left_out():
    assert (await activities(row(101, 4))).count(Agents(), campaign(101, 102), MINUTE) == 4


async def test_zero_agents_are_zero():
    assert (await activities(row(101, 0))).count(Agents(), campaign(101), MINUTE) == 0


@pytest.mark.parametrize("read", [None, campaign(), campaign(102)])
async def test_without_a_row_of_any_controlled_skill_the_count_is_unknown(read):
    with pytest.raises(InvalidResponse, match="unknown"):
        (await activities(row(101, 4))).count(Agents(), read, MINUTE)


@pytest.mark.parametrize(
    ("measured", "interval", "believed"),
    [
        ("2026-11-24T11:59:00Z", 5, True),
        ("2026-11-24T11:58:59Z", 5, False),
        ("2026-11-24T11:58:00Z", 60, True),
        ("2026-11-24T11:57:59Z", 60, False),
        ("2026-11-24T11:58:00.1234567", 60, True),  # .NET's digits, and no zone
        ("2026-11-24T13:00:00+01:00", 5, True),
        ("2026-11-24T12:00:00+01:00", 5, False),
        ("2026-11-24T12:30:00Z", 5, True),  # ahead of itself
        ("half past eleven", 5, True),
        (None, 5, True),
        (MISSING, 5, True),
    ],
)
async def test_measurements_are_believed_for_two_intervals_and_at_least_a_minute(measured, interval, believed):
    found = await activities(row(101, 4, serverTime=measured))
    if believed:
        assert found.count(Agents(), campaign(101), timedelta(seconds=interval)) == 4
    else:
        with pytest.raises(InvalidResponse, match="out of date"):
            found.count(Agents(), campaign(101), timedelta(seconds=interval))


@pytest.mark.parametrize("date", [None, "yesterday", ""])
async def test_without_a_date_of_the_answer_there_is_no_age(date):
    pages = Pages(
        answer({"totalRecords": 1, activity.NAME: [row(101, 4, serverTime="2020-01-01T00:00:00Z")]}, date=date)
    )
    found = read_activity(await pages.read(activity.NAME, activity.skill_of))
    assert found.count(Agents(), campaign(101), MINUTE) == 4


async def test_one_skill_out_of_date_makes_the_count_of_its_campaign_unknown_and_no_other():
    found = await activities(row(101, 4), row(102, 9, serverTime="2026-11-24T11:00:00Z"))
    with pytest.raises(InvalidResponse):
        found.count(Agents(), campaign(101, 102), MINUTE)
    assert found.count(Agents(), campaign(101), MINUTE) == 4


@pytest.mark.parametrize("field", ["skillId", *AgentCounter])
@pytest.mark.parametrize("wrong", [*WRONG, -1], ids=repr)
async def test_activity_with_a_field_that_is_missing_or_wrong_is_not_believed(field, wrong):
    with pytest.raises(InvalidResponse):
        await activities(row(101, 4, **{field: wrong}))


@pytest.mark.parametrize("wrong", [1, True, [], {}, 1.5], ids=repr)
async def test_a_server_time_of_another_type_is_not_believed(wrong):
    with pytest.raises(InvalidResponse):
        await activities(row(101, 4, serverTime=wrong))


# Agent states


def agent(number, state=1, team=5, **differences):
    found = {"agentId": number, "agentStateId": state, "isActive": True, "teamId": team} | differences
    return {name: value for name, value in found.items() if value is not MISSING}


async def agents_of(*found):
    return read_states(await Pages(page(list(found))).read(NAME, states.agent_of))


async def test_agents_in_the_states_that_count_are_counted():
    found = await agents_of(
        agent(1, 1), agent(2, 7), agent(3, 0), agent(4, 1), agent(5, -1), agent(6, 4711), agent(7, 8)
    )
    assert found.count(Agents(), None, MINUTE) == 2
    assert found.count(Agents(state_ids=[1, 7]), None, MINUTE) == 3
    assert found.count(Agents(state_ids=[2]), campaign(101), MINUTE) == 0


async def test_agents_of_other_teams_do_not_count():
    found = await agents_of(agent(1, team=5), agent(2, team=6), agent(3, team=7))
    assert found.count(Agents(team_ids=[5, 7]), None, MINUTE) == 2


async def test_agents_who_are_no_longer_there_do_not_count():
    assert (await agents_of(agent(1), agent(2, isActive=False))).count(Agents(), None, MINUTE) == 1


@pytest.mark.parametrize("field", ["agentId", "agentStateId", "teamId"])
@pytest.mark.parametrize("wrong", WRONG, ids=repr)
async def test_an_agent_with_a_field_that_is_missing_or_wrong_makes_the_count_unknown(field, wrong):
    with pytest.raises(InvalidResponse):
        await agents_of(agent(1), agent(2, **{field: wrong}))


@pytest.mark.parametrize("wrong", [MISSING, None, 1, "true"], ids=repr)
async def test_an_agent_who_may_be_there_or_not_makes_the_count_unknown(wrong):
    with pytest.raises(InvalidResponse):
        await agents_of(agent(1, isActive=wrong))


# What is asked for


def test_names_and_phone_numbers_of_agents_are_never_asked_for():
    asked = f"{activity.PARAMETERS['fields']},{states.PARAMETERS['fields']}".split(",")
    assert set(asked) == {*AgentCounter, "skillId", "serverTime", "agentId", "agentStateId", "isActive", "teamId"}

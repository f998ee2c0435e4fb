"""Whatever JSON arrives: a reader of ACD answers believes it or raises a CXoneError, and never anything else."""

import contextlib
import json
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaign_throttle.cxone.acd import activity, discovery, grants, paging, skills, states
from campaign_throttle.cxone.errors import CXoneError
from campaign_throttle.cxone.protocol import Campaign, DialingState, Skill
from campaign_throttle.cxone.transport import Answer
from campaign_throttle.resources.behaviour import AgentCounter, Agents, AgentSource

FIELDS = [
    *("access_token", "token", "expires_in", "tokenExpirationTimeSec", "token_type", "error", "scope"),
    *("token_endpoint", "api_endpoint", "area"),
    *("id", "name", "isActive", "skills", "skillId", "skillName"),
    *("isOutbound", "outboundStrategy", "agentless", "isRunning", "campaignId", "isScheduled", "scheduleSettings"),
    *("totalRecords", "_links", "next", "skillActivity", "agentStates"),
    *("agentId", "agentStateId", "teamId", "serverTime", *AgentCounter),
]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([1, 77, 101, 3600, -1, 2**31, 10**40]),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        ["Personal Connection", "https://api-na1.niceincontact.com", "na1", "invalid_grant", "\ud800"]
    ),
    st.datetimes().map(str),
)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=8),
    max_leaves=30,
)
OBJECTS = st.dictionaries(st.sampled_from(FIELDS), DOCUMENTS, max_size=12)
ANSWERS = st.builds(
    lambda status, kind, date, found: Answer(
        "skill",
        status,
        {"content-type": kind, "date": date},
        found if isinstance(found, bytes) else json.dumps(found).encode(),
    ),
    st.sampled_from([200, 200, 200, 200, 201, 204, 400, 401, 403, 404, 500]),
    st.sampled_from(["application/json"] * 5 + ["text/html", ""]),
    st.text(max_size=30) | st.just("Tue, 24 Nov 2026 12:00:00 GMT"),
    OBJECTS | DOCUMENTS | st.binary(max_size=50),
)
READERS = [
    lambda answer: skills.read_campaign(answer, "77"),
    lambda answer: skills.read_skill_ids(answer, "77"),
    lambda answer: skills.read_skill(answer, 101, "77"),
    lambda answer: skills.read_schedule(answer, 101),
    lambda answer: paging.read_page(answer, "skillActivity", "skill activity"),
    lambda answer: grants.read_token(answer, 0.0),
    discovery.read_token_endpoint,
    discovery.read_api_endpoint,
    discovery.read_area,
]
CAMPAIGN = Campaign("77", "", DialingState.RUNNING, "", None, skills=(Skill(101, "", running=True),))


@given(answer=ANSWERS, reader=st.sampled_from(READERS))
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_answer_is_believed_or_refused(answer, reader):
    with contextlib.suppress(CXoneError):
        reader(answer)


@given(rows=st.lists(OBJECTS, max_size=4), answer=ANSWERS)
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_rows_are_counted_or_refused(rows, answer):
    reading = paging.Reading([(row, answer) for row in rows], pages=1)
    minute = timedelta(minutes=1)
    for read, agents in (
        (activity.read_activity, Agents()),
        (states.read_states, Agents(source=AgentSource.AGENT_STATES, team_ids=[1])),
    ):
        try:
            counted = read(reading).count(agents, CAMPAIGN, minute)
        except CXoneError:
            continue
        assert 0 <= counted <= 1_000_000
        assert type(counted) is int


@given(value=st.text() | SCALARS)
def test_an_address_that_discovery_gives_is_plain_or_refused(value):
    try:
        found = discovery.address(value, "api_endpoint")
    except CXoneError:
        return
    assert found.startswith(("https://", "http://"))
    assert not set(found) & set(" \\@?#\r\n\t")


@given(dates=st.text(max_size=40), measured=st.text(max_size=40))
def test_any_pair_of_times_has_an_age_or_none(dates, measured):
    row = {"skillId": 101, "serverTime": measured} | dict.fromkeys(AgentCounter, 1)
    answer = Answer("skills-activity", 200, {"date": dates}, b"")
    found = activity.read_activity(paging.Reading([(row, answer)], pages=1))
    assert found.skills[101].age is None or isinstance(found.skills[101].age, timedelta)

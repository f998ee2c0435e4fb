"""When a throttle is due, what wakes it, and how much of a damaged status is kept."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from campaign_throttle.resources import RECONCILE_ANNOTATION
from campaign_throttle.resources.throttle import CampaignThrottleStatus, Owner
from campaign_throttle.throttles import (
    Claim,
    Stored,
    Throttle,
    Throttles,
    first_due,
    next_due,
    read_status,
    wish,
)
from unit.declared_tenants import campaigns_spec

intervals = st.integers(1, 3600).map(lambda seconds: timedelta(seconds=seconds))
fine_intervals = st.integers(1_000, 3_600_000).map(lambda milliseconds: timedelta(milliseconds=milliseconds))
phases = st.floats(0, 1, exclude_max=True)
times = st.floats(0, 1e7, allow_nan=False)


@given(intervals | fine_intervals, phases, times)
def test_a_throttle_is_due_within_one_interval(interval, phase, now):
    due = next_due(interval, phase, now)
    assert due <= now + interval.total_seconds() * (1 + 1e-9) + 1e-6


@given(intervals | fine_intervals, phases, times)
@example(timedelta(milliseconds=408_813), 0.0, 0.0)
def test_the_next_poll_is_always_later_than_now_also_on_the_tick_itself(interval, phase, now):
    for _ in range(5):
        due = next_due(interval, phase, now)
        assert due > now
        now = due


@given(intervals, phases, times)
def test_a_poll_is_due_on_the_grid_of_its_interval_and_tenant(interval, phase, now):
    step = interval.total_seconds()
    ticks = (next_due(interval, phase, now) - phase * step) / step
    assert math.isclose(ticks, round(ticks), abs_tol=1e-6)


@given(intervals, phases, times, st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_the_throttles_of_one_interval_and_tenant_are_due_together(interval, phase, now, spread):
    due = next_due(interval, phase, now)
    assume(1e-6 < due - now < interval.total_seconds() - 1e-6)
    room = due - now - 1e-6
    assert {next_due(interval, phase, now + share * room) for share in spread} <= {due}


@given(phases, times)
def test_a_new_throttle_is_polled_within_a_second(phase, now):
    assert now <= first_due(phase, now) <= now + 1


# What wakes a throttle


def seen(generation=1, request=None, **metadata):
    annotations = {} if request is None else {RECONCILE_ANNOTATION: request}
    return {"metadata": {"generation": generation, "annotations": annotations, **metadata}}


def throttle(handled=(1, None)):
    return Throttle("default", "one", "uid", created=0.0, handled=handled)


@pytest.mark.parametrize(
    ("handled", "body", "nudged"),
    [
        ((1, None), seen(1), False),
        ((1, None), seen(2), True),
        ((1, None), seen(1, "now"), True),
        ((1, "now"), seen(1, "now"), False),
        ((1, "now"), seen(1, "later"), True),
        ((1, "now"), seen(1), False),
        ((1, "now"), seen(2), True),
        ((1, None), seen(1, ""), True),
        ((1, "x" * 256), seen(1, "x" * 300), False),
        (None, seen(1), False),
        ((1, None), {"metadata": {"generation": 1, "annotations": None}}, False),
    ],
)
def test_a_new_spec_or_a_new_request_wakes_a_throttle_and_nothing_else_does(handled, body, nudged):
    found = throttle(handled)
    found.notice(body)
    assert found.nudged.is_set() is nudged


def test_noticing_does_not_count_as_handling():
    found = throttle()
    found.notice(seen(2))
    assert found.handled == (1, None)


def test_a_request_fits_the_field_that_echoes_it():
    _, request = wish(seen(1, "é" * 5000))
    CampaignThrottleStatus(last_handled_reconcile_at=request)


# What is known of the server


def stored(version, **status):
    return {"metadata": {"resourceVersion": str(version)}, "status": status}


def test_an_older_view_of_the_object_does_not_replace_a_newer_one():
    found = throttle()
    found.observe_status(stored(9, availableAgents=9))
    found.observe_status(stored(8, availableAgents=8))
    found.observe_status(stored(10, availableAgents=10))
    assert found.stored.status.available_agents == 10
    found.observe_status(stored(100, availableAgents=100))
    assert found.stored.status.available_agents == 100


def test_what_the_operator_stands_by_is_not_overwritten_by_what_it_sees():
    found = throttle()
    found.observe_status(stored(1, availableAgents=1))
    found.observe_status(stored(2, availableAgents=2))
    assert found.reported.available_agents == 1


GOOD = {
    "observedGeneration": 3,
    "availableAgents": 5,
    "campaignState": "Paused",
    "pausedBy": "Operator",
    "intent": {"action": "Pause", "time": "2026-11-24T12:00:00Z"},
    "conditions": [
        {
            "type": "Ready",
            "status": "True",
            "reason": "Controlling",
            "message": "",
            "lastTransitionTime": "2026-11-24T12:00:00Z",
        }
    ],
}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("availableAgents", "many"),
        ("availableAgents", -1),
        ("campaignState", "Sleeping"),
        ("intent", {"action": "Explode", "time": "2026-11-24T12:00:00Z"}),
        ("intent", "soon"),
        ("intent", {"action": "Pause"}),
        ("conditions", [{"type": "Ready"}]),
        ("conditions", "none"),
        ("conditions", [None]),
        ("lastPollTime", "yesterday"),
        ("lastPollTime", "2026-11-24T12:00:00"),
        ("observedGeneration", None),
        ("effectiveInterval", "soon"),
        ("effectiveInterval", "1e400h"),
        ("campaignName", "x" * 10_000),
        ("history", [{}] * 3),
        ("history", [{}] * 10_000),
    ],
)
def test_a_field_that_cannot_be_read_takes_no_other_with_it(field, value):
    found = read_status({**GOOD, field: value})
    assert found.paused_by is Owner.OPERATOR
    whole = read_status(GOOD)
    for name, info in CampaignThrottleStatus.model_fields.items():
        if info.alias != field:
            assert getattr(found, name) == getattr(whole, name)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
field_names = st.sampled_from([field.alias for field in CampaignThrottleStatus.model_fields.values()])
python_names = st.sampled_from(list(CampaignThrottleStatus.model_fields))


@given(st.dictionaries(field_names | st.text(max_size=5), json_values, max_size=8))
def test_any_status_at_all_can_be_read(raw):
    read_status(raw)


@given(st.dictionaries(python_names, json_values, max_size=4))
def test_a_status_with_names_that_no_server_would_store_can_be_read_too(raw):
    read_status(raw)


# All of them


def body(uid, name="one"):
    return {"metadata": {"uid": uid, "namespace": "default", "name": name}}


async def test_an_object_that_is_created_again_is_another_throttle():
    throttles = Throttles()
    first = throttles.register(body("1"))
    assert throttles.register(body("1")) is first
    assert throttles.register(body("2")) is not first
    throttles.forget(body("1"))
    throttles.forget(body("1"))
    assert len(throttles) == 1
    assert throttles.of(body("1")) is None


async def test_a_throttle_is_stuck_after_three_intervals_or_the_longest_polls():
    throttles = Throttles()
    found = throttles.register(body("1"))
    found.created, found.interval = 0.0, timedelta(seconds=30)
    longest = timedelta(seconds=15)
    assert throttles.stuck(89.0, longest_poll=longest) == []
    assert throttles.stuck(91.0, longest_poll=longest) == [found]
    found.polled = 90.0
    assert throttles.stuck(91.0, longest_poll=longest) == []
    found.interval = timedelta(seconds=5)
    assert throttles.stuck(134.0, longest_poll=longest) == []
    assert throttles.stuck(136.0, longest_poll=longest) == [found]


# Hand-over


def claimed(uid, *, created, spec=None, status=None, version=1, **metadata):
    return {
        "metadata": {
            "uid": uid,
            "namespace": "default",
            "name": uid,
            "generation": version,
            "resourceVersion": str(version),
            "creationTimestamp": created,
            **metadata,
        },
        "spec": {"campaignID": "cmp-1", **(spec or {})},
        "status": status or {},
    }


TENANT = campaigns_spec("https://api.nicecxone.com")
OWNER = {"pausedBy": "Operator", "campaignState": "Paused", "lastPollTime": "2026-11-24T12:00:00Z"}


def take_in(throttles, body, tenant=TENANT):
    """Register an object, and let it claim its campaign of a tenant."""
    found = throttles.register(body)
    throttles.claim(found, Claim.of(found, tenant))
    return found


def pair(first=None, second=None):
    """The owner of a pause, suspended now, and the younger throttle of the same campaign."""
    throttles = Throttles()
    owner = take_in(throttles, claimed("a", created="1", spec={"suspend": True}, status=first or OWNER))
    heir = take_in(throttles, claimed("b", created="2", status=second))
    return throttles, owner, heir


async def test_the_oldest_throttle_that_acts_controls_its_campaign():
    throttles, owner, heir = pair()
    assert throttles.rival(heir) is None
    take_in(throttles, claimed("a", created="1", status=OWNER, version=2))
    assert throttles.rival(heir) == owner.claim
    assert heir.overtaken
    assert heir.nudged.is_set()
    assert throttles.rival(owner) is None


async def test_an_owned_pause_is_taken_over_and_let_go_only_when_it_is_stored():
    _, owner, heir = pair()
    assert heir.may_adopt(owner)
    heir.adopt(owner)
    assert heir.recall().paused_by is Owner.OPERATOR
    heir.settle_adoption()
    assert owner.holds, "a crash now must not lose it"
    heir.stored = Stored.of(claimed("b", created="2", status=OWNER, version=2))
    heir.settle_adoption()
    assert not owner.holds
    assert heir.holds


async def test_what_a_throttle_has_seen_itself_is_not_overruled_by_an_older_view():
    """It saw a person resume and pause again after the owner had looked for the last time."""
    _, owner, heir = pair()
    heir.memory = replace(heir.recall(), paused_by=Owner.OTHER, changed_at=datetime(2026, 11, 24, 13, tzinfo=UTC))
    assert not heir.may_adopt(owner)


async def test_an_intent_is_handed_over_like_a_pause():
    pausing = {"campaignState": "Running", "intent": {"action": "Pause", "time": "2026-11-24T12:00:00Z"}}
    _, owner, heir = pair(first=pausing)
    heir.adopt(owner)
    assert heir.recall().intent == owner.recall().intent


async def test_a_new_spec_a_rival_or_the_end_overrules_a_poll_under_way_and_a_mere_request_does_not():
    throttles = Throttles()
    found = take_in(throttles, claimed("a", created="2"))
    found.handled = (1, None)
    take_in(
        throttles, claimed("a", created="2", generation=1, annotations={RECONCILE_ANNOTATION: "now"}, version=2)
    )
    assert found.nudged.is_set()
    assert not found.superseded
    take_in(throttles, claimed("older", created="1"))
    assert found.superseded
    found.overtaken = False
    take_in(throttles, claimed("a", created="2", generation=2, version=3))
    assert found.superseded

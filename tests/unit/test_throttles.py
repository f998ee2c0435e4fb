"""When a throttle is due, what wakes it, and how much of a damaged status is kept."""

import math
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from campaign_throttle.resources import RECONCILE_ANNOTATION
from campaign_throttle.resources.throttle import Owner, TenantKind
from campaign_throttle.resources.throttle_status import CampaignThrottleStatus
from campaign_throttle.tenants import TenantKey
from campaign_throttle.throttles import (
    Stored,
    Throttle,
    Throttles,
    first_due,
    next_due,
    read_status,
    wish,
)
from unit.declared_tenants import acd_spec, campaigns_spec

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


STALLED = {
    "type": "Stalled",
    "status": "True",
    "observedGeneration": 1,
    "lastTransitionTime": "2026-01-01T00:00:00Z",
    "message": "",
}


def take_in(throttles, body, tenant=TENANT):
    """Register an object that can read its campaign, and let it claim that of a tenant."""
    found = throttles.register(body)
    found.lapsed = False
    throttles.claim(found, found.claim_to(tenant))
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


# Who controls what

ELSEWHERE = campaigns_spec("https://api-eu.nicecxone.com")
ACD = acd_spec("https://cxone.niceincontact.com")


def skilled(uid, created, *skills, campaign="4711", **spec):
    return claimed(uid, created=created, spec={"campaignID": campaign, "skillIDs": list(skills)} | spec)


def all_of(uid, created, **spec):
    return claimed(uid, created=created, spec={"campaignID": "4711"} | spec)


async def test_one_campaign_id_of_two_tenants_is_two_campaigns():
    throttles = Throttles()
    found = [
        take_in(throttles, claimed(uid, created=uid), tenant) for uid, tenant in enumerated(TENANT, ELSEWHERE)
    ]
    assert [throttles.rival(throttle) for throttle in found] == [None, None]


async def test_one_tenant_by_two_names_is_one_tenant():
    """Of another namespace, say, with a Secret of its own."""
    throttles = Throttles()
    same = campaigns_spec("https://API.nicecxone.com:443/", credentialsSecretRef={"name": "other"})
    first, second = (
        take_in(throttles, claimed(uid, created=uid), tenant) for uid, tenant in enumerated(TENANT, same)
    )
    assert throttles.rival(second) == first.claim


def enumerated(*tenants):
    return [(str(number), tenant) for number, tenant in enumerate(tenants)]


async def test_throttles_of_different_skills_of_a_campaign_do_not_meet():
    throttles = Throttles()
    found = [take_in(throttles, skilled(str(number), str(number), number + 100), ACD) for number in range(5)]
    assert [throttles.rival(throttle) for throttle in found] == [None] * 5


async def test_a_skill_in_common_is_a_conflict_and_the_older_controls():
    throttles = Throttles()
    first = take_in(throttles, skilled("a", "1", 101, 102), ACD)
    second = take_in(throttles, skilled("b", "2", 102, 103), ACD)
    third = take_in(throttles, skilled("c", "3", 103, 104), ACD)
    assert throttles.rival(second) == first.claim
    assert throttles.rival(third) is None, "the one that it meets controls nothing"
    throttles.forget(first.body)
    assert throttles.rival(second) is None
    assert throttles.rival(third) == second.claim
    assert third.overtaken


async def test_who_claims_all_skills_meets_everybody():
    throttles = Throttles()
    first = take_in(throttles, skilled("a", "1", 101), ACD)
    whole = take_in(throttles, all_of("b", "2"), ACD)
    later = take_in(throttles, skilled("c", "3", 102), ACD)
    assert throttles.rival(whole) == first.claim
    assert throttles.rival(later) is None


@pytest.mark.parametrize(
    ("body", "tenant"),
    [
        (all_of("a", "1", suspend=True), ACD),
        (all_of("a", "1", mode="Observe"), ACD),
        (all_of("a", "1", interval="never"), ACD),
        (all_of("a", "1", campaignID="cmp-1"), ACD),
        (all_of("a", "1", agents={"states": ["busy"]}), ACD),
        (all_of("a", "1"), None),
        (all_of("a", "1"), acd_spec("https://cxone.niceincontact.com", suspend=True)),
        (claimed("a", created="1", spec={"campaignID": "4711"}, deletionTimestamp="2026-11-24T12:00:00Z"), ACD),
    ],
    ids="suspended observing invalid no-number misfit no-tenant suspended-tenant deleted".split(),
)
async def test_who_does_not_act_keeps_nobody_from_a_campaign(body, tenant):
    throttles = Throttles()
    take_in(throttles, body, tenant)
    second = take_in(throttles, all_of("b", "2"), ACD)
    assert throttles.rival(second) is None


async def test_who_is_not_able_to_act_keeps_nobody_from_a_campaign():
    """Else an older throttle with worthless credentials could lock others out."""
    throttles = Throttles()
    first = throttles.register(all_of("a", "1"))
    throttles.claim(first, first.claim_to(ACD))
    assert not first.may_act
    second = take_in(throttles, all_of("b", "2"), ACD)
    assert throttles.rival(second) is None
    second.tenant_key = TenantKey(TenantKind.NAMESPACED, "default", "other")
    assert throttles.heir(second) is None
    first.lapsed = False  # it has read the campaign
    throttles.claim(first, first.claim_to(ACD))
    assert throttles.rival(second) == first.claim
    assert second.nudged.is_set()
    assert throttles.heir(second) is first


async def test_who_was_never_polled_inherits_by_the_same_tenant_and_not_by_one_that_only_looks_like_it():
    throttles = Throttles()
    first = take_in(throttles, all_of("a", "1"), ACD)
    second = throttles.register(all_of("b", "2"))
    throttles.claim(second, second.claim_to(ACD))
    assert throttles.contenders(first) == [second]
    assert throttles.heir(first) is None  # while the first is there
    first.body["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    throttles.claim(first, first.claim_to(ACD))
    assert throttles.heir(first) is second
    second.tenant_key = TenantKey(TenantKind.NAMESPACED, "default", "other")
    assert throttles.heir(first) is None
    second.tenant_key = first.tenant_key = TenantKey(TenantKind.CLUSTER, None, "shared")
    assert throttles.heir(first) is second
    second.namespace = "elsewhere"  # to which the tenant may not be offered
    assert throttles.heir(first) is None


async def test_who_was_not_able_yet_is_told_of_an_older_one_that_is():
    """So that it is never Ready for a moment, and then in conflict."""
    throttles = Throttles()
    first = take_in(throttles, all_of("a", "1"), ACD)
    second = throttles.register(all_of("b", "2"))
    throttles.claim(second, second.claim_to(ACD))
    assert throttles.rival(second) == first.claim


@pytest.mark.parametrize(
    ("status", "able"),
    [
        ({}, False),
        ({"campaignState": "Running", "campaignName": "Sales"}, True),
        ({"campaignState": "Unknown", "campaignName": ""}, True),
        ({"campaignState": "Unknown"}, False),
        ({"campaignName": "Sales", "conditions": [STALLED | {"reason": "CampaignConflict"}]}, True),
        ({"campaignName": "Sales", "conditions": [STALLED | {"reason": "CredentialsRejected"}]}, False),
    ],
)
async def test_after_a_restart_the_status_tells_who_was_able(status, able):
    throttle = Throttles().register(all_of("a", "1") | {"status": status})
    assert throttle.lapsed is not able


async def test_another_tenant_moves_the_claim_and_frees_the_campaign():
    throttles = Throttles()
    first = take_in(throttles, claimed("a", created="1"))
    second = take_in(throttles, claimed("b", created="2"))
    there = take_in(throttles, claimed("c", created="3"), ELSEWHERE)
    assert throttles.rival(second) == first.claim
    second.nudged.clear()
    throttles.claim(first, first.claim_to(ELSEWHERE))
    assert throttles.rival(second) is None
    assert second.nudged.is_set()
    assert not second.overtaken
    assert throttles.rival(there) == first.claim
    assert there.overtaken


async def test_nothing_is_left_of_claims_that_came_and_went():
    throttles = Throttles()
    for number in range(100):
        body = claimed(str(number), created="1", spec={"campaignID": f"cmp-{number}"})
        found = take_in(throttles, body, TENANT if number % 2 else ELSEWHERE)
        throttles.claim(found, found.claim_to(None))
        throttles.forget(body)
    assert (throttles._by_uid, throttles._by_place, throttles._control) == ({}, {}, {})


skill_sets = st.frozensets(st.integers(1, 12), max_size=4)


@settings(max_examples=60)
@given(st.lists(st.tuples(skill_sets, st.booleans()), min_size=1, max_size=12), st.randoms())
async def test_who_controls_depends_on_who_is_there_and_not_on_who_came_first(found, random):
    """No two controllers meet; and whoever acts and doesn't control meets an older one that does."""
    bodies = [
        claimed(
            f"{number:02}",
            created="1",
            spec={"campaignID": "4711", "suspend": suspended} | ({"skillIDs": sorted(skills)} if skills else {}),
        )
        for number, (skills, suspended) in enumerate(found)
    ]

    def controllers(order):
        throttles = Throttles()
        for body in order:
            take_in(throttles, body, ACD)
        acting = [throttle for throttle in throttles if throttle.claim.active]
        assert {throttle.uid for throttle in acting if throttle.overtaken} == {
            throttle.uid for throttle in acting if throttles.rival(throttle)
        }
        holding = [throttle for throttle in acting if throttles.rival(throttle) is None]
        for one in holding:
            assert not any(one.claim.meets(other.claim) for other in holding if other is not one)
        for throttle in acting:
            rival = throttles.rival(throttle)
            assert rival is None or rival in [other.claim for other in holding]
        return sorted(throttle.uid for throttle in holding)

    expected = controllers(bodies)
    shuffled = list(bodies)
    random.shuffle(shuffled)
    assert controllers(shuffled) == expected


@pytest.mark.parametrize(("number", "most"), [(60, 50), (1000, 2)])
async def test_a_crowd_on_one_campaign_is_sorted_out_quickly(number, most):
    """A hostile editor may declare as many as the quota allows, with whatever skills."""
    random = Random(4711)
    throttles = Throttles()
    began = time.process_time()
    for index in range(number):
        skills = random.sample(range(1, 200), random.randint(1, most))
        take_in(throttles, skilled(f"{index:04}", f"{random.random()}", *skills), ACD)
    for body in [throttle.body for throttle in throttles]:
        throttles.forget(body)
    assert time.process_time() - began < number * 0.01
    assert len(throttles) == 0

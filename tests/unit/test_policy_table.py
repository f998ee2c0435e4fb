"""The decision rules, one row each: what is seen, whose pause it is, and what must follow."""

from datetime import UTC, datetime, timedelta

import pytest

from campaign_throttle.policy import INTENT_LIFETIME, Memory, Observation, accepted, announced, decide, failed
from campaign_throttle.resources.throttle import Action, CampaignState, CampaignThrottleSpec, Mode, Owner
from campaign_throttle.resources.throttle_status import Intent

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SPEC = CampaignThrottleSpec(campaign_id="cmp-1", pause_threshold=5, resume_threshold=8)
RUNNING, PAUSED, OTHER, UNKNOWN = (
    CampaignState.RUNNING,
    CampaignState.PAUSED,
    CampaignState.OTHER,
    CampaignState.UNKNOWN,
)
OURS, THEIRS = (
    Memory(paused_by=Owner.OPERATOR, last_state=PAUSED),
    Memory(paused_by=Owner.OTHER, last_state=PAUSED),
)


@pytest.mark.parametrize(
    ("agents", "state", "memory", "action", "reason", "desired"),
    [
        (0, RUNNING, Memory(), Action.PAUSE, "BelowPauseThreshold", PAUSED),
        (4, RUNNING, Memory(), Action.PAUSE, "BelowPauseThreshold", PAUSED),
        (5, RUNNING, Memory(), None, "BetweenThresholds", RUNNING),
        (7, RUNNING, Memory(), None, "BetweenThresholds", RUNNING),
        (8, RUNNING, Memory(), None, "AtResumeThreshold", RUNNING),
        (4, PAUSED, OURS, None, "BelowPauseThreshold", PAUSED),
        (5, PAUSED, OURS, None, "BetweenThresholds", PAUSED),
        (7, PAUSED, OURS, None, "BetweenThresholds", PAUSED),
        (8, PAUSED, OURS, Action.RESUME, "AtResumeThreshold", RUNNING),
        (8, PAUSED, THEIRS, None, "PausedByOther", None),
        (8, PAUSED, Memory(), None, "PausedByOther", None),
        (4, PAUSED, THEIRS, None, "BelowPauseThreshold", PAUSED),
        (0, OTHER, Memory(), None, "NotControllable", None),
        (9, OTHER, OURS, None, "NotControllable", None),
        (None, RUNNING, Memory(), None, "Unknown", None),
        (None, PAUSED, OURS, None, "Unknown", None),
        (0, UNKNOWN, Memory(), None, "Unknown", None),
        (9, UNKNOWN, OURS, None, "Unknown", None),
    ],
)
def test_each_combination_of_count_state_and_owner_has_one_outcome(agents, state, memory, action, reason, desired):
    decision = decide(SPEC, memory, Observation(agents, state), NOW)
    assert (decision.action, decision.reason, decision.desired) == (action, reason, desired)


def test_suspended_nothing_is_done_and_ownership_is_kept():
    suspended = SPEC.model_copy(update={"suspend": True})
    decision = decide(suspended, OURS, Observation(0, RUNNING), NOW)
    assert (decision.action, decision.memory) == (None, OURS)


def test_observe_never_acts_and_says_once_what_it_would_do():
    observing = SPEC.model_copy(update={"mode": Mode.OBSERVE})
    first = decide(observing, Memory(), Observation(4, RUNNING), NOW)
    second = decide(observing, first.memory, Observation(3, RUNNING), NOW)
    back = decide(observing, second.memory, Observation(8, RUNNING), NOW)
    again = decide(observing, back.memory, Observation(9, RUNNING), NOW)
    assert [d.action for d in (first, second, back, again)] == [None] * 4
    assert [d.would for d in (first, second, back, again)] == [Action.PAUSE, None, Action.RESUME, None]


def test_between_the_thresholds_the_last_opinion_stands():
    below = decide(SPEC, Memory(), Observation(4, RUNNING), NOW)
    between = decide(SPEC, accepted(below.memory, Action.PAUSE, NOW), Observation(6, PAUSED), NOW)
    assert (between.action, between.desired) == (None, PAUSED)


def test_failed_polls_are_counted_and_one_good_poll_ends_the_row():
    memory = Memory()
    for _ in range(4):
        memory = decide(SPEC, memory, Observation(None, RUNNING), NOW).memory
    assert memory.failures == 4
    assert decide(SPEC, memory, Observation(6, RUNNING), NOW).memory.failures == 0


class TestPeople:
    def test_a_persons_pause_is_seen_as_an_override_and_never_undone(self):
        running = decide(SPEC, Memory(), Observation(9, RUNNING), NOW)
        paused = decide(SPEC, running.memory, Observation(9, PAUSED), NOW)
        assert (paused.override, paused.action, paused.memory.paused_by) == (Action.PAUSE, None, Owner.OTHER)

    def test_a_campaign_that_was_paused_before_the_throttle_came_is_no_override(self):
        decision = decide(SPEC, Memory(), Observation(9, PAUSED), NOW)
        assert (decision.override, decision.memory.paused_by) == (None, Owner.OTHER)

    def test_a_persons_resume_during_a_shortage_is_respected_until_enough_agents_were_there_once(self):
        resumed = decide(SPEC, OURS, Observation(3, RUNNING), NOW)
        assert (resumed.override, resumed.action, resumed.desired) == (Action.RESUME, None, None)
        assert resumed.memory.manual_resume == NOW
        still = decide(SPEC, resumed.memory, Observation(7, RUNNING), NOW)
        assert still.memory.manual_resume == NOW
        assert decide(SPEC, still.memory, Observation(4, RUNNING), NOW).action is None
        armed = decide(SPEC, still.memory, Observation(8, RUNNING), NOW)
        assert armed.memory.manual_resume is None
        assert decide(SPEC, armed.memory, Observation(4, RUNNING), NOW).action is Action.PAUSE

    def test_a_persons_resume_that_is_seen_while_the_count_is_unknown_is_respected_too(self):
        resumed = decide(SPEC, OURS, Observation(None, RUNNING), NOW)
        assert decide(SPEC, resumed.memory, Observation(3, RUNNING), NOW).action is None

    def test_a_persons_resume_of_a_persons_pause_is_respected(self):
        assert decide(SPEC, THEIRS, Observation(3, RUNNING), NOW).action is None

    def test_a_pause_that_had_no_effect_is_not_mistaken_for_a_persons_resume(self):
        ours = accepted(Memory(), Action.PAUSE, NOW)
        stale = Observation(3, RUNNING, changed_at=NOW - timedelta(hours=1))
        decision = decide(SPEC, ours, stale, NOW + timedelta(seconds=5))
        assert (decision.action, decision.override) == (Action.PAUSE, None)

    def test_an_unknown_word_in_between_does_not_lose_whose_pause_it_is(self):
        ours = accepted(Memory(), Action.PAUSE, NOW)
        draining = decide(SPEC, ours, Observation(3, OTHER), NOW)
        assert decide(SPEC, draining.memory, Observation(9, PAUSED), NOW).action is Action.RESUME


class TestCrashes:
    """An intent found at the start, as a process leaves it that was killed between any two lines."""

    PAUSING = Memory(last_state=RUNNING, intent=Intent(action=Action.PAUSE, time=NOW))
    RESUMING = Memory(paused_by=Owner.OPERATOR, last_state=PAUSED, intent=Intent(action=Action.RESUME, time=NOW))
    LATER = NOW + timedelta(seconds=20)

    def test_a_pause_that_reached_cxone_is_ours(self):
        decision = decide(SPEC, self.PAUSING, Observation(3, PAUSED), self.LATER)
        assert decision.memory.paused_by is Owner.OPERATOR
        assert decision.memory.intent is None
        assert decision.settled == self.PAUSING.intent

    def test_and_is_resumed_when_agents_are_back(self):
        assert decide(SPEC, self.PAUSING, Observation(9, PAUSED), self.LATER).action is Action.RESUME

    @pytest.mark.parametrize(("after", "owner"), [(59, Owner.OPERATOR), (60, Owner.OPERATOR), (61, Owner.OTHER)])
    def test_a_pause_more_than_a_minute_after_the_intent_is_a_persons(self, after, owner):
        seen = Observation(9, PAUSED, changed_at=NOW + timedelta(seconds=after))
        assert decide(SPEC, self.PAUSING, seen, NOW + timedelta(hours=1)).memory.paused_by is owner

    def test_a_pause_that_did_not_reach_cxone_is_remembered_for_a_minute_and_then_dropped(self):
        soon = decide(SPEC, self.PAUSING, Observation(9, RUNNING), NOW + INTENT_LIFETIME)
        assert soon.memory.intent == self.PAUSING.intent
        late = decide(SPEC, soon.memory, Observation(9, RUNNING), NOW + INTENT_LIFETIME * 2)
        assert late.memory.intent is None

    def test_a_resume_that_reached_cxone_is_ours_and_no_persons(self):
        decision = decide(SPEC, self.RESUMING, Observation(3, RUNNING), self.LATER)
        assert (decision.override, decision.memory.manual_resume) == (None, None)
        assert decision.action is Action.PAUSE

    def test_a_resume_that_did_not_reach_cxone_leaves_the_pause_ours(self):
        decision = decide(SPEC, self.RESUMING, Observation(9, PAUSED), self.LATER)
        assert decision.memory.paused_by is Owner.OPERATOR
        assert decision.action is Action.RESUME


def test_an_announced_action_becomes_ownership_when_accepted():
    memory = accepted(announced(Memory(), Action.PAUSE, NOW), Action.PAUSE, NOW)
    assert (memory.intent, memory.paused_by) == (None, Owner.OPERATOR)


@pytest.mark.parametrize("unknown", [True, False])
def test_a_failed_action_keeps_its_intent_only_while_it_may_yet_have_an_effect(unknown):
    memory = failed(announced(Memory(), Action.PAUSE, NOW), outcome_unknown=unknown)
    assert (memory.intent is not None) is unknown
    assert memory.paused_by is None

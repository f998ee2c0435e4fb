"""The status says what was seen and done, in the words of the API, and is written only when that is new."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaign_throttle import policy, status
from campaign_throttle.cxone import errors
from campaign_throttle.events import events
from campaign_throttle.outcome import Outcome, Refusal
from campaign_throttle.policy import Memory, Observation
from campaign_throttle.resources.throttle import Action, CampaignState, CampaignThrottleSpec, Mode, Owner
from campaign_throttle.resources.throttle_status import CampaignThrottleStatus, Intent
from campaign_throttle.throttles import Stored, read_status
from unit.schema import problems

RUNNING, PAUSED, OTHER, UNKNOWN = (
    CampaignState.RUNNING,
    CampaignState.PAUSED,
    CampaignState.OTHER,
    CampaignState.UNKNOWN,
)
START = datetime(2026, 11, 24, 12, tzinfo=UTC)
HEARTBEAT = timedelta(minutes=5)
#: The default of spec.fallback.failureThreshold.
FAILURE_THRESHOLD = 3
SPEC = CampaignThrottleSpec(campaign_id="cmp-1")
TRANSIENT = (
    errors.CXoneError("odd"),
    errors.CXoneServerError("500"),
    errors.CXoneUnreachable("gone"),
    errors.CXoneTimeout("late"),
    errors.RateLimited("429"),
    errors.InvalidResponse("html"),
    errors.TenantNotReady("no CA"),
)
PERMANENT = (
    errors.CredentialsMissing("none"),
    errors.CredentialsRejected("401"),
    errors.Forbidden("403"),
    errors.CampaignNotFound("404"),
    errors.NothingToControl("inbound"),
    errors.TenantNotFound("no tenant"),
    errors.TenantNotAllowed("not offered"),
    errors.EndpointNotAllowed("inside"),
)
#: What may be missing because it is still on its way.
GRACED = tuple(error for error in PERMANENT if error.graced)


class Polls:
    """A throttle from poll to poll, as the reconciler drives it but without I/O."""

    def __init__(self, spec=SPEC):
        self.spec = spec
        self.memory = Memory()
        self.status = CampaignThrottleStatus()
        self.now = START
        self.generation = 1
        self.events = []

    def edit(self, **changes):
        self.spec = self.spec.model_copy(update=changes)
        self.generation += 1

    def report(self, outcome):
        self.memory = outcome.decision.memory
        before, self.status = self.status, status.build(self.status, outcome)
        self.events = [(event.type, event.reason) for event in events(before, self.status, outcome)]
        return self.status

    def base(self, **seen):
        self.now += timedelta(seconds=30)
        return Outcome(
            generation=self.generation,
            now=self.now,
            decision=policy.Decision("Invalid", self.memory),
            spec=self.spec,
            campaign_word="ARCHIVED",
            **seen,
        )

    def invalid(self, message="spec.interval: wrong"):
        return self.report(replace(self.base(), spec=None, refusal=Refusal("InvalidSpec", message)))

    def poll(self, agents=20, state=RUNNING, *, error=None, action_error=None):
        if self.spec.suspend:
            seen = {"state": UNKNOWN, "suspended_by": "spec.suspend is true"}
        elif isinstance(error, errors.CampaignNotFound):
            seen = {"agents": agents, "campaign_error": error, "state": UNKNOWN}
        elif error is not None:
            seen = {"agents_error": error, "campaign_error": error, "state": UNKNOWN}
        else:
            seen = {"agents": agents, "state": state, "campaign_name": "Campaign 1"}
        outcome = self.base(**seen)
        decision = policy.decide(self.spec, self.memory, Observation(outcome.agents, outcome.state), outcome.now)
        if decision.action is None:
            return self.report(replace(outcome, decision=decision))
        memory = policy.announced(decision.memory, decision.action, outcome.now)
        if action_error is None:
            memory = policy.accepted(memory, decision.action, outcome.now)
            after = PAUSED if decision.action is Action.PAUSE else RUNNING
            outcome = replace(outcome, done=Intent(action=decision.action, time=outcome.now), state=after)
        else:
            memory = policy.failed(memory, outcome_unknown=action_error.outcome_unknown)
            outcome = replace(outcome, action_error=action_error)
        return self.report(replace(outcome, decision=replace(decision, memory=memory)))

    def __getitem__(self, type_):
        """Status and reason of a condition."""
        found = self.condition(type_)
        return (found.status, found.reason) if found else None

    def condition(self, type_):
        return next((found for found in self.status.conditions if found.type == type_), None)


@pytest.fixture
def polls():
    return Polls()


# Ready, Reconciling, Stalled


def test_a_good_first_poll_is_ready(polls):
    polls.poll()
    assert polls["Ready"] == ("True", "Controlling")
    assert polls["Reconciling"] is None
    assert polls["Stalled"] is None
    assert polls.status.observed_generation == 1


def test_a_campaign_that_is_held_paused_for_lack_of_agents_is_ready(polls):
    polls.poll(agents=1)
    assert polls["Ready"] == ("True", "Controlling")
    assert polls["Throttled"] == ("True", "PausedByOperator")
    assert polls["CampaignSynced"][0] == "True"
    assert polls.status.paused_by is Owner.OPERATOR


@pytest.mark.parametrize("error", TRANSIENT, ids=lambda error: error.reason)
def test_a_passing_fault_leaves_ready_true_until_it_has_lasted_three_polls(polls, error):
    polls.poll()
    for _ in range(FAILURE_THRESHOLD - 1):
        polls.poll(error=error)
        assert polls["Ready"] == ("True", "Controlling")
        assert polls["AgentsObserved"] == ("False", error.reason)
        assert polls["Stalled"] is polls["Reconciling"] is None
        assert polls["FallbackActive"][0] == "False"
    polls.poll(error=error)
    assert polls["Ready"] == ("False", error.reason)
    assert polls["Reconciling"] == ("True", "ProgressingWithRetry")
    assert polls["Stalled"] is None
    assert polls["FallbackActive"][0] == "True"
    polls.poll()
    assert polls["Ready"] == ("True", "Controlling")
    assert polls["AgentsObserved"][0] == "True"
    assert polls["Reconciling"] is None
    assert polls["FallbackActive"][0] == "False"


@pytest.mark.parametrize("error", PERMANENT, ids=lambda error: error.reason)
def test_what_only_a_person_can_mend_is_stalled_at_once(polls, error):
    polls.poll()
    polls.poll(error=error)
    assert polls["Ready"] == ("False", error.reason)
    assert polls["Stalled"] == ("True", error.reason)
    assert polls["Reconciling"] is None
    polls.poll()
    assert polls["Ready"][0] == "True"
    assert polls["Stalled"] is None


def test_a_new_throttle_that_meets_a_passing_fault_is_in_progress_and_neither_ready_nor_failed(polls):
    polls.poll(error=TRANSIENT[1])
    assert polls["Ready"] == ("Unknown", "CXoneError")
    assert polls["Reconciling"] == ("True", "ProgressingWithRetry")


def test_ready_of_another_generation_is_not_carried_over_a_failed_poll(polls):
    polls.poll()
    polls.edit(pause_threshold=6)
    polls.poll(error=TRANSIENT[1])
    assert polls["Ready"][0] == "Unknown"
    assert polls.condition("Ready").observed_generation == 2


def test_a_fault_that_lasts_stays_false_when_the_spec_is_edited(polls):
    for _ in range(FAILURE_THRESHOLD):
        polls.poll(error=TRANSIENT[1])
    polls.edit(pause_threshold=6)
    polls.poll(error=TRANSIENT[1])
    assert polls["Ready"][0] == "False"


def test_a_permanent_fault_wins_over_a_passing_one(polls):
    outcome = replace(
        polls.base(state=UNKNOWN),
        agents_error=errors.CXoneServerError("500"),
        campaign_error=errors.Forbidden("403"),
    )
    polls.report(replace(outcome, decision=policy.decide(SPEC, Memory(), Observation(None, UNKNOWN), polls.now)))
    assert polls["Ready"] == ("False", "Forbidden")
    swapped = replace(outcome, agents_error=outcome.campaign_error, campaign_error=outcome.agents_error)
    polls.report(swapped)
    assert polls["Stalled"] == ("True", "Forbidden")


def test_a_passing_fault_after_a_permanent_one_does_not_make_it_ready_again(polls):
    polls.poll()
    polls.poll(error=PERMANENT[0])
    polls.poll(error=TRANSIENT[0])
    assert polls["Ready"] == ("False", "CXoneError")
    assert polls["Reconciling"] == ("True", "ProgressingWithRetry")
    assert polls["Stalled"] is None


def test_an_invalid_spec_is_stalled_and_its_words_are_told(polls):
    polls.invalid("spec.interval: 'soon' is not a duration")
    assert polls["Ready"] == ("False", "InvalidSpec")
    assert polls["Stalled"] == ("True", "InvalidSpec")
    assert "soon" in polls.condition("Ready").message
    assert polls.events == [("Warning", "InvalidSpec")]
    polls.invalid("spec.interval: 'soon' is not a duration")
    assert polls.events == []


def test_a_suspended_throttle_is_ready_and_keeps_what_it_knew(polls):
    polls.poll(agents=1)
    polls.edit(suspend=True)
    polls.poll(agents=1, state=PAUSED)
    assert polls["Ready"] == ("True", "Suspended")
    assert polls.status.paused_by is Owner.OPERATOR
    assert polls.status.campaign_state is PAUSED


def test_a_fault_right_after_a_suspension_is_not_ready_for_having_been_suspended(polls):
    polls.edit(suspend=True)
    polls.poll()
    polls.edit(suspend=False)
    polls.poll(error=TRANSIENT[0])
    assert polls["Ready"][0] == "Unknown"


def test_an_action_that_fails_is_not_synced_at_once_and_not_ready_after_three(polls):
    polls.poll()
    for failures in range(1, FAILURE_THRESHOLD + 1):
        polls.poll(agents=1, action_error=errors.CXoneServerError("500"))
        assert polls["CampaignSynced"] == ("False", "ActionFailed")
        lasting = failures == FAILURE_THRESHOLD
        assert polls["Ready"] == (("False", "ActionFailed") if lasting else ("True", "Controlling"))
        assert (polls["Reconciling"] is not None) is lasting
        assert (("Warning", "ActionFailed") in polls.events) is (failures == 1)
    polls.poll(agents=1)
    assert polls["Ready"][0] == polls["CampaignSynced"][0] == "True"


def test_an_action_that_is_forbidden_is_stalled_at_once(polls):
    polls.poll()
    polls.poll(agents=1, action_error=errors.Forbidden("403"))
    assert polls["Ready"] == ("False", "Forbidden")
    assert polls["Stalled"] == ("True", "Forbidden")


def test_a_word_that_is_not_known_is_ready_and_the_word_is_told(polls):
    polls.poll(state=OTHER)
    assert polls["Ready"] == ("True", "NotControllable")
    assert "ARCHIVED" in polls.condition("Ready").message
    assert polls["CampaignSynced"][0] == "True"
    assert polls.status.desired_state is None


def test_observing_is_ready_with_its_own_reason():
    polls = Polls(SPEC.model_copy(update={"mode": Mode.OBSERVE}))
    polls.poll(agents=1)
    assert polls["Ready"] == ("True", "Observing")
    assert polls["CampaignSynced"][0] == "False"
    assert polls.status.paused_by is None
    assert polls.events == [("Normal", "WouldPause")]


# Fields


def test_an_unknown_count_keeps_the_last_reading(polls):
    polls.poll(agents=17)
    polls.poll(error=TRANSIENT[0])
    assert polls.status.available_agents == 17
    assert polls.status.campaign_state is UNKNOWN


def test_history_holds_the_newest_ten_transitions_newest_first(polls):
    for turn in range(12):
        polls.poll(agents=1 if turn % 2 == 0 else 20, state=RUNNING if turn % 2 == 0 else PAUSED)
    times = [transition.time for transition in polls.status.history]
    assert len(times) == 10
    assert times == sorted(times, reverse=True)
    assert polls.status.last_transition == polls.status.history[0]
    assert [transition.to for transition in polls.status.history[:2]] == ["Running", "Paused"]


# When to write


def written(polls):
    """The status as the API server gives it back."""
    return Stored.of({"status": status.dump(polls.status), "metadata": {"resourceVersion": "1"}}).status


def test_a_steady_state_is_not_worth_writing_until_the_heartbeat(polls):
    polls.poll(agents=1)
    polls.poll(agents=1, state=PAUSED)
    stored = written(polls)
    for _ in range(9):
        polls.poll(agents=1, state=PAUSED)
        assert not status.is_worth_writing(stored, polls.status, HEARTBEAT, FAILURE_THRESHOLD)
    polls.poll(agents=1, state=PAUSED)
    polls.poll(agents=1, state=PAUSED)
    assert status.is_worth_writing(stored, polls.status, HEARTBEAT, FAILURE_THRESHOLD)


@pytest.mark.parametrize("error", [*TRANSIENT[:3], *PERMANENT[:3]])
def test_a_fault_that_goes_on_is_not_worth_writing_after_the_third_poll(polls, error):
    polls.poll()
    for failures in range(1, FAILURE_THRESHOLD + 1):
        stored = written(polls)
        polls.poll(error=error)
        assert status.is_worth_writing(stored, polls.status, HEARTBEAT, FAILURE_THRESHOLD), failures
    stored = written(polls)
    for _ in range(5):
        polls.poll(error=error)
        assert not status.is_worth_writing(stored, polls.status, HEARTBEAT, FAILURE_THRESHOLD)


def test_another_number_of_agents_is_worth_writing(polls):
    polls.poll(agents=20)
    stored = written(polls)
    polls.poll(agents=21)
    assert status.is_worth_writing(stored, polls.status, HEARTBEAT, FAILURE_THRESHOLD)


# Properties over random histories

texts = st.text(max_size=3000)
error_kinds = st.sampled_from([type(error) for error in (*TRANSIENT, *PERMANENT)])
steps = st.one_of(
    st.tuples(st.just("poll"), st.integers(0, 12), st.sampled_from([RUNNING, PAUSED, OTHER]), texts),
    st.tuples(st.just("fail"), error_kinds, st.none(), texts),
    st.tuples(st.just("act"), error_kinds, st.none(), texts),
    st.tuples(st.just("invalid"), st.none(), st.none(), texts),
    st.tuples(st.just("suspend"), st.booleans(), st.none(), st.none()),
    st.tuples(st.just("mode"), st.sampled_from(list(Mode)), st.none(), st.none()),
)


def take(polls, step):
    kind, first, second, text = step
    match kind:
        case "poll":
            polls.poll(agents=first, state=second)
        case "fail":
            polls.poll(error=first(text))
        case "act":
            polls.poll(agents=0, action_error=first(text))
        case "invalid":
            polls.invalid(text)
        case _:
            polls.edit(**{kind: first})
            polls.poll()


@settings(max_examples=60)
@given(st.lists(steps, min_size=1, max_size=12))
def test_every_status_on_the_way_fits_the_schema_and_the_conventions(history):
    polls = Polls()
    for step in history:
        before = polls.status
        take(polls, step)
        current = polls.status
        dumped = status.dump(current)
        assert problems("status", dumped) == []
        assert status.dump(read_status(dumped)) == dumped

        types = [condition.type for condition in current.conditions]
        progress = [type_ for type_ in types if type_ in ("Reconciling", "Stalled")]
        assert types == ["Ready", *progress, "AgentsObserved", "CampaignSynced", "Throttled", "FallbackActive"]
        assert len(progress) <= 1
        assert polls["Ready"][0] == "True" or progress
        assert polls["Ready"][0] != "True" or not progress
        assert (polls["Stalled"] is None) or polls["Ready"][0] == "False"

        earlier = {condition.type: condition for condition in before.conditions or ()}
        for condition in current.conditions:
            assert condition.observed_generation == current.observed_generation
            assert len(condition.message) <= 1024
            was = earlier.get(condition.type)
            if was is not None and was.status == condition.status:
                assert condition.last_transition_time == was.last_transition_time
            else:
                assert condition.last_transition_time == polls.now


@settings(max_examples=60)
@given(st.lists(steps, min_size=1, max_size=8))
def test_every_event_on_the_way_is_short_and_steady_states_have_none(history):
    polls = Polls()
    for step in history:
        take(polls, step)
    for _ in range(FAILURE_THRESHOLD):
        polls.poll(agents=6, state=PAUSED if polls.status.paused_by else RUNNING)
    assert polls.events == []


# Events


def test_a_row_of_failures_is_three_events_and_its_end_two(polls):
    polls.poll()
    seen = []
    for _ in range(6):
        polls.poll(error=TRANSIENT[1])
        seen += polls.events
    assert seen == [("Warning", "PollFailed"), ("Warning", "FallbackActivated")]
    polls.poll()
    assert polls.events == [("Normal", "PollRecovered"), ("Normal", "FallbackEnded")]


OF_THEIR_OWN = (errors.CredentialsRejected("401"), errors.Forbidden("403"), errors.CampaignNotFound("404"))


@pytest.mark.parametrize("error", OF_THEIR_OWN, ids=lambda error: error.reason)
def test_what_only_a_person_can_mend_is_one_event_of_its_own(polls, error):
    polls.poll()
    seen = []
    for _ in range(6):
        polls.poll(error=error)
        seen += polls.events
    assert seen == [("Warning", error.reason), ("Warning", "FallbackActivated")]


def test_a_pause_and_a_resume_are_told_with_their_numbers(polls):
    polls.poll(agents=1)
    assert polls.events == [("Normal", "CampaignPaused")]
    polls.poll(agents=1, state=PAUSED)
    assert polls.events == []
    polls.poll(agents=20, state=PAUSED)
    assert polls.events == [("Normal", "CampaignResumed")]


def test_what_somebody_else_does_is_told_once(polls):
    polls.poll()
    polls.poll(state=PAUSED)
    assert polls.events == [("Normal", "OverrideDetected")]
    polls.poll(state=PAUSED)
    assert polls.events == []

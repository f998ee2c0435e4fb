"""ACD campaigns, whose unit is the skill: whose stop it is, one rule a sentence."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from campaign_throttle import policy
from campaign_throttle.policy import Memory, Observation, SkillMemory
from campaign_throttle.resources.behaviour import (
    Fallback,
    FallbackAction,
    ManualOverride,
    Schedule,
    Weekday,
    Window,
)
from campaign_throttle.resources.throttle import Action, CampaignState, CampaignThrottleSpec, Mode, Owner
from campaign_throttle.resources.throttle_status import CampaignThrottleStatus, Intent

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SECONDS = timedelta(seconds=1)
SPEC = CampaignThrottleSpec(campaign_id="101", pause_threshold=5, resume_threshold=8)
ENFORCE = SPEC.model_copy(update={"manual_override": ManualOverride.ENFORCE})
RUNNING, PAUSED, PAUSING = CampaignState.RUNNING, CampaignState.PAUSED, CampaignState.PAUSING
FEW, BETWEEN, ENOUGH = 3, 6, 9
A, B, C = 1, 2, 3


class Campaign:
    """A campaign's skills by ID, whether each runs; and what the operator remembers of them."""

    def __init__(self, spec=SPEC):
        self.spec = spec
        self.now = NOW
        self.memory = Memory()
        self.status = CampaignThrottleStatus()
        self.runs = {}

    def poll(self, agents, runs=None, *, seconds=30, spec=None):
        """Decide only, with these skills seen."""
        self.now += seconds * SECONDS
        self.runs = self.runs if runs is None else dict(runs)
        seen = tuple(SkillMemory(number, "", running) for number, running in self.runs.items())
        state = RUNNING if any(self.runs.values()) else PAUSED
        decision = policy.decide(spec or self.spec, self.memory, Observation(agents, state, skills=seen), self.now)
        self.memory = decision.memory
        return decision

    def act(self, agents, runs=None, *, after=None, **options):
        """Decide, and have all of it accepted; ``after`` is which skills run then, if not at once as wanted."""
        decision = self.poll(agents, runs, **options)
        if decision.action is not None:
            self.memory = policy.announced(self.memory, decision.action, self.now)
            wanted = decision.action is Action.RESUME
            self.runs |= {number: (after or {}).get(number, wanted) for number in decision.skills}
            done = [(number, self.runs[number]) for number in decision.skills]
            self.memory = policy.accepted(self.memory, decision.action, self.now, done)
        return decision

    def fail(self, agents, *accepted, unknown=False, **options):
        """Decide, and have only the ``accepted`` skills changed."""
        decision = self.poll(agents, **options)
        self.memory = policy.announced(self.memory, decision.action, self.now)
        wanted = decision.action is Action.RESUME
        self.runs |= dict.fromkeys(accepted, wanted)
        done = [(number, wanted) for number in accepted]
        self.memory = policy.failed(self.memory, outcome_unknown=unknown, skills=done)
        return decision

    def kill(self, agents, *, reached=(), drain=False):
        """Be killed after an intent was written, with the requests for some skills done; and start again."""
        decision = self.poll(agents)
        memory = policy.announced(self.memory, decision.action, self.now)
        written = self.written(self.memory).model_copy(
            update={"intent": memory.intent, "skills": policy.reported(memory.skills)}
        )
        self.runs |= dict.fromkeys(reached, decision.action is Action.RESUME or drain)
        self.memory = Memory.of_status(written)
        return decision

    def restart(self):
        self.memory = Memory.of_status(self.written(self.memory))

    def written(self, memory):
        return CampaignThrottleStatus(
            campaign_state=policy.state_of(memory.skills) if memory.skills else None,
            paused_by=memory.paused_by,
            intent=memory.intent,
            skills=policy.reported(memory.skills),
            manual_resume={"time": memory.manual_resume} if memory.manual_resume else None,
            last_transition={"time": memory.acted_at, "to": "Paused", "reason": "x"} if memory.acted_at else None,
            last_poll_time=self.now,
        )

    def stopped_by(self, number):
        return next(skill.stopped_by for skill in self.memory.skills if skill.id == number)


@pytest.fixture
def running():
    campaign = Campaign()
    campaign.poll(ENOUGH, {A: True, B: True})
    return campaign


@pytest.fixture
def ours(running):
    """Both skills stopped by the operator."""
    assert running.act(FEW).skills == {A, B}
    running.poll(FEW)
    return running


class TestTheState:
    def test_a_campaign_runs_while_any_skill_does_that_nobody_stopped(self, running):
        assert running.poll(ENOUGH, {A: True, B: False}).state is RUNNING

    def test_it_is_pausing_while_only_skills_run_that_the_operator_stopped(self, running):
        running.act(FEW, after={A: True})
        decision = running.poll(FEW)
        assert (decision.state, decision.draining, decision.action) == (PAUSING, "Draining", None)

    def test_it_is_paused_when_none_runs(self, ours):
        decision = ours.poll(FEW)
        assert (decision.state, decision.draining, decision.memory.paused_by) == (PAUSED, None, Owner.OPERATOR)

    def test_a_campaign_that_never_ran_is_nobodys_pause_and_is_never_started(self):
        for spec in (SPEC, ENFORCE):
            decision = Campaign(spec).poll(ENOUGH, {A: False, B: False})
            assert (decision.action, decision.reason, decision.override) == (None, "PausedByOther", None)


class TestPauseAndResume:
    def test_a_pause_stops_each_running_skill_and_leaves_those_that_are_off(self):
        campaign = Campaign()
        assert campaign.act(FEW, {A: True, B: False}).skills == {A}

    def test_a_resume_starts_only_what_the_operator_stopped(self):
        campaign = Campaign()
        campaign.act(FEW, {A: True, B: False})
        decision = campaign.act(ENOUGH)
        assert (decision.action, decision.skills) == (Action.RESUME, {A})

    def test_between_the_thresholds_nothing_is_sent(self, ours):
        assert ours.poll(BETWEEN).action is None

    def test_an_unknown_count_stops_nothing_and_starts_nothing(self, running):
        assert running.poll(None).action is None
        running.act(FEW)
        assert running.poll(None).action is None

    def test_a_resume_during_a_drain_is_allowed(self, running):
        running.act(FEW, after={A: True, B: True})
        decision = running.act(ENOUGH)
        assert (decision.action, decision.skills) == (Action.RESUME, {A, B})
        assert running.poll(ENOUGH).state is RUNNING

    def test_observe_stops_and_starts_nothing(self, ours):
        observing = SPEC.model_copy(update={"mode": Mode.OBSERVE})
        assert ours.poll(ENOUGH, spec=observing).skills == frozenset()
        new = ours.poll(FEW, {A: True, B: True}, spec=observing)
        assert (new.action, new.skills) == (None, frozenset())

    def test_suspended_the_stops_stay_ours(self, ours):
        ours.poll(ENOUGH, spec=SPEC.model_copy(update={"suspend": True}))
        assert ours.poll(ENOUGH).skills == {A, B}

    def test_the_fallbacks_pause_stops_what_runs_and_is_resumed(self, running):
        spec = SPEC.model_copy(update={"fallback": Fallback(failure_threshold=2, action=FallbackAction.PAUSE)})
        assert running.act(None, spec=spec).action is None
        assert running.act(None, spec=spec).skills == {A, B}
        assert running.act(ENOUGH, spec=spec).skills == {A, B}

    def test_calling_hours_stop_what_a_person_started_outside_of_them(self, ours):
        closed = Schedule(
            time_zone="UTC",
            windows=[Window(days=list(Weekday), start="00:00", end="01:00")],
            outside=FallbackAction.PAUSE,
        )
        decision = ours.act(ENOUGH, {A: True, B: False}, spec=SPEC.model_copy(update={"schedule": closed}))
        assert (decision.override, decision.skills) == (Action.RESUME, {A})


class TestDrains:
    def test_after_ten_minutes_the_stop_is_sent_once_more_and_no_more(self, running):
        running.act(FEW, after={A: True, B: False})
        assert running.act(FEW, seconds=600, after={A: True}).action is None
        again = running.act(FEW, seconds=1, after={A: True})
        assert (again.action, again.skills, again.draining) == (Action.PAUSE, {A}, "StillRunning")
        later = running.act(FEW, seconds=3600)
        assert (later.action, later.draining) == (None, "StillRunning")

    def test_a_stop_that_is_repeated_is_no_change_of_the_campaign(self, running):
        patient = SPEC.model_copy(update={"minimum_paused": timedelta(minutes=11)})
        running.act(FEW, after={A: True}, spec=patient)
        assert running.act(FEW, seconds=601, after={A: True}, spec=patient).action is Action.PAUSE
        assert running.poll(ENOUGH, seconds=60, spec=patient).action is Action.RESUME

    def test_a_repeated_stop_that_was_announced_and_not_sent_is_told_of_as_no_pause(self, running):
        running.act(FEW, after={A: True})
        running.now += timedelta(minutes=10)
        running.kill(FEW)
        assert running.poll(FEW).settled is None

    def test_a_drain_is_remembered_by_a_restart(self, running):
        running.act(FEW, after={A: True})
        running.restart()
        assert running.poll(FEW).state is PAUSING
        assert running.poll(ENOUGH, {A: False, B: False}).skills == {A, B}

    def test_a_clock_that_is_set_back_costs_one_more_stop_at_most(self, running):
        running.act(FEW, after={A: True})
        assert running.act(FEW, seconds=-7200, after={A: True}).skills == {A}
        assert running.act(FEW, after={A: True}).action is None

    def test_a_skill_that_is_not_controlled_any_more_does_not_drain(self, running):
        running.act(FEW, after={A: True})
        decision = running.poll(FEW, {B: False}, seconds=3600)
        assert (decision.state, decision.action, decision.draining) == (PAUSED, None, None)


class TestPartialFailures:
    def test_what_was_stopped_is_kept_and_the_rest_is_tried_again(self, running):
        running.fail(FEW, A)
        decision = running.act(FEW)
        assert (decision.state, decision.skills) == (RUNNING, {B})
        assert running.poll(ENOUGH).skills == {A, B}

    def test_the_rest_of_a_pause_does_not_wait_for_minimum_running(self, running):
        patient = SPEC.model_copy(update={"minimum_running": timedelta(minutes=5)})
        running.fail(FEW, A, spec=patient)
        assert running.poll(FEW, spec=patient).skills == {B}

    def test_what_was_started_is_kept_and_the_rest_is_tried_again_at_once(self, ours):
        patient = SPEC.model_copy(update={"minimum_paused": timedelta(minutes=5)})
        ours.fail(ENOUGH, A, seconds=600, spec=patient)
        decision = ours.act(ENOUGH, spec=patient)
        assert (decision.action, decision.skills, decision.override) == (Action.RESUME, {B}, None)

    @pytest.mark.parametrize("unknown", [True, False])
    def test_a_resume_half_done_is_undone_when_agents_are_few_again(self, ours, unknown):
        ours.fail(ENOUGH, A, unknown=unknown)
        decision = ours.act(FEW)
        assert (decision.action, decision.skills, decision.override) == (Action.PAUSE, {A}, None)
        assert ours.act(ENOUGH).skills == {A, B}

    def test_a_stop_of_unknown_outcome_that_is_then_refused_is_ours_when_the_skill_goes_off(self, running):
        running.fail(FEW, unknown=True)
        running.fail(FEW, unknown=False)  # nothing of it was sent: what was open before still is
        decision = running.poll(ENOUGH, {A: False, B: False})
        assert (decision.memory.paused_by, decision.skills) == (Owner.OPERATOR, {A, B})

    def test_a_start_of_unknown_outcome_during_a_drain_is_followed_by_a_new_stop(self, running):
        running.act(FEW, after={A: True, B: True})
        running.fail(ENOUGH, unknown=True)
        assert running.act(FEW).skills == {A, B}

    def test_that_new_stop_is_sent_by_a_restarted_operator_too(self, running):
        running.act(FEW, after={A: True, B: True})
        running.fail(ENOUGH, unknown=True)
        running.kill(FEW)
        assert running.poll(FEW).skills == {A, B}

    def test_a_start_that_takes_its_time_is_nobody_elses_start_and_is_sent_once(self, ours):
        assert ours.act(ENOUGH, after={A: True, B: False}).skills == {A, B}
        waiting = ours.poll(ENOUGH)
        assert (waiting.action, waiting.override, waiting.settled) == (None, None, None)
        running = ours.poll(ENOUGH, {A: True, B: True})
        assert (running.state, running.override, running.settled) == (RUNNING, None, None)
        assert ours.poll(FEW).skills == {A, B}

    def test_a_start_that_never_works_is_sent_again_after_ten_minutes(self, ours):
        ours.act(ENOUGH, after={A: False, B: True})
        ours.poll(ENOUGH, seconds=601)
        assert ours.poll(ENOUGH).skills == {A}


class TestCrashes:
    """Killed after an intent was written; the requests for some of the skills had reached CXone."""

    @pytest.mark.parametrize("drain", [False, True])
    @pytest.mark.parametrize("reached", [(), (A,), (A, B)])
    def test_whatever_reached_cxone_a_pause_is_completed(self, running, reached, drain):
        running.kill(FEW, reached=reached, drain=drain)
        running.act(FEW)
        assert not any(running.runs[number] for number in running.poll(FEW).skills)
        running.poll(FEW, {A: False, B: False})
        assert running.act(ENOUGH).skills == {A, B}

    @pytest.mark.parametrize("drain", [False, True])
    @pytest.mark.parametrize("reached", [(), (A,), (A, B)])
    def test_whatever_reached_cxone_a_pause_is_undone_when_agents_are_back(self, running, reached, drain):
        running.kill(FEW, reached=reached, drain=drain)
        assert running.act(ENOUGH).action is Action.RESUME or not reached
        assert running.runs == {A: True, B: True}
        assert running.poll(ENOUGH).memory.paused_by is None

    @pytest.mark.parametrize("reached", [(), (A,), (A, B)])
    def test_whatever_reached_cxone_a_resume_is_no_persons(self, ours, reached):
        ours.kill(ENOUGH, reached=reached)
        decision = ours.act(FEW)
        assert (decision.override, decision.skills) == (None, set(reached))
        assert ours.act(ENOUGH).skills == {A, B}

    def test_a_pause_that_was_done_is_told_of(self, running):
        running.kill(FEW, reached=(A, B))
        assert running.poll(FEW).settled.action is Action.PAUSE

    def test_a_resume_that_was_done_is_told_of(self, ours):
        ours.kill(ENOUGH, reached=(A, B))
        assert ours.poll(ENOUGH).settled.action is Action.RESUME

    def test_what_a_pause_may_have_stopped_stays_ours_through_a_crash_of_the_resume_that_follows(self, running):
        running.kill(FEW, reached=(A, B), drain=True)
        running.kill(ENOUGH)
        decision = running.poll(ENOUGH, {A: False, B: False})
        assert decision.skills == {A, B}

    def test_what_a_pause_may_have_stopped_stays_ours_while_it_is_out_of_sight(self, running):
        running.kill(FEW, reached=(A, B))
        running.poll(FEW, {B: False})
        assert running.poll(ENOUGH, {A: False, B: False}).skills == {A, B}

    def test_a_drain_may_end_long_after_the_crash(self, running):
        running.kill(FEW, reached=(A, B))
        assert running.poll(ENOUGH, seconds=3600).skills == {A, B}

    def test_an_intent_without_effect_is_dropped_after_ten_minutes(self, running):
        running.kill(FEW)
        assert running.poll(BETWEEN, seconds=600 - 30).memory.intent is not None
        assert running.poll(BETWEEN, seconds=60).memory.intent is None
        running.poll(BETWEEN, {A: False, B: True})
        assert running.stopped_by(A) is Owner.OTHER

    def test_killed_in_the_very_first_poll_the_stops_are_ours(self):
        campaign = Campaign()
        campaign.runs = {A: True}
        campaign.kill(FEW, reached=(A,))
        decision = campaign.poll(ENOUGH)
        assert (decision.settled.action, decision.skills) == (Action.PAUSE, {A})


class TestPeople:
    def test_a_skill_that_a_person_stopped_is_not_started(self, running):
        running.poll(ENOUGH, {A: False, B: True})
        running.act(FEW)
        assert running.act(ENOUGH).skills == {B}

    def test_the_stop_of_the_last_running_skill_is_an_override_and_one_before_is_not(self, running):
        assert running.poll(ENOUGH, {A: False, B: True}).override is None
        last = running.poll(ENOUGH, {A: False, B: False})
        assert (last.override, last.memory.paused_by, last.action) == (Action.PAUSE, Owner.OTHER, None)

    def test_a_stop_while_the_operator_was_down_is_a_persons(self, running):
        running.restart()
        decision = running.poll(ENOUGH, {A: False, B: False})
        assert (decision.override, decision.action) == (Action.PAUSE, None)

    def test_a_start_in_a_shortage_is_respected_until_enough_agents_were_there_once(self, ours):
        started = ours.act(FEW, {A: True, B: False})
        assert (started.override, started.action, started.reason) == (Action.RESUME, None, "ManualResume")
        ours.restart()
        assert ours.act(FEW).action is None
        assert ours.act(ENOUGH).skills == {B}
        assert ours.act(FEW).skills == {A, B}

    def test_a_start_while_the_operator_was_down_is_respected(self, ours):
        ours.restart()
        assert ours.poll(FEW, {A: True, B: False}).reason == "ManualResume"

    def test_a_start_of_what_the_operator_stopped_is_respected_though_another_skill_still_runs(self, running):
        running.fail(FEW, A)
        decision = running.poll(FEW, {A: True, B: True})
        assert (decision.override, decision.action) == (Action.RESUME, None)

    def test_a_start_of_another_skill_of_a_running_campaign_is_no_override(self):
        campaign = Campaign()
        campaign.poll(BETWEEN, {A: True, B: False})
        assert campaign.poll(BETWEEN, {A: True, B: True}).override is None
        assert campaign.poll(FEW).skills == {A, B}

    def test_a_start_is_a_persons_though_a_pause_of_ours_is_under_way(self, ours):
        # The announced pause was of B: it explains no start.
        pausing = Intent(action=Action.PAUSE, time=ours.now)
        ours.memory = replace(ours.memory, intent=pausing)
        assert ours.poll(FEW, {A: True, B: False}).override is Action.RESUME

    def test_a_person_who_stops_again_what_they_had_started_is_respected_no_longer(self, ours):
        ours.poll(FEW, {A: True, B: False})
        stopped = ours.poll(FEW, {A: False, B: False})
        assert (stopped.override, stopped.memory.manual_resume) == (Action.PAUSE, None)
        assert ours.act(ENOUGH).skills == {B}

    def test_enforced_what_a_person_stopped_is_started_once_the_campaign_is_paused(self, running):
        running.spec = ENFORCE
        running.poll(ENOUGH, {A: False, B: True})
        assert running.act(ENOUGH).action is None
        running.act(FEW)
        assert running.act(ENOUGH).skills == {A, B}

    def test_enforced_what_a_person_started_is_stopped(self, ours):
        assert ours.act(FEW, {A: True, B: False}, spec=ENFORCE).skills == {A}

    def test_enforced_what_was_never_seen_running_is_not_started(self):
        campaign = Campaign(ENFORCE)
        campaign.act(FEW, {A: True, B: False})
        assert campaign.act(ENOUGH).skills == {A}


class TestSkillsThatComeAndGo:
    def test_a_new_skill_that_runs_in_a_shortage_is_stopped_and_is_no_persons_resume(self, ours):
        decision = ours.act(FEW, {A: False, B: False, C: True})
        assert (decision.override, decision.skills) == (None, {C})

    def test_a_new_skill_that_is_off_is_never_started(self, ours):
        assert ours.act(ENOUGH, {A: False, B: False, C: False}).skills == {A, B}

    def test_a_skill_that_the_operator_stopped_is_started_when_it_is_controlled_again(self, ours):
        ours.act(ENOUGH, {B: False})
        ours.restart()
        ours.poll(ENOUGH, {B: True})
        assert ours.act(ENOUGH, {A: False, B: True}).skills == {A}

    def test_one_that_is_not_controlled_holds_nothing(self, ours):
        decision = ours.act(ENOUGH, {C: True})
        assert (decision.action, decision.memory.holds) == (None, False)

    def test_a_drain_that_was_out_of_sight_may_have_been_undone_so_the_stop_is_sent_anew(self, running):
        running.act(FEW, after={A: True})
        running.poll(FEW, {B: False})
        assert running.poll(FEW, {A: True, B: False}).skills == {A}

    def test_a_campaign_that_is_switched_off_and_on_keeps_whose_stops_are_whose(self, ours):
        off = policy.decide(SPEC, ours.memory, Observation(ENOUGH, CampaignState.OTHER), ours.now)
        assert (off.action, off.state) == (None, CampaignState.OTHER)
        ours.memory = off.memory
        assert ours.poll(ENOUGH).skills == {A, B}

    def test_a_campaign_that_runs_while_a_skill_of_it_is_held_is_still_held_in_part(self, ours):
        ours.poll(FEW, {A: True, B: False})
        assert (ours.memory.paused_by, ours.memory.holds) == (None, True)

"""The policy over random histories, against a model of CXone.

Agents, failures, people, crashes between any two lines, spec edits in the middle, clocks that jump, calling hours
over changes to and from summer time.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import event, given, settings
from hypothesis import strategies as st

from campaign_throttle import policy, status
from campaign_throttle.outcome import Outcome
from campaign_throttle.policy import Memory, Observation
from campaign_throttle.resources.behaviour import (
    Fallback,
    FallbackAction,
    ManualOverride,
    Schedule,
    Stabilization,
    Streak,
    Weekday,
    Window,
)
from campaign_throttle.resources.throttle import Action, CampaignState, CampaignThrottleSpec, Mode, Owner
from campaign_throttle.resources.throttle_status import CampaignThrottleStatus, Intent

RUNNING, PAUSED, UNKNOWN = CampaignState.RUNNING, CampaignState.PAUSED, CampaignState.UNKNOWN
#: Shortly before clocks in New York go back an hour (2026-11-01 06:00 UTC).
START = datetime(2026, 11, 1, 4, tzinfo=UTC)
INTERVAL = timedelta(seconds=30)

times = st.sampled_from([timedelta(0), timedelta(seconds=45), timedelta(minutes=5)])
streaks = st.builds(lambda samples, window: Streak(samples=samples, window=window), st.integers(1, 4), times)
schedules = st.one_of(
    st.none(),
    st.builds(
        lambda start, end, outside: Schedule(
            time_zone="America/New_York",
            windows=[Window(days=list(Weekday), start=start, end=end)],
            outside=outside,
        ),
        st.sampled_from(["00:05", "01:30", "23:00"]),
        st.sampled_from(["00:45", "02:30", "24:00"]),
        st.sampled_from(FallbackAction),
    ),
)


@st.composite
def specs(draw):
    pause = draw(st.integers(1, 10))
    return CampaignThrottleSpec(
        campaign_id="cmp-1",
        pause_threshold=pause,
        resume_threshold=pause + draw(st.integers(1, 10)),
        suspend=draw(st.sampled_from([False, False, False, True])),
        mode=draw(st.sampled_from([Mode.ENFORCE, Mode.ENFORCE, Mode.OBSERVE])),
        manual_override=draw(st.sampled_from(ManualOverride)),
        stabilization=Stabilization(pause=draw(streaks), resume=draw(streaks)),
        minimum_running=draw(times),
        minimum_paused=draw(times),
        fallback=Fallback(failure_threshold=draw(st.integers(1, 4)), action=draw(st.sampled_from(FallbackAction))),
        schedule=draw(schedules),
    )


counts = st.one_of(st.none(), st.integers(0, 25))
steps = st.one_of(
    st.tuples(st.just("poll"), counts, st.sampled_from(["ok", "ok", "ok", "unread", "put-fails", "put-unknown"])),
    st.tuples(st.just("person"), st.sampled_from([RUNNING, PAUSED, CampaignState.OTHER]), st.none()),
    st.tuples(st.just("crash"), st.sampled_from(["before-put", "after-put", "idle"]), st.integers(0, 25)),
    st.tuples(st.just("edit"), specs(), st.none()),
    st.tuples(st.just("jump"), st.sampled_from([-7200, -90, 90, 7200]), st.none()),
)


@dataclass
class World:
    """A campaign, the one operator that controls it, and who really paused it.

    ``now`` is CXone's clock; the operator's is off by ``skew``. CXone's times reach the policy on the operator's
    clock, as the client translates them.
    """

    spec: CampaignThrottleSpec
    state: CampaignState = RUNNING
    paused_by: Owner | None = None
    memory: Memory = field(default_factory=Memory)
    stored: CampaignThrottleStatus = field(default_factory=CampaignThrottleStatus)
    now: datetime = START
    skew: timedelta = timedelta(0)
    changed_at: datetime = START - timedelta(days=1)
    #: Readings since the process started, newest last, with the operator's time of each.
    readings: list[tuple[datetime, int | None]] = field(default_factory=list)
    failures: int = 0
    acted_at: datetime | None = None

    @property
    def clock(self):
        return self.now + self.skew

    def change(self, state, owner):
        if state is self.state:
            return
        self.changed_at = self.now
        self.state = state
        self.paused_by = owner if state is PAUSED else None

    def observe(self, agents, fate):
        self.now += INTERVAL
        state = UNKNOWN if fate == "unread" else self.state
        self.readings.append((self.clock, None if state is UNKNOWN else agents))
        seen = Observation(agents, state, self.changed_at + self.skew)
        decision = policy.decide(self.spec, self.memory, seen, self.clock)
        if not self.spec.suspend:
            self.failures = self.failures + 1 if agents is None or state is UNKNOWN else 0
        self.check(decision, seen)
        if decision.settled is not None:
            self.acted_at = decision.settled.time
        return decision

    def poll(self, agents, fate):
        decision = self.observe(agents, fate)
        memory = decision.memory
        if decision.action is not None:
            event(f"{decision.action.value}: {decision.reason}")
            memory = policy.announced(memory, decision.action, self.clock)
            wanted = PAUSED if decision.action is Action.PAUSE else RUNNING
            if fate == "put-fails":
                memory = policy.failed(memory, outcome_unknown=False)
            elif fate == "put-unknown":
                self.change(wanted, Owner.OPERATOR)
                memory = policy.failed(memory, outcome_unknown=True)
            else:
                self.change(wanted, Owner.OPERATOR)
                memory = policy.accepted(memory, decision.action, self.clock)
                self.acted_at = self.clock
        self.memory = memory
        self.stored = status.build(
            self.stored,
            Outcome(
                generation=1,
                now=self.clock,
                decision=replace(decision, memory=memory),
                spec=self.spec,
                agents=agents,
                state=self.state,
                done=Intent(action=decision.action, time=self.clock) if decision.action and fate == "ok" else None,
            ),
        )

    def crash(self, when, agents):
        """A poll during which the process is killed: nothing of it survives but the announced intent."""
        if when != "idle":
            decision = self.observe(agents, "ok")
            if decision.action is not None:
                intent = policy.announced(decision.memory, decision.action, self.clock).intent
                self.stored = self.stored.model_copy(update={"intent": intent})
                if when == "after-put":
                    self.change(PAUSED if decision.action is Action.PAUSE else RUNNING, Owner.OPERATOR)
        self.memory = Memory.of_status(self.stored)
        self.failures = self.memory.failures
        self.readings = []

    def check(self, decision, seen):
        """The rules that hold whatever happened before."""
        if decision.action is None:
            return
        spec = self.spec
        assert not spec.suspend, "a suspended throttle does nothing"
        assert spec.mode is Mode.ENFORCE, "Observe never acts"
        assert seen.state in (RUNNING, PAUSED), "only a campaign whose state was read is touched"
        if decision.reason == "OutsideSchedule":
            assert decision.action is Action.PAUSE
            assert not policy.inside(spec.schedule, self.clock)
            return
        assert policy.inside(spec.schedule, self.clock)
        if seen.agents is None:
            assert decision.action is Action.PAUSE, "unknown never acts except by fallback: Pause"
            assert spec.fallback.action is FallbackAction.PAUSE
            assert self.failures >= spec.fallback.failure_threshold
            return
        pausing = decision.action is Action.PAUSE
        if pausing:
            assert self.state is RUNNING, "two pauses never follow each other without the campaign having run"
            assert seen.agents < spec.pause_threshold, "nothing between the thresholds acts"
        else:
            assert seen.agents >= spec.resume_threshold, "nothing between the thresholds acts"
            if spec.manual_override is ManualOverride.RESPECT:
                assert self.paused_by is Owner.OPERATOR, "never resumes what it doesn't own"
        minimum = spec.minimum_running if pausing else spec.minimum_paused
        if self.acted_at is not None:
            assert self.clock - self.acted_at >= minimum, "no two transitions closer than the minimum times"
        self.check_streak(pausing)

    def check_streak(self, pausing):
        """No transition inside a stabilisation window that wasn't wholly on the far side."""
        streak = self.spec.stabilization.pause if pausing else self.spec.stabilization.resume
        row = []
        for time, agents in reversed(self.readings):
            if agents is None and pausing:
                continue  # a failed poll keeps a pause streak
            far = agents is not None and (
                agents < self.spec.pause_threshold if pausing else agents >= self.spec.resume_threshold
            )
            if not far:
                break
            row.append(time)
        assert len(row) >= streak.samples
        assert self.clock - row[-1] >= streak.window


@settings(max_examples=500)
@given(specs(), st.lists(steps, max_size=40))
def test_the_invariants_hold_over_any_history(spec, history):
    world = World(spec)
    for kind, first, second in history:
        if kind == "poll":
            world.poll(first, second)
        elif kind == "person":
            # A person needs longer than the minute within which a change still counts as the operator's.
            world.now += timedelta(seconds=90)
            world.change(first, Owner.OTHER)
        elif kind == "crash":
            world.crash(first, second)
        elif kind == "edit":
            world.spec = first
        else:
            world.skew += timedelta(seconds=first)
    if any(kind == "jump" for kind, *_ in history):
        return
    # And never loses whose pause it is: once all settles, what the operator paused it resumes, and nothing else.
    owner = world.paused_by if world.state is PAUSED else None
    world.spec = CampaignThrottleSpec(campaign_id="cmp-1")
    world.poll(25, "ok")
    if owner is Owner.OPERATOR:
        assert world.state is RUNNING
    elif owner is Owner.OTHER:
        assert world.state is PAUSED


@given(counts, st.sampled_from([RUNNING, PAUSED]), specs(), st.lists(st.integers(0, 25), max_size=10))
def test_the_same_history_gives_the_same_decisions(agents, state, spec, before):
    def run():
        memory, decisions = Memory(), []
        for number, count in enumerate([*before, agents]):
            decisions.append(policy.decide(spec, memory, Observation(count, state), START + number * INTERVAL))
            memory = decisions[-1].memory
        return decisions

    assert run() == run()


@given(st.lists(counts, min_size=1, max_size=20), st.integers(0, 19))
def test_a_restart_in_the_middle_changes_nothing_but_streaks(agents, restart):
    """Without stabilization there are no streaks, so nothing may change at all."""
    spec = CampaignThrottleSpec(campaign_id="cmp-1", minimum_running=timedelta(minutes=2))
    undisturbed, restarted = World(spec), World(spec)
    for number, count in enumerate(agents):
        if number == restart:
            restarted.crash("idle", 0)
        undisturbed.poll(count, "ok")
        restarted.poll(count, "ok")
        assert restarted.state is undisturbed.state
        assert restarted.stored.paused_by is undisturbed.stored.paused_by

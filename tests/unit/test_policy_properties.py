"""The policy over random histories: agents, failures, people, crashes and spec edits, against a model of CXone."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from campaign_throttle import policy, status
from campaign_throttle.policy import Memory, Observation
from campaign_throttle.resources.throttle import (
    Action,
    CampaignState,
    CampaignThrottleSpec,
    CampaignThrottleStatus,
    Mode,
    Owner,
)

RUNNING, PAUSED = CampaignState.RUNNING, CampaignState.PAUSED
START = datetime(2026, 11, 24, 12, tzinfo=UTC)

specs = st.builds(
    lambda pause, gap, suspend, mode: CampaignThrottleSpec(
        campaign_id="cmp-1", pause_threshold=pause, resume_threshold=pause + gap, suspend=suspend, mode=mode
    ),
    st.integers(1, 10),
    st.integers(1, 10),
    st.sampled_from([False, False, False, True]),
    st.sampled_from([Mode.ENFORCE, Mode.ENFORCE, Mode.OBSERVE]),
)
counts = st.one_of(st.none(), st.integers(0, 25))
steps = st.one_of(
    st.tuples(st.just("poll"), counts, st.sampled_from(["ok", "ok", "ok", "unread", "put-fails", "put-unknown"])),
    st.tuples(st.just("person"), st.sampled_from([RUNNING, PAUSED, CampaignState.OTHER]), st.none()),
    st.tuples(st.just("crash"), st.sampled_from(["before-put", "after-put", "idle"]), st.integers(0, 25)),
    st.tuples(st.just("edit"), specs, st.none()),
)


@dataclass
class World:
    """A campaign, the one operator that controls it, and who really paused it."""

    spec: CampaignThrottleSpec
    state: CampaignState = RUNNING
    paused_by: Owner | None = None
    memory: Memory = field(default_factory=Memory)
    stored: CampaignThrottleStatus = field(default_factory=CampaignThrottleStatus)
    now: datetime = START
    changed_at: datetime = START - timedelta(days=1)

    def change(self, state, owner):
        if state is self.state:
            return
        self.changed_at = self.now
        self.state = state
        self.paused_by = owner if state is PAUSED else None

    def store(self, memory, decision, agents):
        """What survives a crash, through the real status builder."""
        self.memory = memory
        outcome = status.Outcome(
            generation=1, now=self.now, decision=decision, spec=self.spec, agents=agents, state=self.state
        )
        self.stored = status.build(self.stored, outcome)

    def poll(self, agents, fate):
        self.now += timedelta(seconds=30)
        seen = Observation(agents, CampaignState.UNKNOWN if fate == "unread" else self.state, self.changed_at)
        decision = policy.decide(self.spec, self.memory, seen, self.now)
        self.check(decision, seen)
        memory = decision.memory
        if decision.action is not None:
            memory = policy.announced(memory, decision.action, self.now)
            wanted = PAUSED if decision.action is Action.PAUSE else RUNNING
            if fate == "put-fails":
                memory = policy.failed(memory, outcome_unknown=False)
            elif fate == "put-unknown":
                self.change(wanted, Owner.OPERATOR)
                memory = policy.failed(memory, outcome_unknown=True)
            else:
                self.change(wanted, Owner.OPERATOR)
                memory = policy.accepted(memory, decision.action, self.now)
        self.store(memory, replace(decision, memory=memory), agents)

    def crash(self, when, agents):
        """A poll during which the process is killed: nothing of it survives but the announced intent."""
        self.now += timedelta(seconds=30)
        if when != "idle":
            decision = policy.decide(
                self.spec, self.memory, Observation(agents, self.state, self.changed_at), self.now
            )
            self.check(decision, Observation(agents, self.state))
            if decision.action is not None:
                intent = policy.announced(decision.memory, decision.action, self.now).intent
                self.stored = self.stored.model_copy(update={"intent": intent})
                if when == "after-put":
                    self.change(PAUSED if decision.action is Action.PAUSE else RUNNING, Owner.OPERATOR)
        self.memory = Memory.of_status(self.stored)

    def check(self, decision, seen):
        """The rules that hold whatever happened before."""
        if seen.agents is None or seen.state is CampaignState.UNKNOWN:
            assert decision.action is None, "unknown never acts"
        elif self.spec.pause_threshold <= seen.agents < self.spec.resume_threshold:
            assert decision.action is None, "nothing between the thresholds acts"
        if self.spec.suspend or self.spec.mode is Mode.OBSERVE:
            assert decision.action is None, "neither a suspended nor an observing throttle acts"
        if decision.action is Action.RESUME:
            assert self.paused_by is Owner.OPERATOR, "never resumes what it doesn't own"
            assert seen.agents >= self.spec.resume_threshold
        if decision.action is Action.PAUSE:
            assert self.state is RUNNING, "two pauses never follow each other without the campaign having run"
            assert seen.agents < self.spec.pause_threshold


@settings(max_examples=400, deadline=None)
@given(specs, st.lists(steps, max_size=40))
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
        else:
            world.spec = first
    # And never loses whose pause it is: once all settles, what the operator paused it resumes.
    world.spec = world.spec.model_copy(update={"suspend": False, "mode": Mode.ENFORCE})
    owner = world.paused_by if world.state is PAUSED else None
    world.poll(25, "ok")
    if owner is Owner.OPERATOR:
        assert world.state is RUNNING
    elif owner is Owner.OTHER:
        assert world.state is PAUSED


@given(st.integers(0, 25), st.sampled_from([RUNNING, PAUSED]), specs)
def test_the_same_history_gives_the_same_decision(agents, state, spec):
    once = policy.decide(spec, Memory(), Observation(agents, state), START)
    assert policy.decide(spec, Memory(), Observation(agents, state), START) == once

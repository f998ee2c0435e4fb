"""The policy over random histories of an ACD campaign, against a model of its skills.

Agents, drains, failures of some skills and not of others, answers that are lost, people, crashes between any two lines,
statuses that were not written, skills that come and go, spec edits in the middle.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import event, given, settings
from hypothesis import strategies as st

from campaign_throttle import policy, status
from campaign_throttle.outcome import Outcome
from campaign_throttle.policy import Memory, Observation, SkillMemory
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

START = datetime(2026, 11, 24, 12, tzinfo=UTC)
INTERVAL = timedelta(seconds=30)
PLENTY, SHORTAGE = 25, 0
PLAIN = CampaignThrottleSpec(campaign_id="101", pause_threshold=5, resume_threshold=8)
#: Longer than any drain of the model, in polls.
LONG = 30

times = st.sampled_from([timedelta(0), timedelta(0), timedelta(seconds=45), timedelta(minutes=5)])
streaks = st.builds(lambda samples: Streak(samples=samples), st.integers(1, 2))
NIGHT = Schedule(
    time_zone="UTC",
    windows=[Window(days=list(Weekday), start="12:00", end="12:05")],
    outside=FallbackAction.PAUSE,
)
specs = st.builds(
    lambda suspend, mode, override, pause, resume, running, paused, fallback, schedule: PLAIN.model_copy(
        update={
            "suspend": suspend,
            "mode": mode,
            "manual_override": override,
            "stabilization": Stabilization(pause=pause, resume=resume),
            "minimum_running": running,
            "minimum_paused": paused,
            "fallback": Fallback(failure_threshold=2, action=fallback),
            "schedule": schedule,
        }
    ),
    st.sampled_from([False, False, False, True]),
    st.sampled_from([Mode.ENFORCE, Mode.ENFORCE, Mode.ENFORCE, Mode.OBSERVE]),
    st.sampled_from([ManualOverride.RESPECT, ManualOverride.RESPECT, ManualOverride.ENFORCE]),
    streaks,
    streaks,
    times,
    times,
    st.sampled_from(FallbackAction),
    st.sampled_from([None, None, NIGHT]),
)
counts = st.sampled_from([SHORTAGE, SHORTAGE, SHORTAGE, PLENTY, PLENTY, PLENTY, 6, None])
#: What becomes of one request: "lost" had no effect and "unanswered" had one, and neither is known.
fates = st.lists(st.sampled_from(["ok", "ok", "ok", "refused", "lost", "unanswered"]), min_size=4, max_size=4)
drains = st.sampled_from([0, 0, 2, 25])
skill_numbers = st.integers(0, 3)
steps = st.one_of(
    st.tuples(st.just("poll"), counts, fates, drains),
    st.tuples(st.just("poll"), counts, st.just(["ok"] * 4), drains),
    st.tuples(st.just("poll-unwritten"), counts, fates, drains),
    st.tuples(st.just("person"), skill_numbers, st.sampled_from(["start", "stop"]), drains),
    st.tuples(st.just("crash"), counts, st.integers(0, 4), drains),
    st.tuples(st.just("restart"), st.none(), st.none(), st.none()),
    st.tuples(st.just("come-or-go"), skill_numbers, st.none(), st.none()),
    st.tuples(st.just("edit"), specs, st.none(), st.none()),
)
histories = st.lists(steps, min_size=10, max_size=40)


@dataclass
class Skill:
    """A skill as it really is.

    ``ours`` is whether the operator has stopped it since it was started last; ``untold`` is whether nobody could tell
    that from what CXone shows. ``rests_in`` is the number of polls until its drain ends.
    """

    running: bool = True
    rests_in: int | None = None
    ours: bool = False
    untold: bool = False
    shown: bool = True
    seen_running: bool = False

    @property
    def dials(self):
        return self.running and self.rests_in is None

    def start(self):
        self.running, self.rests_in, self.ours = True, None, False

    def stop(self, drain, *, ours):
        if self.running:
            self.ours = self.ours or ours
            if self.rests_in is None:
                self.rests_in = drain
            self.rest(0)

    def rest(self, polls=1):
        if self.rests_in is not None:
            self.rests_in -= polls
            if self.rests_in <= 0:
                self.running, self.rests_in = False, None


@dataclass
class World:
    """A campaign of some skills, and the one operator that controls it."""

    spec: CampaignThrottleSpec
    skills: dict[int, Skill]
    memory: Memory = field(default_factory=Memory)
    stored: CampaignThrottleStatus = field(default_factory=CampaignThrottleStatus)
    reported: CampaignThrottleStatus = field(default_factory=CampaignThrottleStatus)
    now: datetime = START
    failures: int = 0

    def person(self, number, what, drain):
        if number not in self.skills:
            return
        skill = self.skills[number]
        if not self.would_be_told(number, skill):
            skill.untold = True
        if what == "start":
            skill.start()
        else:
            skill.stop(drain, ours=False)

    def would_be_told(self, number, skill):
        """Whether the operator can see what a person does with a skill now: it knows how the skill is, nothing of
        its own is under way, and the skill does not drain."""
        if not skill.shown or skill.rests_in is not None:
            return False
        for memory in (self.memory, Memory.of_status(self.stored)):
            if memory.intent is not None:
                return False
            known = {found.id: found for found in memory.skills}.get(number)
            if known is None:
                # One that it has never seen: it belongs to nobody, whatever is done with it.
                if skill.ours:
                    return False
            elif (known.running, known.stopped_by is Owner.OPERATOR) != (skill.running, skill.ours):
                return False
        return True

    def observe(self, agents):
        self.now += INTERVAL
        for skill in self.skills.values():
            announced = [memory.intent for memory in (self.memory, self.stored) if memory.intent is not None]
            if skill.running and skill.rests_in is not None and not skill.ours and announced:
                skill.untold = True  # a person's drain may end within our intent
            skill.rest()
        shown = {number: skill for number, skill in self.skills.items() if skill.shown}
        state = CampaignState.RUNNING if any(skill.running for skill in shown.values()) else CampaignState.PAUSED
        seen = tuple(SkillMemory(number, f"skill {number}", skill.running) for number, skill in shown.items())
        observation = Observation(
            agents if shown else None, state if shown else CampaignState.UNKNOWN, skills=seen
        )
        decision = policy.decide(self.spec, self.memory, observation, self.now)
        if not self.spec.suspend:
            self.failures = self.failures + 1 if agents is None or not shown else 0
            for known in decision.memory.skills if shown else ():
                skill = self.skills[known.id]
                skill.seen_running |= skill.shown and skill.running
                if known.free and known.controlled and skill.dials and decision.memory.intent is None:
                    skill.untold = False  # seen to run, and nothing is in doubt any more
        self.check(decision, observation)
        return decision

    def announce(self, decision):
        memory = policy.announced(decision.memory, decision.action, self.now)
        self.stored = as_written(
            self.reported.model_copy(update={"intent": memory.intent, "skills": policy.reported(memory.skills)})
        )
        return memory

    def send(self, number, action, drain):
        """One request, as it reaches CXone."""
        skill = self.skills[number]
        if action is Action.RESUME:
            skill.start()
            return
        if skill.running:
            skill.stop(drain, ours=True)
            skill.untold = False

    def poll(self, agents, fate=("ok",) * 4, drain=0, *, written=True):
        decision = self.observe(agents)
        memory, done = decision.memory, None
        if decision.action is not None:
            event(f"{decision.action.value}: {decision.reason}")
            memory = self.announce(decision)
            accepted, failed = [], []
            for number in sorted(decision.skills):
                if fate[number] in ("ok", "unanswered"):
                    self.send(number, decision.action, drain)
                if fate[number] == "ok":
                    accepted.append((number, self.skills[number].running))
                else:
                    failed.append(fate[number])
            if failed:
                event("partial failure" if accepted else "failure")
                memory = policy.failed(memory, outcome_unknown=bool(set(failed) - {"refused"}), skills=accepted)
            else:
                done = Intent(action=decision.action, time=self.now)
                memory = policy.accepted(memory, decision.action, self.now, accepted)
        self.memory = memory
        self.reported = as_written(
            status.build(
                self.reported,
                Outcome(
                    generation=1,
                    now=self.now,
                    decision=replace(decision, memory=memory),
                    spec=self.spec,
                    agents=agents,
                    state=policy.state_of(memory.skills) if decision.action else decision.state,
                    done=done,
                ),
            )
        )
        if written:
            self.stored = self.reported
        return decision

    def crash(self, agents, reached, drain):
        """A poll during which the process is killed, after some of the requests had reached CXone."""
        decision = self.observe(agents)
        if decision.action is not None:
            event(f"killed during a {decision.action.value}")
            self.announce(decision)
            for number in sorted(decision.skills)[:reached]:
                self.send(number, decision.action, drain)
        self.restart()

    def restart(self):
        self.memory = Memory.of_status(self.stored)
        self.reported = self.stored
        self.failures = self.memory.failures

    def check(self, decision, seen):
        """The rules that hold whatever happened before."""
        spec = self.spec
        assert (decision.action is None) == (not decision.skills)
        if decision.action is None:
            return
        assert spec.mode is Mode.ENFORCE, "Observe never acts"
        assert not spec.suspend, "a suspended throttle does nothing"
        assert all(self.skills[number].shown for number in decision.skills), "only controlled skills are touched"
        if decision.action is Action.RESUME:
            assert seen.agents is not None, "unknown never resumes"
            assert seen.agents >= spec.resume_threshold
            for number in decision.skills:
                self.check_start(self.skills[number])
        elif decision.reason == "Fallback":
            assert spec.fallback.action is FallbackAction.PAUSE
            assert self.failures >= spec.fallback.failure_threshold
        elif decision.reason != "OutsideSchedule" and decision.state is CampaignState.RUNNING:
            assert seen.agents is not None, "unknown never acts, except by the fallback"
            assert seen.agents < spec.pause_threshold

    def check_start(self, skill):
        if self.spec.manual_override is ManualOverride.RESPECT:
            assert skill.ours or skill.running or skill.untold, "only what the operator stopped is started by it"
        else:
            assert skill.ours or skill.seen_running or skill.untold, "what never ran is never started"


def as_written(one):
    """A status as the API server gives it back."""
    return CampaignThrottleStatus.model_validate(status.dump(one))


def play(world, history):
    for kind, first, second, drain in history:
        if kind == "poll":
            world.poll(first, second, drain)
        elif kind == "poll-unwritten":
            world.poll(first, second, drain, written=False)
        elif kind == "person":
            world.person(first, second, drain)
        elif kind == "crash":
            world.crash(first, second, drain)
        elif kind == "restart":
            world.restart()
        elif kind == "edit":
            world.spec = first
        elif first in world.skills:
            skill = world.skills[first]
            skill.shown = not skill.shown


mostly = st.sampled_from([True, True, True, False])
campaigns = st.lists(st.tuples(mostly, mostly), min_size=1, max_size=4).map(
    lambda found: {number: Skill(running=running, shown=shown) for number, (running, shown) in enumerate(found)}
)


@settings(max_examples=500)
@given(st.one_of(st.just(PLAIN), st.just(PLAIN), specs), campaigns, histories)
def test_the_invariants_hold_over_any_history(spec, skills, history):
    world = World(spec, skills)
    play(world, history)
    # And never loses whose stop it is: once all settles, what the operator stopped runs again, and nothing else.
    world.spec = PLAIN
    for skill in skills.values():
        skill.shown = True
    ours = [skill for skill in skills.values() if skill.ours and not skill.untold]
    theirs = [skill for skill in skills.values() if not (skill.ours or skill.untold or skill.running)]
    for _ in range(3):
        world.poll(PLENTY)
    assert all(skill.dials for skill in ours), "what the operator stopped runs again"
    assert not any(skill.running for skill in theirs), "what somebody else stopped doesn't"
    # Then a shortage stops all that runs, for as long as it lasts.
    for _ in range(3):
        world.poll(SHORTAGE, drain=2)
    for _ in range(LONG):
        assert not any(skill.dials for skill in skills.values()), "nothing dials with too few agents"
        world.poll(SHORTAGE)


@settings(max_examples=200)
@given(campaigns, st.lists(st.tuples(counts, fates, drains), min_size=1, max_size=25), st.integers(0, 24))
def test_a_restart_in_the_middle_changes_nothing(skills, polls, restart):
    undisturbed = World(PLAIN, {number: replace(skill) for number, skill in skills.items()})
    restarted = World(PLAIN, {number: replace(skill) for number, skill in skills.items()})
    for number, (agents, fate, drain) in enumerate(polls):
        if number == restart:
            restarted.restart()
        undisturbed.poll(agents, fate, drain)
        restarted.poll(agents, fate, drain)
        assert restarted.stored.paused_by is undisturbed.stored.paused_by
        assert [skill.dials for skill in restarted.skills.values()] == [
            skill.dials for skill in undisturbed.skills.values()
        ]


@settings(max_examples=200)
@given(campaigns, st.lists(steps, max_size=20), skill_numbers)
def test_a_persons_start_in_a_shortage_is_left_alone_until_enough_agents_were_there(skills, history, number):
    world = World(PLAIN, skills)
    play(world, [step for step in history if step[0] != "edit"])
    for _ in range(LONG):
        world.poll(SHORTAGE)
    skill = skills.get(number)
    if skill is None or not skill.shown or skill.running or world.memory.manual_resume is not None:
        return
    world.person(number, "start", 0)
    for agents in (SHORTAGE, None, 6, SHORTAGE):
        world.poll(agents)
        assert skill.dials
        world.restart()
    world.poll(PLENTY)
    world.poll(SHORTAGE)
    assert not skill.dials

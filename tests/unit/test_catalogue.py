"""The operator reports what the catalogue lists, and nothing else: no reason or Event that the docs don't explain."""

import ast
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import campaign_throttle
from campaign_throttle import policy
from campaign_throttle.cxone import errors
from campaign_throttle.outcome import Refusal
from campaign_throttle.policy import Decision, Observation, SkillMemory
from campaign_throttle.resources import behaviour, catalogue, event_catalogue, throttle
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
from campaign_throttle.resources.faults import FAULTS
from campaign_throttle.resources.throttle import Action, Mode
from campaign_throttle.resources.throttle_status import Intent
from unit.test_status import (
    FAILURE_THRESHOLD,
    GRACED,
    OTHER,
    PAUSED,
    PERMANENT,
    RUNNING,
    SPEC,
    TRANSIENT,
    Polls,
    steps,
    take,
)

CONDITIONS = set(catalogue.reasons())
EVENTS = {(event.type, event.name) for event in event_catalogue.EVENTS}
TRANSITIONS = {reason.name for reason in catalogue.TRANSITION_REASONS}
AWAY = errors.CXoneUnreachable("gone")
CLOSED = Schedule(
    time_zone="UTC",
    windows=[Window(days=[Weekday.SUN], start="00:00", end="00:01")],
    outside=FallbackAction.PAUSE,
)


class Witness(Polls):
    """Remembers every condition, Event and transition that there was."""

    def __init__(self, **spec):
        super().__init__(SPEC.model_copy(update=spec))
        self.conditions, self.posted, self.transitions = set(), set(), set()

    def report(self, outcome):
        current = super().report(outcome)
        self.conditions |= {(found.type, found.status, found.reason) for found in current.conditions}
        self.posted |= set(self.events)
        self.transitions |= {transition.reason for transition in current.history or ()}
        return current

    def refused(self, reason):
        refusal = Refusal(reason, "because")
        self.report(replace(self.base(state=RUNNING), refusal=refusal, decision=Decision("Invalid", self.memory)))

    def failed_read(self, error):
        """The agents could not be counted; the campaign was read."""
        self.decided(replace(self.base(state=RUNNING), agents_error=error))

    def not_sent(self, agents, state=RUNNING):
        """An action is due, and another spec or an API server that is away comes between."""
        self.decided(self.base(agents=agents, state=state))

    def poll_skill(self, agents):
        """A poll of a campaign whose one skill runs, whatever was done to it."""
        outcome = self.base(agents=agents)
        seen = Observation(agents, RUNNING, skills=(SkillMemory(101, "Renewals", running=True),))
        decision = policy.decide(self.spec, self.memory, seen, outcome.now)
        if decision.action is not None:
            memory = policy.announced(decision.memory, decision.action, outcome.now)
            done = Intent(action=decision.action, time=outcome.now)
            memory = policy.accepted(memory, decision.action, outcome.now, [(101, True)])
            outcome = replace(outcome, done=done)
            decision = replace(decision, memory=memory, state=policy.state_of(memory.skills))
        self.report(replace(outcome, decision=decision, state=decision.state))

    def decided(self, outcome):
        seen = Observation(outcome.agents, outcome.state)
        self.report(replace(outcome, decision=policy.decide(self.spec, self.memory, seen, outcome.now)))

    def settled(self):
        """The process was killed after the request and before its answer."""
        self.memory = replace(self.memory, intent=Intent(action=Action.PAUSE, time=self.now))
        self.poll(agents=1, state=PAUSED)


def thresholds():
    polls = Witness()
    polls.poll(agents=1)
    polls.poll(agents=20, state=PAUSED)
    for turn in range(4):
        polls.poll(agents=20 if turn % 2 else 1, state=PAUSED if turn % 2 else RUNNING)
    polls.not_sent(agents=1)
    polls.poll(agents=1)
    polls.not_sent(agents=20, state=PAUSED)
    polls.edit(suspend=True)
    polls.poll()
    yield polls
    polls = Witness()
    polls.refused("CampaignConflict")
    polls.poll(state=OTHER)
    polls.invalid()
    polls.settled()
    yield polls


def patience():
    streak = Streak(samples=2)
    turns = ((1, RUNNING), (20, PAUSED), (1, RUNNING))
    for spec, counts in (
        (
            {"stabilization": Stabilization(pause=streak, resume=streak)},
            ((1, RUNNING), (1, RUNNING), (20, PAUSED)),
        ),
        ({"minimum_running": timedelta(hours=1)}, turns),
        ({"minimum_paused": timedelta(hours=1)}, turns[:2]),
    ):
        polls = Witness(**spec)
        for agents, state in counts:
            polls.poll(agents, state)
        yield polls


def people():
    polls = Witness()
    polls.poll()
    polls.poll(state=PAUSED)
    polls.poll(agents=1, state=RUNNING)
    yield polls
    polls = Witness(manual_override=ManualOverride.ENFORCE)
    polls.poll()
    polls.poll(agents=6, state=PAUSED)
    yield polls


def observing():
    polls = Witness(mode=Mode.OBSERVE)
    polls.poll(agents=1)
    polls.poll(agents=20)
    yield polls


def calling_hours():
    polls = Witness(schedule=CLOSED)
    polls.not_sent(agents=20)
    polls.poll(agents=20)
    polls.edit(schedule=CLOSED.model_copy(update={"outside": FallbackAction.HOLD}))
    polls.poll(agents=20, state=PAUSED)
    yield polls


def fallback():
    polls = Witness(fallback=Fallback(failure_threshold=1, action=FallbackAction.PAUSE))
    polls.failed_read(AWAY)
    outcome = replace(polls.base(state=RUNNING), agents_error=AWAY)
    decision = policy.decide(polls.spec, polls.memory, Observation(None, RUNNING), outcome.now)
    done = Intent(action=Action.PAUSE, time=outcome.now)
    polls.report(replace(outcome, decision=decision, done=done, state=PAUSED))
    yield polls


def skills():
    """An ACD tenant: the stop of a skill is accepted, and the skill runs on."""
    polls = Witness()
    polls.poll_skill(agents=20)
    polls.poll_skill(agents=1)
    polls.now += timedelta(hours=1)
    polls.poll_skill(agents=1)
    polls.report(replace(polls.base(), decision=Decision("Unknown", polls.memory), scheduled=(101,)))
    yield polls


def faults():
    for error in (*TRANSIENT, *PERMANENT):
        polls = Witness()
        for _ in range(FAILURE_THRESHOLD):
            polls.poll(error=error)
        polls.poll()
        yield polls
    for error in GRACED:
        polls = Witness()
        for _ in range(FAILURE_THRESHOLD):
            polls.decided(replace(polls.base(), agents_error=error, campaign_error=error, settling=True))
        yield polls
    polls = Witness()
    gone = errors.CampaignNotFound("404")  # an ACD tenant: without the campaign it isn't known whose agents count
    polls.decided(replace(polls.base(), agents_error=gone, campaign_error=gone))
    yield polls
    for error in (AWAY, errors.Forbidden("403")):
        polls = Witness()
        for _ in range(FAILURE_THRESHOLD):
            polls.poll(agents=1, action_error=error)
        yield polls


@pytest.fixture(scope="module")
def witnesses():
    scenes = (thresholds, patience, people, observing, calling_hours, fallback, skills, faults)
    return [witness for scene in scenes for witness in scene()]


def test_each_condition_in_the_catalogue_can_be_brought_about_and_no_other_is(witnesses):
    seen = set().union(*(witness.conditions for witness in witnesses))
    assert seen - CONDITIONS == set(), "not in the catalogue"
    assert CONDITIONS - seen == set(), "in the catalogue, and never seen: remove it, or bring it about here"


def test_each_event_in_the_catalogue_can_be_brought_about_and_no_other_is(witnesses):
    seen = set().union(*(witness.posted for witness in witnesses))
    seen.add(("Warning", "ResumeAbandoned"))  # of a deletion: see test_reconcile
    assert seen - EVENTS == set(), "not in the catalogue"
    assert EVENTS - seen == set(), "in the catalogue, and never seen: remove it, or bring it about here"


def test_each_reason_of_a_transition_in_the_catalogue_can_be_brought_about_and_no_other_is(witnesses):
    assert set().union(*(witness.transitions for witness in witnesses)) == TRANSITIONS


behaviours = st.fixed_dictionaries(
    {},
    optional={
        "fallback": st.builds(
            Fallback, failure_threshold=st.integers(1, 3), action=st.sampled_from(FallbackAction)
        ),
        "manual_override": st.sampled_from(ManualOverride),
        "minimum_running": st.just(timedelta(minutes=1)),
        "minimum_paused": st.just(timedelta(minutes=1)),
        "schedule": st.just(CLOSED),
        "stabilization": st.just(Stabilization(pause=Streak(samples=2), resume=Streak(samples=2))),
    },
)


@settings(max_examples=60)
@given(behaviours, st.lists(steps, min_size=1, max_size=12))
def test_whatever_happens_only_what_is_in_the_catalogue_is_reported(spec, history):
    polls = Witness(**spec)
    for step in history:
        take(polls, step)
    assert polls.conditions <= CONDITIONS
    assert polls.posted <= EVENTS
    assert polls.transitions <= TRANSITIONS


# In the source


PACKAGE = Path(campaign_throttle.__file__).parent
#: Where reasons and Events are written.
SOURCES = [
    *(PACKAGE / f"{name}.py" for name in ("conditions", "events", "outcome", "reconcile", "release", "status")),
    *(PACKAGE / "policy").glob("[a-z]*.py"),
    PACKAGE / "cxone/errors.py",
]
WORD = re.compile(r"[A-Z][A-Za-z]+")
#: What is written in such words too, and is neither reason nor Event.
OTHER_WORDS = {"True", "False", "Unknown", "Normal", "Warning"} | {
    word.value
    for module in (behaviour, throttle)
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, throttle.StrEnum) and kind is not throttle.StrEnum
    for word in kind
}


def camel_case_words(path):
    """The strings in a module that could be a reason or an Event."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef():
                node.returns = None  # a type that is named before it is there
            case ast.JoinedStr():
                node.values = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and WORD.fullmatch(node.value):
            yield node.value


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_every_word_in_the_source_that_could_be_a_reason_or_an_event_is_in_the_catalogue(path):
    types, names = {type_ for type_, _, _ in CONDITIONS}, {reason for _, _, reason in CONDITIONS}
    known = types | names | TRANSITIONS | {name for _, name in EVENTS} | OTHER_WORDS
    assert set(camel_case_words(path)) - known == set()


def test_every_word_in_the_catalogue_is_in_the_source():
    written = {word for path in SOURCES for word in camel_case_words(path)}
    catalogued = {reason for _, _, reason in CONDITIONS} | TRANSITIONS | {name for _, name in EVENTS}
    assert catalogued - written == set()


def test_every_error_of_cxone_is_a_fault_in_the_catalogue():
    faults = {(fault.name, fault.lasting) for fault in FAULTS}
    kinds = {errors.CXoneError}
    while new := {below for kind in kinds for below in kind.__subclasses__()} - kinds:
        kinds |= new
    assert {(kind.reason, kind.permanent) for kind in kinds} == faults


def test_everything_in_the_catalogue_is_explained_once():
    for names in (
        [condition.name for condition in catalogue.CONDITIONS],
        [event.name for event in event_catalogue.EVENTS],
        [fault.name for fault in FAULTS],
        [reason.name for reason in catalogue.TRANSITION_REASONS],
        *([reason.name for reason in condition.reasons] for condition in catalogue.CONDITIONS),
    ):
        assert len(names) == len(set(names))
    texts = [text for event in event_catalogue.EVENTS for text in (event.when, event.remedy)]
    texts += [text for fault in FAULTS for text in (fault.meaning, fault.remedy)]
    assert [text for text in texts if not text.endswith(".")] == []

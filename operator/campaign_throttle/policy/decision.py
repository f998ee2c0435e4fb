"""The rules, numbered as in docs/concepts.md."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from campaign_throttle.policy.attribution import attribute
from campaign_throttle.policy.calling_hours import inside
from campaign_throttle.policy.memory import PAUSED, RUNNING, Memory, Observation, StreakMemory
from campaign_throttle.policy.skills import overdue, to_start, to_stop, to_stop_again
from campaign_throttle.resources.behaviour import FallbackAction, ManualOverride, Streak
from campaign_throttle.resources.throttle import Action, CampaignState, CampaignThrottleSpec, Mode, Owner
from campaign_throttle.resources.throttle_status import Intent

_NO_TIME = timedelta(0)


@dataclass(frozen=True)
class Decision:
    """What to do, and why.

    ``action`` is what must be done now; ``would`` is what Observe mode would have done, once per change of mind.
    ``desired`` is the state that the policy wants, None while it has no opinion. ``fallback`` is whether rule 2 is
    in force. ``settled``, ``override`` and ``touched`` tell what was found out about earlier changes.
    ``state`` is the campaign's; ``skills`` are those that the action stops or starts, where the skill is the unit that
    dials; ``draining`` is Draining, or StillRunning if that takes too long.
    """

    reason: str
    memory: Memory
    state: CampaignState = CampaignState.UNKNOWN
    action: Action | None = None
    would: Action | None = None
    desired: CampaignState | None = None
    fallback: bool = False
    settled: Intent | None = None
    override: Action | None = None
    touched: bool = False
    skills: frozenset[int] = frozenset()
    draining: str | None = None


@dataclass(frozen=True)
class _Wish:
    """The state that a rule wants, whether that is to be acted upon now, and why (not)."""

    reason: str
    desired: CampaignState | None = None
    act: bool = False


def decide(spec: CampaignThrottleSpec, memory: Memory, seen: Observation, now: datetime) -> Decision:
    """The decision after one poll.

    Args:
        spec: what was declared.
        memory: the memory of the previous decision, or of the status after a restart.
        seen: what the poll saw.
        now: the time of the poll.
    """
    if spec.suspend:
        return suspended(memory)
    found = attribute(memory, seen, spec.interval, now)
    memory = _counted(spec, found.memory, seen, now)
    # A campaign that drains calls nobody any more.
    state = PAUSED if found.state is CampaignState.PAUSING else found.state
    decision = _carried_out(spec, memory, state, _wish(spec, memory, replace(seen, state=state), now), now)
    if decision.action is None and not memory.failures:  # nothing left to fail: the next failure begins a new row
        decision = replace(decision, memory=replace(decision.memory, action_failures=0))
    return replace(
        decision,
        state=found.state,
        fallback=memory.failures >= spec.fallback.failure_threshold,
        settled=found.settled,
        override=found.override,
        touched=found.touched,
        draining=_draining(memory, now) if found.state is CampaignState.PAUSING else None,
    )


def suspended(memory: Memory) -> Decision:
    """The decision while nothing is to be done (rule 1)."""
    return Decision("Suspended", replace(memory, failures=0, action_failures=0, below=None, above=None))


def _draining(memory: Memory, now: datetime) -> str:
    return "StillRunning" if any(overdue(skill, now) for skill in memory.skills) else "Draining"


def _counted(spec: CampaignThrottleSpec, memory: Memory, seen: Observation, now: datetime) -> Memory:
    """The memory with this poll in its counters and streaks, and the throttle armed again if it is time."""
    if spec.manual_override is ManualOverride.ENFORCE:
        memory = replace(memory, manual_resume=None)
    if seen.agents is None or seen.state is CampaignState.UNKNOWN:
        # A pause streak outlives a failed poll, a resume streak doesn't.
        return replace(memory, failures=memory.failures + 1, above=None)
    enough = seen.agents >= spec.resume_threshold
    return replace(
        memory,
        failures=0,
        manual_resume=None if enough else memory.manual_resume,
        below=_streak(memory.below, spec.pause_threshold, seen, now)
        if seen.agents < spec.pause_threshold
        else None,
        above=_streak(memory.above, spec.resume_threshold, seen, now) if enough else None,
    )


def _streak(before: StreakMemory | None, threshold: int, seen: Observation, now: datetime) -> StreakMemory:
    if before is None or before.threshold != threshold or before.since > now:  # the clock may be set back
        return StreakMemory(threshold, samples=1, since=now, reading=seen.reading)
    if seen.reading is not None and seen.reading == before.reading:  # one that was counted already
        return before
    return replace(before, samples=before.samples + 1, reading=seen.reading)


def _wish(spec: CampaignThrottleSpec, memory: Memory, seen: Observation, now: datetime) -> _Wish:
    """What the first rule that applies wants."""
    if seen.state is CampaignState.UNKNOWN:  # rule 2, and nothing to act upon
        return _Wish("Unknown")
    if seen.state not in (RUNNING, PAUSED):  # rule 4
        return _Wish("NotControllable")
    if not inside(spec.schedule, now):  # rule 3: it needs the campaign's state, and no count
        if spec.schedule is not None and spec.schedule.outside is FallbackAction.PAUSE:
            return _Wish("OutsideSchedule", PAUSED, act=True)
        return _Wish("OutsideSchedule")
    if seen.agents is None:  # rule 2
        return _fallback(spec, memory, seen.state)
    return _thresholds(spec, memory, seen.agents, seen.state, now)


def _fallback(spec: CampaignThrottleSpec, memory: Memory, state: CampaignState) -> _Wish:
    in_force = memory.failures >= spec.fallback.failure_threshold
    if not in_force or spec.fallback.action is FallbackAction.HOLD:
        return _Wish("Unknown")
    if state is RUNNING and memory.manual_resume is not None:
        return _Wish("ManualResume")
    return _Wish("Fallback", PAUSED, act=True)


def _thresholds(
    spec: CampaignThrottleSpec, memory: Memory, agents: int, state: CampaignState, now: datetime
) -> _Wish:
    """Rules 5 to 7, and the respect for what people did."""
    if state is RUNNING and memory.manual_resume is not None:
        return _Wish("ManualResume")
    theirs = memory.paused_by is Owner.OTHER and not _may_resume_theirs(spec, memory)
    if agents < spec.pause_threshold:  # rule 5
        minimum = spec.minimum_running if state is RUNNING else _NO_TIME
        due = _due(memory.below, spec.stabilization.pause, memory.changed_at, minimum, now)
        waiting = (
            {"streak": "Stabilizing", "minimum": "MinimumRunning"}.get(due or "") if state is RUNNING else None
        )
        return _Wish(waiting or "BelowPauseThreshold", PAUSED, act=due is None)
    if agents >= spec.resume_threshold:  # rule 6
        if state is PAUSED and theirs:
            return _Wish("PausedByOther")
        # What is left of a resume that was half done is due at once.
        minimum = spec.minimum_paused if state is PAUSED else _NO_TIME
        due = _due(memory.above, spec.stabilization.resume, memory.changed_at, minimum, now)
        waiting = {"streak": "Stabilizing", "minimum": "MinimumPaused"}.get(due or "") if state is PAUSED else None
        return _Wish(waiting or "AtResumeThreshold", RUNNING, act=due is None)
    if state is PAUSED and theirs and memory.desired is RUNNING:
        return _Wish("PausedByOther")
    return _Wish("BetweenThresholds", memory.desired or state)  # rule 7


def _may_resume_theirs(spec: CampaignThrottleSpec, memory: Memory) -> bool:
    """Whether a person's pause may be undone; of skills, only those that were ever seen running."""
    if spec.manual_override is ManualOverride.RESPECT:
        return False
    return not memory.skills or bool(to_start(memory.skills, memory.intent, anybodys=True))


def _due(
    streak: StreakMemory | None, wanted: Streak, changed_at: datetime | None, minimum: timedelta, now: datetime
) -> str | None:
    """What an action still waits for: the streak or the minimum time; None if it is due."""
    if streak is None or streak.samples < wanted.samples or now - streak.since < wanted.window:
        return "streak"
    if changed_at is not None and abs(now - changed_at) < minimum:  # the clock may be set back
        return "minimum"
    return None


def _carried_out(
    spec: CampaignThrottleSpec, memory: Memory, state: CampaignState, wish: _Wish, now: datetime
) -> Decision:
    """The decision that carries out a wish; in Observe mode nothing is, and it is told once what would be."""
    action, skills = _action(spec, memory, state, wish, now)
    would = None
    if spec.mode is Mode.OBSERVE:
        would = _would(memory, state, wish)
        action, skills = None, frozenset()
    # What still waits for a streak is no opinion yet: a dip that ends in between must not leave one behind.
    opinion = wish.desired if wish.act else memory.desired
    return Decision(
        reason=wish.reason,
        memory=replace(memory, desired=opinion),
        action=action,
        would=would,
        desired=wish.desired,
        skills=skills,
    )


def _action(
    spec: CampaignThrottleSpec, memory: Memory, state: CampaignState, wish: _Wish, now: datetime
) -> tuple[Action | None, frozenset[int]]:
    """What must be done to have what is wanted, and to which skills.

    One campaign may be partly as wanted: what failed or was left undone the last time is done now.
    """
    if wish.desired is PAUSED:
        again = to_stop_again(memory.skills, now)
        if memory.skills:
            skills = (to_stop(memory.skills) if wish.act else frozenset()) | again
            return (Action.PAUSE, skills) if skills else (None, skills)
        return (Action.PAUSE if wish.act and state is RUNNING else None), frozenset()
    if wish.desired is RUNNING and wish.act:
        if memory.skills:
            anybodys = spec.manual_override is ManualOverride.ENFORCE and state is PAUSED
            skills = to_start(memory.skills, memory.intent, anybodys=anybodys)
            return (Action.RESUME, skills) if skills else (None, skills)
        return (Action.RESUME if state is PAUSED else None), frozenset()
    return None, frozenset()


def _would(memory: Memory, state: CampaignState, wish: _Wish) -> Action | None:
    if not wish.act or wish.desired is (memory.desired or RUNNING):
        return None
    if wish.desired is RUNNING:
        return Action.RESUME
    return Action.PAUSE if state is RUNNING else None

"""The rules, numbered as in docs/concepts.md."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from campaign_throttle.policy.calling_hours import inside
from campaign_throttle.policy.memory import PAUSED, RUNNING, Memory, Observation, StreakMemory, attribute
from campaign_throttle.resources.behaviour import FallbackAction, ManualOverride, Streak
from campaign_throttle.resources.throttle import (
    Action,
    CampaignState,
    CampaignThrottleSpec,
    Intent,
    Mode,
    Owner,
)


@dataclass(frozen=True)
class Decision:
    """What to do, and why.

    ``action`` is what must be done now; ``would`` is what Observe mode would have done, once per change of mind.
    ``desired`` is the state that the policy wants, None while it has no opinion. ``fallback`` is whether rule 2 is
    in force. ``settled``, ``override`` and ``touched`` tell what was found out about earlier changes.
    """

    reason: str
    memory: Memory
    action: Action | None = None
    would: Action | None = None
    desired: CampaignState | None = None
    fallback: bool = False
    settled: Intent | None = None
    override: Action | None = None
    touched: bool = False


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
    if spec.suspend:  # rule 1
        return Decision("Suspended", replace(memory, failures=0, action_failures=0, below=None, above=None))
    found = attribute(memory, seen, spec.interval, now)
    memory = _counted(spec, found.memory, seen, now)
    decision = _carried_out(spec, memory, seen.state, _wish(spec, memory, seen, now))
    if decision.action is None and not memory.failures:  # nothing left to fail: the next failure begins a new row
        decision = replace(decision, memory=replace(decision.memory, action_failures=0))
    return replace(
        decision,
        fallback=memory.failures >= spec.fallback.failure_threshold,
        settled=found.settled,
        override=found.override,
        touched=found.touched,
    )


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
    theirs = memory.paused_by is Owner.OTHER and spec.manual_override is ManualOverride.RESPECT
    if agents < spec.pause_threshold:  # rule 5
        due = _due(memory.below, spec.stabilization.pause, memory.changed_at, spec.minimum_running, now)
        waiting = (
            {"streak": "Stabilizing", "minimum": "MinimumRunning"}.get(due or "") if state is RUNNING else None
        )
        return _Wish(waiting or "BelowPauseThreshold", PAUSED, act=due is None)
    if agents >= spec.resume_threshold:  # rule 6
        if state is PAUSED and theirs:
            return _Wish("PausedByOther")
        due = _due(memory.above, spec.stabilization.resume, memory.changed_at, spec.minimum_paused, now)
        waiting = {"streak": "Stabilizing", "minimum": "MinimumPaused"}.get(due or "") if state is PAUSED else None
        return _Wish(waiting or "AtResumeThreshold", RUNNING, act=due is None)
    if state is PAUSED and theirs and memory.desired is RUNNING:
        return _Wish("PausedByOther")
    return _Wish("BetweenThresholds", memory.desired or state)  # rule 7


def _due(
    streak: StreakMemory | None, wanted: Streak, changed_at: datetime | None, minimum: timedelta, now: datetime
) -> str | None:
    """What an action still waits for: the streak or the minimum time; None if it is due."""
    if streak is None or streak.samples < wanted.samples or now - streak.since < wanted.window:
        return "streak"
    if changed_at is not None and abs(now - changed_at) < minimum:  # the clock may be set back
        return "minimum"
    return None


def _carried_out(spec: CampaignThrottleSpec, memory: Memory, state: CampaignState, wish: _Wish) -> Decision:
    """The decision that carries out a wish; in Observe mode nothing is, and it is told once what would be."""
    action = None
    if wish.act and wish.desired is PAUSED and state is RUNNING:
        action = Action.PAUSE
    elif wish.act and wish.desired is RUNNING and state is PAUSED:
        action = Action.RESUME
    would = None
    if spec.mode is Mode.OBSERVE:
        would = _would(memory, state, wish)
        action = None
    # What still waits for a streak is no opinion yet: a dip that ends in between must not leave one behind.
    opinion = wish.desired if wish.act else memory.desired
    return Decision(
        reason=wish.reason,
        memory=replace(memory, desired=opinion),
        action=action,
        would=would,
        desired=wish.desired,
    )


def _would(memory: Memory, state: CampaignState, wish: _Wish) -> Action | None:
    if not wish.act or wish.desired is (memory.desired or RUNNING):
        return None
    if wish.desired is RUNNING:
        return Action.RESUME
    return Action.PAUSE if state is RUNNING else None

"""What the policy remembers from poll to poll, and whose a change of the campaign is."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from campaign_throttle.resources.throttle import (
    Action,
    CampaignState,
    CampaignThrottleStatus,
    Intent,
    Owner,
)

#: An intent whose effect is not seen for this long had none; and a change of the campaign that comes this much
#: later than an intent (or earlier: clocks can be set back) is somebody else's.
INTENT_LIFETIME = timedelta(seconds=60)
#: A campaign may take this long to come to rest after a pause; another word lasts that long at most on the way.
DRAIN_LIFETIME = timedelta(minutes=10)

RUNNING, PAUSED = CampaignState.RUNNING, CampaignState.PAUSED


@dataclass(frozen=True)
class Observation:
    """What one poll saw.

    ``agents`` is None when the count is unknown: unknown is never zero. ``state`` is UNKNOWN when the campaign
    could not be read. ``changed_at`` is when the campaign last changed, if CXone tells. ``reading`` tells counts apart:
    several polls may share one.
    """

    agents: int | None
    state: CampaignState
    changed_at: datetime | None = None
    reading: float | None = None


@dataclass(frozen=True)
class StreakMemory:
    """Readings in a row on the far side of one threshold."""

    threshold: int
    samples: int
    since: datetime
    reading: float | None = None


@dataclass(frozen=True)
class Memory:
    """Everything that the policy remembers.

    ``paused_by`` is whose the pause is, and says by itself that the campaign was last seen paused.
    ``desired`` is the policy's last opinion, which it keeps between the thresholds. ``acted_at`` is when the
    operator last paused or resumed the campaign, ``changed_at`` when anybody was last seen to. ``landed`` is whether
    the campaign was seen paused since the operator paused it; ``seen_at`` is when its state was last read, and
    ``seen_change`` the time of its last change that CXone told then. ``failures`` counts
    failed polls in a row, ``action_failures`` failed actions. The streaks, and what a restart has not seen yet
    (``fresh``), live in memory only.
    """

    paused_by: Owner | None = None
    intent: Intent | None = None
    manual_resume: datetime | None = None
    desired: CampaignState | None = None
    last_state: CampaignState | None = None
    landed: bool = True
    seen_at: datetime | None = None
    seen_change: datetime | None = None
    acted_at: datetime | None = None
    changed_at: datetime | None = None
    failures: int = 0
    action_failures: int = 0
    below: StreakMemory | None = None
    above: StreakMemory | None = None
    fresh: bool = True

    @classmethod
    def of_status(cls, status: CampaignThrottleStatus) -> "Memory":
        """What a status says: where a restarted operator goes on."""
        known = status.campaign_state not in (None, CampaignState.UNKNOWN)
        acted_at = status.last_transition.time if status.last_transition else None
        resumed_at = status.manual_resume.time if status.manual_resume else None
        polled_at = status.last_poll_time
        return cls(
            paused_by=status.paused_by,
            intent=status.intent,
            manual_resume=resumed_at,
            desired=CampaignState(status.desired_state) if status.desired_state else None,
            last_state=status.campaign_state if known else PAUSED if status.paused_by else None,
            landed=status.campaign_state is not CampaignState.OTHER
            or not within(acted_at, polled_at, DRAIN_LIFETIME),
            seen_at=polled_at,
            acted_at=acted_at,
            changed_at=latest(acted_at, resumed_at),
            failures=status.consecutive_failures or 0,
        )


@dataclass(frozen=True)
class Attribution:
    """Whose the observed state is.

    ``settled`` is an earlier intent that turned out to have had its effect; ``override`` is what somebody else was
    seen to have done; ``touched`` is whether a campaign that the operator holds paused was changed otherwise (renamed,
    say), which a restart must know of.
    """

    memory: Memory
    settled: Intent | None = None
    override: Action | None = None
    touched: bool = False


def attribute(memory: Memory, seen: Observation, interval: timedelta, now: datetime) -> Attribution:
    """Whose the observed state is: ours if an intent explains it, somebody else's otherwise.

    Args:
        memory: of the previous poll.
        seen: what this poll saw.
        interval: between polls; after much more than that, a person may have done anything in between.
        now: the time of this poll.
    """
    if seen.state is CampaignState.UNKNOWN:
        return Attribution(memory)
    known = replace(memory, last_state=seen.state, fresh=False, seen_at=now, seen_change=seen.changed_at)
    if seen.state is PAUSED:
        known = replace(known, landed=True)
    if memory.fresh and seen.changed_at is not None and seen.changed_at <= now:
        known = replace(known, changed_at=latest(known.changed_at, seen.changed_at))
    intent = memory.intent
    if intent is not None and seen.state is _intended(intent):
        known = replace(known, intent=None)
        if _explains(intent, memory, seen):
            return Attribution(replace(accepted(known, intent.action, intent.time), landed=True), settled=intent)
    elif intent is not None and not within(intent.time, now, _lifetime(seen.state)):
        known = replace(known, intent=None)  # it had no effect
    if seen.state is CampaignState.OTHER and not within(memory.acted_at, now, DRAIN_LIFETIME):
        known = replace(known, landed=True)  # too late to be on the way to our pause
    if seen.state is PAUSED and (memory.paused_by is None or _paused_anew(memory, seen, interval, now)):
        by_hand = memory.last_state is not None
        paused = replace(known, paused_by=Owner.OTHER, manual_resume=None)
        return Attribution(
            replace(paused, changed_at=now) if by_hand else paused,
            override=Action.PAUSE if by_hand else None,
        )
    if seen.state is RUNNING and memory.paused_by is not None:
        if _pause_had_no_effect(memory, seen, now):
            # A stale answer, or a pause that is slow, for a minute; then one that never was.
            slow = within(memory.acted_at, now, INTENT_LIFETIME)
            return Attribution(known if slow else replace(known, paused_by=None))
        running = replace(known, paused_by=None, manual_resume=now, changed_at=now)
        return Attribution(running, override=Action.RESUME)
    owned = (
        seen.state is PAUSED and known.paused_by is Owner.OPERATOR and not _is_our_change(seen, memory.acted_at)
    )
    return Attribution(known, touched=owned and seen.changed_at != memory.seen_change)


def _lifetime(state: CampaignState) -> timedelta:
    return INTENT_LIFETIME if state in (RUNNING, PAUSED) else DRAIN_LIFETIME


def _explains(intent: Intent, memory: Memory, seen: Observation) -> bool:
    """Whether a change is the intent's, by its time; while an unknown word lasts, it is still under way."""
    if seen.changed_at is None or abs(seen.changed_at - intent.time) <= INTENT_LIFETIME:
        return True
    draining = memory.last_state is CampaignState.OTHER
    return draining and timedelta(0) <= seen.changed_at - intent.time <= DRAIN_LIFETIME


def _paused_anew(memory: Memory, seen: Observation, interval: timedelta, now: datetime) -> bool:
    """Whether an owned pause was replaced by somebody else's, without anybody having looked in between.

    After another word than running and paused it was, unless that word was seen before our pause had landed (then
    it is the way to it), or CXone says that nothing has changed since. After a gap in the observation it was if the
    campaign has changed within the gap.
    """
    if memory.paused_by is not Owner.OPERATOR:
        return False
    if memory.last_state is CampaignState.OTHER:
        return memory.landed and (seen.changed_at is None or seen.changed_at != memory.seen_change)
    gap = memory.seen_at is None or now - memory.seen_at > 3 * interval + INTENT_LIFETIME or memory.fresh
    looked_at = latest(memory.seen_at, memory.acted_at)
    return (
        gap
        and looked_at is not None
        and seen.changed_at is not None
        and seen.changed_at > looked_at + INTENT_LIFETIME
    )


def _pause_had_no_effect(memory: Memory, seen: Observation, now: datetime) -> bool:
    """Whether a campaign that runs was never paused, though CXone had accepted it, or only looks as if it ran.

    One whose last change is the one that was seen before our pause, or lies well before it, was not resumed by
    anybody. Where CXone tells no times, one that was never seen paused gets a minute.
    """
    if memory.paused_by is not Owner.OPERATOR or memory.acted_at is None:
        return False
    if seen.changed_at is None:
        return not memory.landed and within(memory.acted_at, now, INTENT_LIFETIME)
    unchanged = not memory.landed and seen.changed_at == memory.seen_change
    return unchanged or seen.changed_at < memory.acted_at - INTENT_LIFETIME


def within(one: datetime | None, other: datetime | None, span: timedelta) -> bool:
    """Whether two times are known, and no further apart than this; clocks can be set back."""
    return one is not None and other is not None and abs(one - other) <= span


def _is_our_change(seen: Observation, acted_at: datetime | None) -> bool:
    """Whether the last change is our own action, by its time."""
    return seen.changed_at is None or within(seen.changed_at, acted_at, INTENT_LIFETIME)


def _intended(intent: Intent) -> CampaignState:
    return PAUSED if intent.action is Action.PAUSE else RUNNING


def announced(memory: Memory, action: Action, now: datetime) -> Memory:
    """The memory once an action is announced, before its request is sent."""
    return replace(memory, intent=Intent(action=action, time=now))


def accepted(memory: Memory, action: Action, now: datetime) -> Memory:
    """The memory once CXone has accepted an action: an intent becomes ownership, or the end of it."""
    paused = action is Action.PAUSE
    return replace(
        memory,
        intent=None,
        paused_by=Owner.OPERATOR if paused else None,
        manual_resume=None,
        last_state=PAUSED if paused else RUNNING,
        landed=not paused,
        acted_at=now,
        changed_at=latest(memory.changed_at, now),
        action_failures=0,
    )


def failed(memory: Memory, *, outcome_unknown: bool) -> Memory:
    """The memory once an action failed; an intent that may yet have its effect stays."""
    return replace(
        memory,
        intent=memory.intent if outcome_unknown else None,
        action_failures=memory.action_failures + 1,
    )


def latest(one: datetime | None, other: datetime | None) -> datetime | None:
    """The later of two times, of which either may be unknown."""
    return max((time for time in (one, other) if time is not None), default=None)

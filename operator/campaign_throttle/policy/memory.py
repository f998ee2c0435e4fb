"""What the policy remembers from poll to poll, and how its own actions change that."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from campaign_throttle.policy.skills import (
    DRAIN_LIFETIME,
    Skills,
    changed,
    doubted,
    owner_of,
    remembered,
    running_or_paused,
)
from campaign_throttle.resources.throttle import Action, CampaignState, Owner
from campaign_throttle.resources.throttle_status import CampaignThrottleStatus, Intent

#: An intent whose effect is not seen for this long had none; and a change of the campaign that comes this much
#: later than an intent (or earlier: clocks can be set back) is somebody else's.
INTENT_LIFETIME = timedelta(seconds=60)
RUNNING, PAUSED = CampaignState.RUNNING, CampaignState.PAUSED


@dataclass(frozen=True)
class Observation:
    """What one poll saw.

    ``agents`` is None when the count is unknown: unknown is never zero. ``state`` is UNKNOWN when the campaign
    could not be read. ``changed_at`` is when the campaign last changed, if CXone tells. ``reading`` tells counts apart:
    several polls may share one. ``skills`` are those that are controlled, where the skill is the unit that dials; the
    state is then found out from them.
    """

    agents: int | None
    state: CampaignState
    changed_at: datetime | None = None
    reading: float | None = None
    skills: Skills = ()


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
    ``seen_change`` the time of its last change that CXone told then. ``skills`` are the controlled ones, where the
    skill is the unit that dials. ``replaced`` is the open intent in whose place ``intent`` was announced.
    ``failures`` counts failed polls in a row, ``action_failures`` failed actions. The streaks, and what a restart has
    not seen yet (``fresh``), live in memory only.
    """

    paused_by: Owner | None = None
    intent: Intent | None = None
    replaced: Intent | None = None
    manual_resume: datetime | None = None
    desired: CampaignState | None = None
    last_state: CampaignState | None = None
    landed: bool = True
    seen_at: datetime | None = None
    seen_change: datetime | None = None
    acted_at: datetime | None = None
    changed_at: datetime | None = None
    skills: Skills = ()
    failures: int = 0
    action_failures: int = 0
    below: StreakMemory | None = None
    above: StreakMemory | None = None
    fresh: bool = True

    @property
    def holds(self) -> bool:
        """Whether the operator holds the campaign paused, or any skill of one that runs."""
        return self.paused_by is Owner.OPERATOR or any(skill.held for skill in self.skills)

    @classmethod
    def of_status(cls, status: CampaignThrottleStatus) -> "Memory":
        """What a status says: where a restarted operator goes on."""
        skills = remembered(status)
        # An intent is stored with the skills as they were found then; the rest of the status may be older.
        state = running_or_paused(skills) if skills else status.campaign_state
        known = state not in (None, CampaignState.UNKNOWN)
        acted_at = status.last_transition.time if status.last_transition else None
        resumed_at = status.manual_resume.time if status.manual_resume else None
        polled_at = status.last_poll_time
        return cls(
            paused_by=owner_of(skills) if skills else status.paused_by,
            intent=status.intent,
            manual_resume=resumed_at,
            desired=CampaignState(status.desired_state) if status.desired_state else None,
            last_state=state if known else PAUSED if status.paused_by else None,
            landed=status.campaign_state is not CampaignState.OTHER
            or not within(acted_at, polled_at, DRAIN_LIFETIME),
            seen_at=polled_at,
            acted_at=acted_at,
            changed_at=latest(acted_at, resumed_at),
            skills=skills,
            failures=status.consecutive_failures or 0,
        )


def announced(memory: Memory, action: Action, now: datetime) -> Memory:
    """The memory once an action is announced, before its request is sent."""
    open_intent, skills = memory.intent, memory.skills
    if open_intent is not None and (open_intent.action, action) == (Action.PAUSE, Action.RESUME):
        # The resume starts all that the pause may have stopped. The doubt must outlast the pause's intent.
        open_intent, skills = None, doubted(skills)
    return replace(memory, skills=skills, intent=Intent(action=action, time=now), replaced=open_intent)


def accepted(memory: Memory, action: Action, now: datetime, skills: Iterable[tuple[int, bool]] = ()) -> Memory:
    """The memory once CXone has accepted an action: an intent becomes ownership, or the end of it.

    ``skills`` are those that were changed, by ID, and whether each runs now.
    """
    paused = action is Action.PAUSE
    after = replace(memory, intent=None, manual_resume=None, acted_at=now, action_failures=0)
    if memory.skills:
        done = tuple(skills)
        after = replace(after, intent=Intent(action=action, time=now) if _starting(action, done) else None)
        return _with_skills(after, action, done, now)
    return replace(
        after,
        paused_by=Owner.OPERATOR if paused else None,
        last_state=PAUSED if paused else RUNNING,
        landed=not paused,
        changed_at=latest(memory.changed_at, now),
    )


def failed(memory: Memory, *, outcome_unknown: bool, skills: Iterable[tuple[int, bool]] = ()) -> Memory:
    """The memory once an announced action failed.

    An intent that may yet have its effect stays; one that was refused leaves open what was open before it.
    ``skills`` are those for which it succeeded all the same.
    """
    intent, done = memory.intent, tuple(skills)
    after = replace(memory, action_failures=memory.action_failures + 1)
    if intent is None:
        return after
    if not outcome_unknown and not _starting(intent.action, done):
        after = replace(after, intent=memory.replaced)
    return _with_skills(after, intent.action, done, intent.time)


def _starting(action: Action, done: tuple[tuple[int, bool], ...]) -> bool:
    """Whether a start was accepted that is still to be seen to work."""
    return action is Action.RESUME and not all(running for _, running in done)


def _with_skills(memory: Memory, action: Action, done: Iterable[tuple[int, bool]], now: datetime) -> Memory:
    """The memory with some skills changed.

    Only what turns the campaign is a change of it: the rest of a pause need not wait for ``minimumRunning`` again.
    """
    if not memory.skills:
        return memory
    skills = changed(memory.skills, action, done, now)
    turned = running_or_paused(skills) is not memory.last_state
    return replace(
        memory,
        skills=skills,
        paused_by=owner_of(skills),
        last_state=running_or_paused(skills),
        changed_at=latest(memory.changed_at, now) if turned else memory.changed_at,
    )


def latest(one: datetime | None, other: datetime | None) -> datetime | None:
    """The later of two times, of which either may be unknown."""
    return max((time for time in (one, other) if time is not None), default=None)


def within(one: datetime | None, other: datetime | None, span: timedelta) -> bool:
    """Whether two times are known, and no further apart than this; clocks can be set back."""
    return one is not None and other is not None and abs(one - other) <= span

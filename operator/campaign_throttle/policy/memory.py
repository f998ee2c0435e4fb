"""What the policy remembers from poll to poll, and whose a change of the campaign is."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from campaign_throttle.policy.skills import (
    DRAIN_LIFETIME,
    Skills,
    changed,
    doubted,
    owner_of,
    recognised,
    remembered,
    started,
    state_of,
    stopped_by_others,
)
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
        state = _turned(skills) if skills else status.campaign_state
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


@dataclass(frozen=True)
class Attribution:
    """Whose the observed state is.

    ``settled`` is an earlier intent that turned out to have had its effect; ``override`` is what somebody else was
    seen to have done; ``touched`` is whether a campaign that the operator holds paused was changed otherwise (renamed,
    say), which a restart must know of. ``state`` is the campaign's, which a drain makes PAUSING.
    """

    memory: Memory
    state: CampaignState
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
        return Attribution(memory, seen.state)
    if seen.state is CampaignState.OTHER and memory.skills:
        return Attribution(replace(memory, fresh=False, seen_at=now), seen.state)
    if seen.skills:
        return _attribute_skills(memory, seen, now)
    known = replace(
        memory, last_state=seen.state, fresh=False, seen_at=now, seen_change=seen.changed_at, skills=()
    )
    if seen.state is PAUSED:
        known = replace(known, landed=True)
    if memory.fresh and seen.changed_at is not None:
        # CXone tells milliseconds and ``now`` is cut to seconds: a change of this second is not one of the future.
        known = replace(known, changed_at=latest(known.changed_at, min(seen.changed_at, now)))
    intent = memory.intent
    if intent is not None and seen.state is _intended(intent):
        known = replace(known, intent=None)
        if _explains(intent, memory, seen):
            return Attribution(
                replace(accepted(known, intent.action, intent.time), landed=True), seen.state, settled=intent
            )
    elif intent is not None and not within(intent.time, now, _lifetime(seen.state)):
        known = replace(known, intent=None)  # it had no effect
    if seen.state is CampaignState.OTHER and not within(memory.acted_at, now, DRAIN_LIFETIME):
        known = replace(known, landed=True)  # too late to be on the way to our pause
    if seen.state is PAUSED and (memory.paused_by is None or _paused_anew(memory, seen, interval, now)):
        by_hand = memory.last_state is not None
        paused = replace(known, paused_by=Owner.OTHER, manual_resume=None)
        return Attribution(
            replace(paused, changed_at=now) if by_hand else paused,
            seen.state,
            override=Action.PAUSE if by_hand else None,
        )
    if seen.state is RUNNING and memory.paused_by is not None:
        if _pause_had_no_effect(memory, seen, now):
            # A stale answer, or a pause that is slow, for a minute; then one that never was.
            slow = within(memory.acted_at, now, INTENT_LIFETIME)
            return Attribution(known if slow else replace(known, paused_by=None), seen.state)
        running = replace(known, paused_by=None, manual_resume=now, changed_at=now)
        return Attribution(running, seen.state, override=Action.RESUME)
    owned = (
        seen.state is PAUSED and known.paused_by is Owner.OPERATOR and not _is_our_change(seen, memory.acted_at)
    )
    return Attribution(known, seen.state, touched=owned and seen.changed_at != memory.seen_change)


def _attribute_skills(memory: Memory, seen: Observation, now: datetime) -> Attribution:
    """The same, where each skill has an owner of its own, and CXone tells no times."""
    intent = memory.intent
    skills = recognised(memory.skills, seen.skills, intent)
    state = state_of(skills)
    known = replace(
        memory,
        skills=skills,
        paused_by=owner_of(skills),
        last_state=_turned(skills),
        manual_resume=memory.manual_resume if state is RUNNING else None,
        landed=True,
        seen_at=now,
        fresh=False,
    )
    turned = memory.last_state not in (None, known.last_state)
    settled = None
    if intent is not None and _is_done(intent, known):
        known = replace(known, intent=None)
        if _had_an_effect(intent, memory, known):
            settled = intent
            known = replace(known, acted_at=intent.time, action_failures=0)
    elif intent is not None and not within(intent.time, now, DRAIN_LIFETIME):
        known = replace(known, intent=None)  # what of it had an effect is known of each skill
    if state is RUNNING and _started_by_hand(memory, skills):
        resumed = replace(known, manual_resume=now, changed_at=now if turned else known.changed_at)
        return Attribution(resumed, state, settled, override=Action.RESUME)
    if turned and state is not RUNNING and stopped_by_others(memory.skills, skills):
        return Attribution(replace(known, changed_at=now), state, settled, override=Action.PAUSE)
    if turned and intent is not None and known.last_state is _intended(intent):
        known = replace(known, changed_at=latest(known.changed_at, intent.time))
    return Attribution(known, state, settled)


def _turned(skills: Skills) -> CampaignState:
    """Whether a campaign of such skills runs or not; one that drains calls nobody any more."""
    return RUNNING if state_of(skills) is RUNNING else PAUSED


def _is_done(intent: Intent, known: Memory) -> bool:
    """Whether nothing is left that an intent could still bring about."""
    if intent.action is Action.PAUSE:
        return known.last_state is PAUSED
    return not any(skill.held for skill in known.skills)


def _had_an_effect(intent: Intent, memory: Memory, known: Memory) -> bool:
    """Whether the campaign's turn is an intent's doing, and was not told of yet."""
    if intent.action is Action.PAUSE:
        return memory.last_state is not PAUSED and known.paused_by is Owner.OPERATOR
    return known.last_state is RUNNING and intent.time != memory.acted_at


def _started_by_hand(memory: Memory, skills: Skills) -> bool:
    """Whether somebody else undid our pause, or one of a person: all of it, or what of it was ours."""
    if memory.intent is not None and memory.intent.action is Action.RESUME:
        return False
    found = started(memory.skills, skills)
    return any(memory.paused_by is not None or skill.stopped_by is Owner.OPERATOR for skill in found)


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
    turned = _turned(skills) is not memory.last_state
    return replace(
        memory,
        skills=skills,
        paused_by=owner_of(skills),
        last_state=_turned(skills),
        changed_at=latest(memory.changed_at, now) if turned else memory.changed_at,
    )


def latest(one: datetime | None, other: datetime | None) -> datetime | None:
    """The later of two times, of which either may be unknown."""
    return max((time for time in (one, other) if time is not None), default=None)

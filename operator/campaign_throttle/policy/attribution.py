"""Whose a change of the campaign is: the operator's own, or somebody else's."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from campaign_throttle.policy.memory import (
    INTENT_LIFETIME,
    PAUSED,
    RUNNING,
    Memory,
    Observation,
    accepted,
    latest,
    within,
)
from campaign_throttle.policy.skills import (
    DRAIN_LIFETIME,
    Skills,
    owner_of,
    recognised,
    running_or_paused,
    started,
    state_of,
    stopped_by_others,
)
from campaign_throttle.resources.throttle import Action, CampaignState, Owner
from campaign_throttle.resources.throttle_status import Intent


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
        last_state=running_or_paused(skills),
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


def _is_our_change(seen: Observation, acted_at: datetime | None) -> bool:
    """Whether the last change is our own action, by its time."""
    return seen.changed_at is None or within(seen.changed_at, acted_at, INTENT_LIFETIME)


def _intended(intent: Intent) -> CampaignState:
    return PAUSED if intent.action is Action.PAUSE else RUNNING

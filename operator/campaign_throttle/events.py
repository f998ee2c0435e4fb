"""Kubernetes Events: posted when something turns, never for each poll."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from campaign_throttle.outcome import Outcome
from campaign_throttle.policy import Memory
from campaign_throttle.resources.behaviour import ManualOverride
from campaign_throttle.resources.condition import MESSAGE_LENGTH, Condition, find
from campaign_throttle.resources.throttle import Action, CampaignThrottleSpec
from campaign_throttle.resources.throttle_status import CampaignThrottleStatus, Transition

#: Condition reasons that are Events of their own, since a person must act on them.
_OWN_EVENTS = {"CampaignConflict", "CampaignNotFound", "CredentialsRejected", "Forbidden", "InvalidSpec"}
#: So many changes in so many intervals are too many.
FLAPPING_TRANSITIONS, FLAPPING_INTERVALS = 4, 10


@dataclass(frozen=True)
class Event:
    """One Kubernetes Event to be posted."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


def events(previous: CampaignThrottleStatus, current: CampaignThrottleStatus, outcome: Outcome) -> list[Event]:
    """The Events that the step from one status to the next is worth. Pure."""
    found = [*_actions(previous, current, outcome), *_polls(previous, current, outcome)]
    return [Event(event.type, event.reason, event.message[:MESSAGE_LENGTH]) for event in found]


def _actions(
    previous: CampaignThrottleStatus, current: CampaignThrottleStatus, outcome: Outcome
) -> Iterator[Event]:
    spec, decision = outcome.spec, outcome.decision
    if spec is None:
        return
    campaign = f"campaign {spec.campaign_id}"
    seen = "an unknown number of agents" if outcome.agents is None else f"{outcome.agents} agents"
    made = [step for step in current.history or () if step not in (previous.history or ())]
    for transition in reversed(made):
        yield _transition(campaign, seen, transition, outcome)
    if made and _flapping(current, outcome.effective_interval or spec.interval):
        yield Event(
            "Warning",
            "Flapping",
            f"{campaign} changed {FLAPPING_TRANSITIONS} times in {FLAPPING_INTERVALS} intervals: raise the "
            "distance of the thresholds, stabilization, minimumRunning or minimumPaused",
        )
    if decision.override is Action.PAUSE:
        yield Event(
            "Normal",
            "OverrideDetected",
            f"{campaign}: Running → Paused by somebody else, with {seen} available; "
            + _consequence(outcome, paused=True),
        )
    elif decision.override is Action.RESUME:
        yield Event(
            "Normal",
            "OverrideDetected",
            f"{campaign}: Paused → Running by somebody else, with {seen} available; "
            + _consequence(outcome, paused=False),
        )
    if decision.would is not None:
        paused = decision.would is Action.PAUSE
        yield Event(
            "Normal",
            "WouldPause" if paused else "WouldResume",
            f"{campaign} would be {'paused' if paused else 'resumed'}: {_because(decision.reason, seen, outcome)}",
        )
    for skill in outcome.scheduled:
        yield Event(
            "Warning",
            "SkillScheduled",
            f"{campaign}: skill {skill} has a schedule of its own in CXone, which starts and stops it beside the "
            "operator: remove it there, and use spec.schedule",
        )
    if outcome.action_error is not None and decision.memory.action_failures == 1:
        action = decision.action.value.lower() if decision.action else "change"
        yield Event("Warning", "ActionFailed", f"{campaign}: {action} failed: {outcome.action_error}")


def left_behind(spec: CampaignThrottleSpec, memory: Memory) -> Event | None:
    """The Event that a pause of the operator stays behind with a throttle's former tenant; None if none does."""
    if not memory.holds and memory.intent is None:
        return None
    return Event(
        "Warning",
        "ResumeAbandoned",
        f"campaign {spec.campaign_id} of the former tenant stays as it is, since the throttle's tenant is another now: "
        "resume it in CXone",
    )


def _consequence(outcome: Outcome, *, paused: bool) -> str:
    assert outcome.spec is not None
    if outcome.spec.manual_override is ManualOverride.ENFORCE:
        return "the thresholds decide alone (manualOverride Enforce)"
    if paused:
        return "the operator does not resume what it didn't pause"
    return f"respected until {outcome.spec.resume_threshold} (resumeThreshold) are available"


def _transition(campaign: str, seen: str, transition: Transition, outcome: Outcome) -> Event:
    assert outcome.spec is not None
    paused = transition.to == "Paused"
    change = "Running → Paused" if paused else "Paused → Running"
    why = _because(transition.reason, seen, outcome)
    return Event("Normal", "CampaignPaused" if paused else "CampaignResumed", f"{campaign}: {change}: {why}")


def _because(reason: str, seen: str, outcome: Outcome) -> str:
    """Why a campaign was changed, or would be, for a person."""
    assert outcome.spec is not None
    return {
        "BelowPauseThreshold": f"{seen} available, fewer than {outcome.spec.pause_threshold} (pauseThreshold)",
        "AtResumeThreshold": f"{seen} available, at least {outcome.spec.resume_threshold} (resumeThreshold)",
        "OutsideSchedule": "outside its calling hours (schedule)",
        "Fallback": f"the number of agents is unknown for {outcome.failure_threshold} polls in a row (fallback)",
        "IntentSettled": "announced earlier, and now seen to have been done",
    }.get(reason, reason)


def _flapping(current: CampaignThrottleStatus, interval: timedelta) -> bool:
    history = current.history or []
    return (
        len(history) >= FLAPPING_TRANSITIONS
        and history[0].time - history[FLAPPING_TRANSITIONS - 1].time <= FLAPPING_INTERVALS * interval
    )


def _polls(previous: CampaignThrottleStatus, current: CampaignThrottleStatus, outcome: Outcome) -> Iterator[Event]:
    before, now = _ready(previous), _ready(current)
    if now is not None and now.reason in _OWN_EVENTS and (before is None or before.reason != now.reason):
        yield Event("Warning", now.reason, now.message)
    if not outcome.polled or outcome.spec is None:
        return
    failures, failed_before = current.consecutive_failures or 0, previous.consecutive_failures or 0
    threshold, campaign = outcome.failure_threshold, f"campaign {outcome.spec.campaign_id}"
    error = outcome.error
    if error is not None and not failed_before and error.reason not in _OWN_EVENTS:
        yield Event("Warning", "PollFailed", f"{error.reason}: {error}")
    if error is not None and failed_before < threshold <= failures:
        yield Event(
            "Warning",
            "FallbackActivated",
            f"{threshold} polls in a row failed ({error.reason}): {campaign} is under fallback "
            f"{outcome.spec.fallback.action.value}",
        )
    if error is None and failed_before:
        yield Event("Normal", "PollRecovered", f"CXone answers again after {failed_before} failed polls")
    if error is None and failed_before >= threshold:
        yield Event("Normal", "FallbackEnded", f"{campaign} is controlled again")


def _ready(status: CampaignThrottleStatus) -> Condition | None:
    return find(status.conditions, "Ready")

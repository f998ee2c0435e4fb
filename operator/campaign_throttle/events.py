"""Kubernetes Events: posted when something turns, never for each poll."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from campaign_throttle.policy import FAILURE_THRESHOLD
from campaign_throttle.resources.throttle import (
    MESSAGE_LENGTH,
    Action,
    CampaignThrottleStatus,
    Condition,
    Transition,
)
from campaign_throttle.status import Outcome

#: Condition reasons that are Events of their own, since a person must act on them.
_OWN_EVENTS = {"CampaignNotFound", "CredentialsRejected", "Forbidden", "InvalidSpec"}


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
    if current.last_transition is not None and current.last_transition != previous.last_transition:
        yield _transition(campaign, seen, current.last_transition, outcome)
    if decision.override is Action.PAUSE:
        yield Event(
            "Normal",
            "OverrideDetected",
            f"{campaign}: Running → Paused by somebody else, with {seen} available; "
            "the operator does not resume what it didn't pause",
        )
    elif decision.override is Action.RESUME:
        yield Event(
            "Normal",
            "OverrideDetected",
            f"{campaign}: Paused → Running by somebody else, with {seen} available; "
            f"respected until {spec.resume_threshold} (resumeThreshold) are available",
        )
    if decision.would is Action.PAUSE:
        yield Event(
            "Normal",
            "WouldPause",
            f"{campaign} would be paused: {seen} available, fewer than {spec.pause_threshold} (pauseThreshold)",
        )
    elif decision.would is Action.RESUME:
        yield Event(
            "Normal",
            "WouldResume",
            f"{campaign} would be resumed: {seen} available, at least {spec.resume_threshold} (resumeThreshold)",
        )
    if outcome.action_error is not None and decision.memory.action_failures == 1:
        action = decision.action.value.lower() if decision.action else "change"
        yield Event("Warning", "ActionFailed", f"{campaign}: {action} failed: {outcome.action_error}")


def _transition(campaign: str, seen: str, transition: Transition, outcome: Outcome) -> Event:
    assert outcome.spec is not None
    if outcome.done is None:
        paused = transition.to == "Paused"
        return Event(
            "Normal",
            "CampaignPaused" if paused else "CampaignResumed",
            f"{campaign}: the {'pause' if paused else 'resume'} that was under way before is confirmed by CXone",
        )
    if transition.to == "Paused":
        return Event(
            "Normal",
            "CampaignPaused",
            f"{campaign}: Running → Paused: {seen} available, fewer than "
            f"{outcome.spec.pause_threshold} (pauseThreshold)",
        )
    return Event(
        "Normal",
        "CampaignResumed",
        f"{campaign}: Paused → Running: {seen} available, at least "
        f"{outcome.spec.resume_threshold} (resumeThreshold)",
    )


def _polls(previous: CampaignThrottleStatus, current: CampaignThrottleStatus, outcome: Outcome) -> Iterator[Event]:
    before, now = _ready(previous), _ready(current)
    if now is not None and now.reason in _OWN_EVENTS and (before is None or before.reason != now.reason):
        yield Event("Warning", now.reason, now.message)
    if outcome.invalid is not None or outcome.spec is None or outcome.spec.suspend:
        return
    failures, failed_before = current.consecutive_failures or 0, previous.consecutive_failures or 0
    error = outcome.error
    if error is not None and not failed_before and error.reason not in _OWN_EVENTS:
        yield Event("Warning", "PollFailed", f"{error.reason}: {error}")
    if error is not None and failed_before < FAILURE_THRESHOLD <= failures:
        yield Event(
            "Warning",
            "FallbackActivated",
            f"{FAILURE_THRESHOLD} polls in a row failed ({error.reason}): "
            f"campaign {outcome.spec.campaign_id} is held as it is",
        )
    if error is None and failed_before:
        yield Event("Normal", "PollRecovered", f"CXone answers again after {failed_before} failed polls")
    if error is None and failed_before >= FAILURE_THRESHOLD:
        yield Event("Normal", "FallbackEnded", f"campaign {outcome.spec.campaign_id} is controlled again")


def _ready(status: CampaignThrottleStatus) -> Condition | None:
    return next((found for found in status.conditions or () if found.type == "Ready"), None)

"""The one place that makes a status: what a poll saw and did becomes fields and conditions."""

from datetime import timedelta
from typing import Any

from campaign_throttle.conditions import conditions
from campaign_throttle.outcome import Outcome
from campaign_throttle.resources.throttle import (
    HISTORY_LENGTH,
    Action,
    CampaignThrottleStatus,
    ManualResume,
    Transition,
)


def build(previous: CampaignThrottleStatus, outcome: Outcome) -> CampaignThrottleStatus:
    """The status after a poll. Pure; its fields fit the schema whatever CXone sent."""
    memory = outcome.decision.memory
    transition = _transition(outcome)
    polled = outcome.polled
    history = previous.history or []
    return previous.model_copy(
        update={
            "observed_generation": outcome.generation,
            "available_agents": previous.available_agents if outcome.agents is None else outcome.agents,
            "campaign_state": outcome.state if polled else previous.campaign_state,
            "campaign_name": previous.campaign_name if outcome.campaign_name is None else outcome.campaign_name,
            "desired_state": outcome.decision.desired.value if outcome.decision.desired else None,
            "paused_by": memory.paused_by,
            "intent": memory.intent,
            "last_transition": transition or previous.last_transition,
            "history": [transition, *history][:HISTORY_LENGTH] if transition else previous.history,
            "consecutive_failures": memory.failures if polled else previous.consecutive_failures,
            "manual_resume": ManualResume(time=memory.manual_resume) if memory.manual_resume else None,
            "effective_interval": outcome.effective_interval,
            "last_poll_time": outcome.now if polled else previous.last_poll_time,
            "last_handled_reconcile_at": outcome.reconcile_at or previous.last_handled_reconcile_at,
            "conditions": conditions(previous, outcome),
        }
    )


def _transition(outcome: Outcome) -> Transition | None:
    settled = outcome.decision.settled
    if outcome.done is not None:
        action, time, reason = outcome.done, outcome.now, outcome.decision.reason
    elif settled is not None:
        action, time, reason = settled.action, settled.time, "IntentSettled"
    else:
        return None
    return Transition(
        time=time,
        to="Paused" if action is Action.PAUSE else "Running",
        reason=reason,
        available_agents=outcome.agents,
    )


def is_worth_writing(
    previous: CampaignThrottleStatus,
    current: CampaignThrottleStatus,
    heartbeat: timedelta,
    failure_threshold: int,
) -> bool:
    """Whether a status says anything new; the mere time of a poll is news only once per heartbeat."""
    quiet = {"last_poll_time": previous.last_poll_time}
    if min(previous.consecutive_failures or 0, current.consecutive_failures or 0) >= failure_threshold:
        quiet["consecutive_failures"] = previous.consecutive_failures  # type: ignore[assignment]
    if current.model_copy(update=quiet) != previous:
        return True
    last = previous.last_poll_time
    return current.last_poll_time is not None and (last is None or current.last_poll_time - last >= heartbeat)


def dump(status: CampaignThrottleStatus) -> dict[str, Any]:
    """The status as Kubernetes stores it: camelCase, nothing that is absent."""
    return status.model_dump(mode="json", by_alias=True, exclude_none=True)


def merge_patch(old: dict[str, Any] | None, new: dict[str, Any]) -> dict[str, Any]:
    """The JSON merge patch (RFC 7386) that turns one status into another.

    ``old`` is None if what the API server holds is unknown; then the patch says everything.
    """
    if old is None:
        old = {field.alias or name: None for name, field in CampaignThrottleStatus.model_fields.items()}
        return old | new
    patch: dict[str, Any] = {key: None for key in old if key not in new}
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(old.get(key), dict):
            if inner := merge_patch(old[key], value):
                patch[key] = inner
        elif key not in old or old[key] != value:
            patch[key] = value
    return patch

"""The one place that makes a status: what a poll saw and did becomes fields and conditions."""

from datetime import datetime, timedelta
from typing import Any, Literal

from campaign_throttle import policy
from campaign_throttle.conditions import conditions
from campaign_throttle.outcome import Outcome
from campaign_throttle.resources.throttle import Action
from campaign_throttle.resources.throttle_status import (
    HISTORY_LENGTH,
    CampaignThrottleStatus,
    ManualResume,
    Transition,
)


def build(previous: CampaignThrottleStatus, outcome: Outcome) -> CampaignThrottleStatus:
    """The status after a poll. Pure; its fields fit the schema whatever CXone sent."""
    memory = outcome.decision.memory
    transitions = _transitions(outcome)
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
            "skills": policy.reported(memory.skills),
            "tenant_digest": outcome.tenant_digest or previous.tenant_digest,
            "last_transition": transitions[0] if transitions else previous.last_transition,
            "history": [*transitions, *history][:HISTORY_LENGTH] if transitions else previous.history,
            "consecutive_failures": memory.failures if polled else previous.consecutive_failures and 0,
            "manual_resume": ManualResume(time=memory.manual_resume) if memory.manual_resume else None,
            "effective_interval": outcome.effective_interval,
            "last_poll_time": outcome.now if polled else previous.last_poll_time,
            "last_handled_reconcile_at": previous.last_handled_reconcile_at
            if outcome.reconcile_at is None
            else outcome.reconcile_at,
            "conditions": conditions(previous, outcome),
        }
    )


def _transitions(outcome: Outcome) -> list[Transition]:
    """The changes of the campaign that this poll made, or found to have been made; newest first."""
    found = []
    # A stop that is sent again to a skill that drains for too long changes nothing.
    if outcome.done is not None and not outcome.repeated:
        found.append(_transition(outcome.done.action, outcome.done.time, outcome.decision.reason, outcome.agents))
    if (settled := outcome.decision.settled) is not None:
        found.append(_transition(settled.action, settled.time, "IntentSettled", None))
    return found


def _transition(action: Action, time: datetime, reason: str, agents: int | None) -> Transition:
    to: Literal["Paused", "Running"] = "Paused" if action is Action.PAUSE else "Running"
    return Transition(time=time, to=to, reason=reason, available_agents=agents)


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
    return current.last_poll_time is not None and (last is None or abs(current.last_poll_time - last) >= heartbeat)


def dump(status: CampaignThrottleStatus) -> dict[str, Any]:
    """The status as Kubernetes stores it: camelCase, nothing that is absent."""
    return status.model_dump(mode="json", by_alias=True, exclude_none=True)

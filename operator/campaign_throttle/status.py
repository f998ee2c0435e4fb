"""The one place that makes a status: what a poll saw and did becomes fields, conditions and Events."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from campaign_throttle.cxone.errors import CXoneError
from campaign_throttle.policy import FAILURE_THRESHOLD, Decision
from campaign_throttle.resources.throttle import (
    HISTORY_LENGTH,
    MESSAGE_LENGTH,
    Action,
    CampaignState,
    CampaignThrottleSpec,
    CampaignThrottleStatus,
    Condition,
    ManualResume,
    Mode,
    Owner,
    Transition,
)

ConditionStatus = Literal["True", "False", "Unknown"]


@dataclass(frozen=True)
class Outcome:
    """Everything that is known after one poll of a throttle.

    ``agents`` and ``campaign`` tell of what was read or why not; ``done`` is an action that CXone accepted,
    ``action_error`` why one failed. ``invalid`` says what is wrong with a spec that could not be used at all.
    """

    generation: int
    now: datetime
    decision: Decision
    spec: CampaignThrottleSpec | None
    campaign_name: str | None = None
    campaign_word: str = ""
    agents: int | None = None
    agents_error: CXoneError | None = None
    campaign_error: CXoneError | None = None
    done: Action | None = None
    action_error: CXoneError | None = None
    invalid: str | None = None
    state: CampaignState = CampaignState.UNKNOWN
    effective_interval: timedelta | None = None
    reconcile_at: str | None = None

    @property
    def error(self) -> CXoneError | None:
        """What made the poll fail; the one that only a person can mend first."""
        errors = [error for error in (self.campaign_error, self.agents_error) if error is not None]
        return next((error for error in errors if error.permanent), errors[0] if errors else None)


@dataclass(frozen=True)
class _Verdict:
    """A condition before it meets the one of the previous status."""

    type: str
    status: ConditionStatus
    reason: str
    message: str


def build(previous: CampaignThrottleStatus, outcome: Outcome) -> CampaignThrottleStatus:
    """The status after a poll. Pure; its fields fit the schema whatever CXone sent."""
    memory = outcome.decision.memory
    transition = _transition(outcome)
    polled = outcome.invalid is None and not (outcome.spec and outcome.spec.suspend)
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
            "conditions": _conditions(previous, outcome),
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


# Conditions


def _conditions(previous: CampaignThrottleStatus, outcome: Outcome) -> list[Condition]:
    before = {condition.type: condition for condition in previous.conditions or ()}
    ready = _ready(before.get("Ready"), outcome)
    verdicts = [ready, *_progress(ready, outcome)]
    verdicts += [
        _agents_observed(before.get("AgentsObserved"), outcome),
        _campaign_synced(outcome),
        _throttled(outcome),
        _fallback_active(outcome),
    ]
    return [_condition(before.get(verdict.type), verdict, outcome) for verdict in verdicts]


def _condition(before: Condition | None, verdict: _Verdict, outcome: Outcome) -> Condition:
    unchanged = before is not None and before.status == verdict.status
    return Condition(
        type=verdict.type,
        status=verdict.status,
        reason=verdict.reason,
        message=verdict.message[:MESSAGE_LENGTH],
        observed_generation=outcome.generation,
        last_transition_time=before.last_transition_time if before is not None and unchanged else outcome.now,
    )


def _ready(before: Condition | None, outcome: Outcome) -> _Verdict:
    if outcome.invalid is not None:
        return _Verdict("Ready", "False", "InvalidSpec", outcome.invalid)
    assert outcome.spec is not None
    if outcome.spec.suspend:
        return _Verdict(
            "Ready", "True", "Suspended", "spec.suspend is true: CXone is neither polled nor acted upon"
        )
    memory = outcome.decision.memory
    if outcome.error is not None:
        return _not_ready(before, outcome, outcome.error, outcome.error.reason, memory.failures)
    if outcome.action_error is not None:
        error = outcome.action_error
        reason = error.reason if error.permanent else "ActionFailed"
        return _not_ready(before, outcome, error, reason, memory.action_failures)
    return _ready_and_fresh(outcome)


def _not_ready(
    before: Condition | None, outcome: Outcome, error: CXoneError, reason: str, failures: int
) -> _Verdict:
    """False at once for what only a person can mend; what may pass leaves Ready as it was for a while."""
    of_this_spec = before if before is not None and before.observed_generation == outcome.generation else None
    lasting = error.permanent or failures >= FAILURE_THRESHOLD
    if of_this_spec is not None and not lasting and of_this_spec.status == "True":
        if of_this_spec.reason != "Suspended":
            return _Verdict("Ready", "True", of_this_spec.reason, of_this_spec.message)
        of_this_spec = None
    known = lasting or (of_this_spec is not None and of_this_spec.status == "False")
    return _Verdict("Ready", "False" if known else "Unknown", reason, str(error))


def _ready_and_fresh(outcome: Outcome) -> _Verdict:
    assert outcome.spec is not None
    spec, decision = outcome.spec, outcome.decision
    if decision.reason == "NotControllable":
        return _Verdict(
            "Ready",
            "True",
            "NotControllable",
            f"campaign {spec.campaign_id} is neither running nor paused but {outcome.campaign_word}: "
            "it is left as it is",
        )
    return _Verdict(
        "Ready",
        "True",
        "Observing" if spec.mode is Mode.OBSERVE else "Controlling",
        f"campaign {spec.campaign_id} is {outcome.state.value} with {outcome.agents} agents available: "
        + _explanation(outcome),
    )


def _explanation(outcome: Outcome) -> str:
    """Why the campaign is as it is, for a person."""
    assert outcome.spec is not None
    spec, decision = outcome.spec, outcome.decision
    match decision.reason:
        case "ManualResume":
            return f"somebody resumed it, which is respected until {spec.resume_threshold} agents are available"
        case "PausedByOther":
            return "somebody else paused it, so it is not resumed by the operator"
    if decision.memory.paused_by is Owner.OPERATOR:
        return f"paused by the operator until {spec.resume_threshold} are available"
    if outcome.state is CampaignState.PAUSED:
        return "paused by somebody else"
    return f"paused when fewer than {spec.pause_threshold} are available"


def _progress(ready: _Verdict, outcome: Outcome) -> Iterator[_Verdict]:
    """Reconciling or Stalled (kstatus): present only while true, and never both."""
    error = outcome.error or outcome.action_error
    if outcome.invalid is not None or (error is not None and error.permanent):
        yield _Verdict("Stalled", "True", ready.reason, ready.message)
    elif error is not None and ready.status != "True":
        yield _Verdict("Reconciling", "True", "ProgressingWithRetry", str(error))


def _agents_observed(before: Condition | None, outcome: Outcome) -> _Verdict:
    if outcome.agents is not None:
        return _Verdict("AgentsObserved", "True", "AgentsCounted", "every page of agents was read")
    if outcome.agents_error is not None:
        return _Verdict("AgentsObserved", "False", outcome.agents_error.reason, str(outcome.agents_error))
    if before is not None:
        return _Verdict("AgentsObserved", before.status, before.reason, before.message)
    return _Verdict("AgentsObserved", "Unknown", "NotPolled", "CXone was not polled yet")


def _campaign_synced(outcome: Outcome) -> _Verdict:
    desired = outcome.decision.desired
    if desired is None:
        return _Verdict(
            "CampaignSynced",
            "True",
            outcome.decision.reason,
            "the policy has no opinion: the campaign is left as it is",
        )
    if desired is outcome.state:
        return _Verdict("CampaignSynced", "True", "InDesiredState", f"the campaign is {desired.value} as desired")
    if outcome.action_error is not None:
        return _Verdict("CampaignSynced", "False", "ActionFailed", str(outcome.action_error))
    observing = outcome.spec is not None and outcome.spec.mode is Mode.OBSERVE
    return _Verdict(
        "CampaignSynced",
        "False",
        "Observing" if observing else outcome.decision.reason,
        f"the campaign is {outcome.state.value}, desired is {desired.value}",
    )


def _throttled(outcome: Outcome) -> _Verdict:
    if outcome.decision.memory.paused_by is Owner.OPERATOR:
        return _Verdict("Throttled", "True", "PausedByOperator", "the operator holds the campaign paused")
    return _Verdict("Throttled", "False", "NotPausedByOperator", "the operator does not hold the campaign paused")


def _fallback_active(outcome: Outcome) -> _Verdict:
    if outcome.error is not None and outcome.decision.memory.failures >= FAILURE_THRESHOLD:
        return _Verdict(
            "FallbackActive",
            "True",
            outcome.error.reason,
            f"at least {FAILURE_THRESHOLD} polls in a row failed: the campaign is held as it is",
        )
    return _Verdict("FallbackActive", "False", "Polling", f"fewer than {FAILURE_THRESHOLD} polls in a row failed")


# What to write


def is_worth_writing(
    previous: CampaignThrottleStatus, current: CampaignThrottleStatus, heartbeat: timedelta
) -> bool:
    """Whether a status says anything new; the mere time of a poll is news only once per heartbeat."""
    quiet = {"last_poll_time": previous.last_poll_time}
    if min(previous.consecutive_failures or 0, current.consecutive_failures or 0) >= FAILURE_THRESHOLD:
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

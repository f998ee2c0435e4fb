"""The conditions of a throttle: what an outcome means to kstatus, Flux, Argo CD and people."""

from collections.abc import Iterator

from campaign_throttle.cxone.errors import CXoneError
from campaign_throttle.outcome import Outcome
from campaign_throttle.resources.behaviour import FallbackAction
from campaign_throttle.resources.condition import Condition, Verdict, find
from campaign_throttle.resources.throttle import CampaignState, Mode, Owner
from campaign_throttle.resources.throttle_status import CampaignThrottleStatus


def conditions(previous: CampaignThrottleStatus, outcome: Outcome) -> list[Condition]:
    """All conditions, in their order: Ready, Reconciling or Stalled, the rest. Pure."""
    ready = _ready(find(previous.conditions, "Ready"), outcome)
    verdicts = [ready, *_progress(ready, outcome)]
    verdicts += [
        _agents_observed(find(previous.conditions, "AgentsObserved"), outcome),
        _campaign_synced(outcome),
        _throttled(outcome),
        _fallback_active(outcome),
    ]
    return [
        verdict.after(previous.conditions, generation=outcome.generation, now=outcome.now) for verdict in verdicts
    ]


def _ready(before: Condition | None, outcome: Outcome) -> Verdict:
    if outcome.refusal is not None:
        return Verdict("Ready", "False", outcome.refusal.reason, outcome.refusal.message)
    assert outcome.spec is not None
    if outcome.suspended_by is not None:
        return Verdict(
            "Ready", "True", "Suspended", f"{outcome.suspended_by}: CXone is neither polled nor acted upon"
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
) -> Verdict:
    """False at once for what only a person can mend; what may pass leaves Ready as it was for a while."""
    of_this_spec = before if before is not None and before.observed_generation == outcome.generation else None
    lasting = outcome.is_stalled(error) or failures >= outcome.failure_threshold
    if of_this_spec is not None and not lasting and of_this_spec.status == "True":
        if of_this_spec.reason != "Suspended":
            return Verdict("Ready", "True", of_this_spec.reason, of_this_spec.message)
        of_this_spec = None
    known = lasting or (of_this_spec is not None and of_this_spec.status == "False")
    return Verdict("Ready", "False" if known else "Unknown", reason, str(error))


def _ready_and_fresh(outcome: Outcome) -> Verdict:
    assert outcome.spec is not None
    spec, decision = outcome.spec, outcome.decision
    if decision.reason == "NotControllable":
        return Verdict(
            "Ready",
            "True",
            "NotControllable",
            f"campaign {spec.campaign_id} is neither running nor paused but {outcome.campaign_word}: "
            "it is left as it is",
        )
    observing = spec.mode is Mode.OBSERVE
    if decision.reason == "OutsideSchedule":
        seen = "outside its calling hours"
    else:
        seen = f"with {outcome.agents} agents available"
    return Verdict(
        "Ready",
        "True",
        "Observing" if observing else "OutsideSchedule" if decision.reason == "OutsideSchedule" else "Controlling",
        f"campaign {spec.campaign_id} is {outcome.state.value} {seen}: "
        + (_observed(outcome) if observing else _explanation(outcome))
        + _of_skills(outcome),
    )


def _of_skills(outcome: Outcome) -> str:
    """Which of the campaign's skills are controlled, and which are not and why (ACD)."""
    skills = ", ".join(str(skill.id) for skill in outcome.decision.memory.skills if skill.controlled)
    controlled = f"; skills {skills}" if skills else ""
    return controlled + (f"; left out: {', '.join(outcome.left_out)}" if outcome.left_out else "")


def _observed(outcome: Outcome) -> str:
    """What would be, in Observe mode."""
    desired = outcome.decision.desired
    if desired is None or desired is outcome.state:
        return "nothing would be done"
    return f"it would be brought to {desired.value}, but is only observed"


def _explanation(outcome: Outcome) -> str:
    """Why the campaign is as it is, for a person."""
    assert outcome.spec is not None
    spec, decision = outcome.spec, outcome.decision
    match decision.reason:
        case "ManualResume":
            return f"somebody resumed it, which is respected until {spec.resume_threshold} agents are available"
        case "PausedByOther":
            return "somebody else paused it, so it is not resumed by the operator"
        case "OutsideSchedule":
            return "held paused" if decision.desired is not None else "left as it is"
        case "Stabilizing":
            return "no change until the count was long enough on this side of the threshold (stabilization)"
        case "MinimumRunning" | "MinimumPaused":
            return f"no change so soon after the last one ({decision.reason[0].lower()}{decision.reason[1:]})"
    if decision.memory.paused_by is Owner.OPERATOR:
        return f"paused by the operator until {spec.resume_threshold} are available"
    if outcome.state is CampaignState.PAUSED:
        return "paused by somebody else"
    return f"paused when fewer than {spec.pause_threshold} are available"


def _progress(ready: Verdict, outcome: Outcome) -> Iterator[Verdict]:
    """Reconciling or Stalled (kstatus): present only while true, and never both."""
    error = outcome.error or outcome.action_error
    if outcome.refusal is not None or (error is not None and outcome.is_stalled(error)):
        yield Verdict("Stalled", "True", ready.reason, ready.message)
    elif error is not None and ready.status != "True":
        yield Verdict("Reconciling", "True", "ProgressingWithRetry", str(error))


def _agents_observed(before: Condition | None, outcome: Outcome) -> Verdict:
    if outcome.agents is not None:
        return Verdict("AgentsObserved", "True", "AgentsCounted", "every page of agents was read")
    if outcome.agents_error is not None:
        return Verdict("AgentsObserved", "False", outcome.agents_error.reason, str(outcome.agents_error))
    if before is not None:
        return Verdict("AgentsObserved", before.status, before.reason, before.message)
    return Verdict("AgentsObserved", "Unknown", "NotPolled", "CXone was not polled yet")


def _campaign_synced(outcome: Outcome) -> Verdict:
    desired = outcome.decision.desired
    if desired is None:
        return Verdict(
            "CampaignSynced",
            "True",
            outcome.refusal.reason if outcome.refusal else outcome.decision.reason,
            "the policy has no opinion: the campaign is left as it is",
        )
    if outcome.action_error is not None:
        return Verdict("CampaignSynced", "False", "ActionFailed", str(outcome.action_error))
    if desired is outcome.state:
        return Verdict("CampaignSynced", "True", "InDesiredState", f"the campaign is {desired.value} as desired")
    if outcome.state is CampaignState.PAUSING and desired is CampaignState.PAUSED:
        return Verdict(
            "CampaignSynced",
            "False",
            outcome.decision.draining or "Draining",
            "no new calls are made; skills run until their agents have ended the present ones",
        )
    observing = outcome.spec is not None and outcome.spec.mode is Mode.OBSERVE
    return Verdict(
        "CampaignSynced",
        "False",
        "Observing" if observing else outcome.decision.reason,
        f"the campaign is {outcome.state.value}, desired is {desired.value}",
    )


def _throttled(outcome: Outcome) -> Verdict:
    if outcome.decision.memory.paused_by is Owner.OPERATOR:
        return Verdict("Throttled", "True", "PausedByOperator", "the operator holds the campaign paused")
    return Verdict("Throttled", "False", "NotPausedByOperator", "the operator does not hold the campaign paused")


def _fallback_active(outcome: Outcome) -> Verdict:
    threshold = outcome.failure_threshold
    if outcome.polled and outcome.error is not None and outcome.decision.fallback:
        pause = outcome.spec is not None and outcome.spec.fallback.action is FallbackAction.PAUSE
        return Verdict(
            "FallbackActive",
            "True",
            outcome.error.reason,
            f"at least {threshold} polls in a row failed: the campaign is "
            + ("paused, as far as it can be" if pause else "held as it is"),
        )
    return Verdict("FallbackActive", "False", "Polling", f"fewer than {threshold} polls in a row failed")

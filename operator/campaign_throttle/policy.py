"""The decision: what should happen to a campaign, given what was declared, remembered and seen.

Pure: no I/O, and the time comes in as an argument. The rules are numbered as in the API's contract
(docs/concepts.md). Everything that must survive a restart is in the :class:`Memory`, which is made from the
resource's status.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from campaign_throttle.resources.throttle import (
    Action,
    CampaignState,
    CampaignThrottleSpec,
    CampaignThrottleStatus,
    Intent,
    Mode,
    Owner,
)

#: An intent whose effect is not seen for this long had none; and a change of the campaign that comes this much
#: later than an intent is somebody else's.
INTENT_LIFETIME = timedelta(seconds=60)
#: Failed polls in a row from which on the fallback (hold) is in force and Ready turns False.
FAILURE_THRESHOLD = 3

RUNNING, PAUSED = CampaignState.RUNNING, CampaignState.PAUSED


@dataclass(frozen=True)
class Observation:
    """What one poll saw.

    ``agents`` is None when the count is unknown: unknown is never zero. ``state`` is UNKNOWN when the campaign
    could not be read. ``changed_at`` is when the campaign last changed, if CXone tells.
    """

    agents: int | None
    state: CampaignState
    changed_at: datetime | None = None


@dataclass(frozen=True)
class Memory:
    """What the policy remembers from poll to poll.

    ``paused_by`` is whose the pause is, and says by itself that the campaign was last seen paused.
    ``desired`` is the policy's last opinion, which it keeps between the thresholds. ``changed_at`` is when the
    operator last changed the campaign. ``failures`` counts failed polls in a row, ``action_failures`` failed
    actions.
    """

    paused_by: Owner | None = None
    intent: Intent | None = None
    manual_resume: datetime | None = None
    desired: CampaignState | None = None
    last_state: CampaignState | None = None
    changed_at: datetime | None = None
    failures: int = 0
    action_failures: int = 0

    @classmethod
    def of_status(cls, status: CampaignThrottleStatus) -> "Memory":
        """What a status says: where a restarted operator goes on."""
        known = status.campaign_state not in (None, CampaignState.UNKNOWN)
        return cls(
            paused_by=status.paused_by,
            intent=status.intent,
            manual_resume=status.manual_resume.time if status.manual_resume else None,
            desired=CampaignState(status.desired_state) if status.desired_state else None,
            last_state=status.campaign_state if known else PAUSED if status.paused_by else None,
            changed_at=status.last_transition.time if status.last_transition else None,
            failures=status.consecutive_failures or 0,
        )


@dataclass(frozen=True)
class Decision:
    """What to do, and why.

    ``action`` is what must be done now; ``would`` is what Observe mode would have done, once per change of mind.
    ``desired`` is the state that the policy wants, None while it has no opinion. ``settled`` is an earlier intent
    that turned out to have had its effect; ``override`` is what somebody else was seen to have done.
    """

    reason: str
    memory: Memory
    action: Action | None = None
    would: Action | None = None
    desired: CampaignState | None = None
    settled: Intent | None = None
    override: Action | None = None


def decide(spec: CampaignThrottleSpec, memory: Memory, seen: Observation, now: datetime) -> Decision:
    """The decision after one poll.

    Args:
        spec: what was declared.
        memory: the memory of the previous decision, or of the status after a restart.
        seen: what the poll saw.
        now: the time of the poll.
    """
    if spec.suspend:  # rule 1
        return Decision("Suspended", memory)
    attributed = _attribute(memory, seen, now)
    if seen.agents is None or seen.state is CampaignState.UNKNOWN:  # rule 2
        return replace(
            attributed,
            reason="Unknown",
            memory=replace(attributed.memory, failures=memory.failures + 1),
        )
    settled = replace(attributed, memory=replace(attributed.memory, failures=0))
    if seen.state not in (RUNNING, PAUSED):  # rule 4
        return replace(settled, reason="NotControllable")
    return _follow_thresholds(spec, settled, seen.agents, seen.state)


def _follow_thresholds(
    spec: CampaignThrottleSpec, decision: Decision, agents: int, state: CampaignState
) -> Decision:
    """Rules 5 to 7, and the respect for what people did."""
    memory = decision.memory
    if agents >= spec.resume_threshold:
        memory = replace(memory, manual_resume=None)  # the throttle is armed again
        wanted, reason = RUNNING, "AtResumeThreshold"
    elif agents < spec.pause_threshold:
        wanted, reason = PAUSED, "BelowPauseThreshold"
    else:
        wanted, reason = memory.desired or state, "BetweenThresholds"

    if state is RUNNING and memory.manual_resume is not None:
        return replace(decision, reason="ManualResume", memory=memory)
    if state is PAUSED and memory.paused_by is Owner.OTHER and wanted is RUNNING:
        return replace(decision, reason="PausedByOther", memory=memory)

    action = would = None
    if reason != "BetweenThresholds":
        action = {
            (RUNNING, PAUSED): Action.PAUSE,
            (PAUSED, RUNNING): Action.RESUME,
        }.get((state, wanted))
    if spec.mode is Mode.OBSERVE:
        changed_its_mind = wanted is not (memory.desired or RUNNING)
        if changed_its_mind and wanted is RUNNING:
            would = Action.RESUME
        elif changed_its_mind and state is RUNNING:
            would = Action.PAUSE
        action = None
    return replace(
        decision,
        reason=reason,
        action=action,
        would=would,
        desired=wanted,
        memory=replace(memory, desired=wanted),
    )


def _attribute(memory: Memory, seen: Observation, now: datetime) -> Decision:
    """Whose the observed state is: ours if an intent explains it, somebody else's otherwise."""
    if seen.state is CampaignState.UNKNOWN:
        return Decision("Unknown", memory)
    known = replace(memory, last_state=seen.state)
    intent = memory.intent
    if intent is not None and seen.state is _intended(intent):
        known = replace(known, intent=None)
        if seen.changed_at is None or seen.changed_at <= intent.time + INTENT_LIFETIME:
            return Decision("Settled", accepted(known, intent.action, intent.time), settled=intent)
    elif intent is not None and seen.state in (RUNNING, PAUSED) and now - intent.time > INTENT_LIFETIME:
        known = replace(known, intent=None)  # it had no effect

    paused_at = memory.changed_at if memory.paused_by is Owner.OPERATOR else None
    # An unknown word in between may be a state on the way to our pause, or the work of somebody who then paused
    # the campaign: the time of the change tells.
    replaced = (
        memory.last_state is CampaignState.OTHER
        and paused_at is not None
        and seen.changed_at is not None
        and seen.changed_at > paused_at + INTENT_LIFETIME
    )
    if seen.state is PAUSED and (memory.paused_by is None or replaced):
        by_hand = Action.PAUSE if memory.last_state is not None else None
        return Decision(
            "PausedByOther", replace(known, paused_by=Owner.OTHER, manual_resume=None), override=by_hand
        )
    if seen.state is RUNNING and memory.paused_by is not None:
        running = replace(known, paused_by=None)
        # A campaign that hasn't changed since well before our pause was not resumed by anybody: the pause,
        # though accepted, had no effect.
        if paused_at and seen.changed_at and seen.changed_at < paused_at - INTENT_LIFETIME:
            return Decision("Running", running)
        return Decision("ManualResume", replace(running, manual_resume=now), override=Action.RESUME)
    return Decision("Observed", known)


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
        changed_at=now,
        action_failures=0,
    )


def failed(memory: Memory, *, outcome_unknown: bool) -> Memory:
    """The memory once an action failed; an intent that may yet have its effect stays."""
    return replace(
        memory,
        intent=memory.intent if outcome_unknown else None,
        action_failures=memory.action_failures + 1,
    )

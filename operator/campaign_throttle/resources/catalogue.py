"""Every condition and reason that a throttle may report: what each means, and what a person does about it.

Pure data. docs/reference/campaignthrottle.md is printed from it; tests/unit/test_catalogue.py holds the code to it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from campaign_throttle.resources.faults import FAULTS, Fault

NOTHING = "Nothing."


@dataclass(frozen=True)
class Reason:
    """A reason of one condition, and the statuses which it may stand beside."""

    name: str
    statuses: tuple[Literal["True", "False", "Unknown"], ...]
    meaning: str
    remedy: str = NOTHING


@dataclass(frozen=True)
class ConditionType:
    """A condition: what it means while True and otherwise, and its reasons.

    The ``faults`` are reasons of it too.
    """

    name: str
    true: str
    otherwise: str
    reasons: tuple[Reason, ...] = ()
    faults: tuple[Reason, ...] = ()


_MAY_PASS = tuple(fault for fault in FAULTS if fault.grace or not fault.lasting)
_AT_ONCE = tuple(fault for fault in FAULTS if fault.lasting and not fault.grace)
_LASTING = tuple(fault for fault in FAULTS if fault.lasting)
_OF_AGENTS = tuple(fault for fault in FAULTS if fault.of_agents)


def _beside(faults: tuple[Fault, ...], *statuses: Literal["True", "False", "Unknown"]) -> tuple[Reason, ...]:
    return tuple(Reason(fault.name, statuses, fault.meaning, fault.remedy) for fault in faults)


INVALID_SPEC = (
    "The spec breaks a rule that the API server didn't check: a time zone that doesn't exist, or any rule where the "
    "object is older than the CRD."
)
INVALID_SPEC_REMEDY = "Correct the field that the message names."
CONFLICT = "An older throttle, which can act, controls the same campaign. This one polls nothing."
CONFLICT_REMEDY = (
    "Delete one of the two. This one takes over at once when the other is gone, being deleted, suspended, invalid or "
    "set to Observe."
)
ACTION_FAILED = "CXone can be read, but pausing or resuming failed."
ACTION_FAILED_REMEDY = "Read the message. It is retried at each interval."

CONDITIONS = (
    ConditionType(
        "Ready",
        "The operator does what the spec says, on fresh data. A campaign held paused for lack of agents is Ready; so "
        "is a suspended throttle.",
        "False at once for what only a person can mend, and after fallback.failureThreshold failures in a row for "
        "what may pass; until then it stays as it was. Unknown while this spec had no good poll yet.",
        (
            Reason("Controlling", ("True",), "The campaign is polled and controlled."),
            Reason("Observing", ("True",), "mode is Observe: it is polled, and nothing is done."),
            Reason(
                "Suspended",
                ("True",),
                "suspend of the throttle or of its tenant is true: nothing is polled, nothing is done.",
                "Set suspend to false to go on.",
            ),
            Reason(
                "OutsideSchedule",
                ("True",),
                "It is outside calling hours: schedule.outside applies.",
                "Nothing, if the hours are as meant: check timeZone, days, start and end.",
            ),
            Reason(
                "NotControllable",
                ("True",),
                "The campaign is neither running nor paused. The message gives CXone's word for it.",
                "Nothing, or delete the throttle of a campaign that is over.",
            ),
            Reason("InvalidSpec", ("False",), INVALID_SPEC, INVALID_SPEC_REMEDY),
            Reason("CampaignConflict", ("False",), CONFLICT, CONFLICT_REMEDY),
            Reason("ActionFailed", ("False", "Unknown"), ACTION_FAILED, ACTION_FAILED_REMEDY),
        ),
        (*_beside(_MAY_PASS, "False", "Unknown"), *_beside(_AT_ONCE, "False")),
    ),
    ConditionType(
        "Reconciling",
        "Passing trouble, retried at each interval (kstatus: InProgress).",
        "Absent.",
        (
            Reason(
                "ProgressingWithRetry",
                ("True",),
                "Ready is not True, for a reason that may pass.",
                "See the reason of Ready.",
            ),
        ),
    ),
    ConditionType(
        "Stalled",
        "Only a person can mend it (kstatus: Failed). It is still looked at at each interval.",
        "Absent. Never present together with Reconciling.",
        (
            Reason("InvalidSpec", ("True",), INVALID_SPEC, INVALID_SPEC_REMEDY),
            Reason("CampaignConflict", ("True",), CONFLICT, CONFLICT_REMEDY),
        ),
        _beside(_LASTING, "True"),
    ),
    ConditionType(
        "AgentsObserved",
        "The last poll counted the agents.",
        "False from the first failure on: status.availableAgents is then the last good count. While nothing is "
        "polled it stays as it was.",
        (
            Reason("AgentsCounted", ("True",), "Every page of agents was read."),
            Reason("NotPolled", ("Unknown",), "CXone was not polled yet.", "See the reason of Ready."),
        ),
        _beside(_OF_AGENTS, "False"),
    ),
    ConditionType(
        "CampaignSynced",
        "The campaign is in status.desiredState, or the policy has no opinion (status.desiredState is absent).",
        "False: it isn't in status.desiredState.",
        (
            Reason("InDesiredState", ("True",), "The campaign is as the policy wants it."),
            Reason(
                "Unknown",
                ("True",),
                "No opinion: the count or the campaign could not be read.",
                "See the reason of Ready and of AgentsObserved.",
            ),
            Reason("NotControllable", ("True",), "No opinion: the campaign is neither running nor paused."),
            Reason("Suspended", ("True",), "No opinion: suspend is true."),
            Reason(
                "OutsideSchedule",
                ("True", "False"),
                "True: no opinion outside calling hours (outside: Hold). False: the pause for the end of calling "
                "hours was not sent yet.",
            ),
            Reason(
                "ManualResume",
                ("True",),
                "No opinion: a person's resume is being respected.",
                "Nothing, or pause the campaign in CXone.",
            ),
            Reason(
                "PausedByOther",
                ("True",),
                "No opinion: somebody else paused it, and enough agents are available.",
                "Resume the campaign in CXone to give it back to the operator.",
            ),
            Reason(
                "CampaignConflict",
                ("True",),
                "No opinion: another throttle controls the campaign.",
                "See the reason of Ready.",
            ),
            Reason(
                "InvalidSpec",
                ("True",),
                "No opinion: the spec can't be read.",
                "See the reason of Ready.",
            ),
            Reason("ActionFailed", ("False",), ACTION_FAILED, ACTION_FAILED_REMEDY),
            Reason("Observing", ("False",), "mode is Observe: the campaign is left as it is."),
            Reason(
                "Draining",
                ("False",),
                "Skills that the operator stopped run until their agents have ended the present calls (ACD).",
            ),
            Reason(
                "StillRunning",
                ("False",),
                "A skill that the operator stopped still runs after 10 minutes; the stop was sent once more (ACD).",
                "Look at the skill in CXone: an agent may have forgotten a call, or somebody started the skill again.",
            ),
            Reason("Stabilizing", ("False",), "The count was not on that side of the threshold for long enough."),
            Reason("MinimumRunning", ("False",), "The campaign runs for less than minimumRunning."),
            Reason("MinimumPaused", ("False",), "The campaign is paused for less than minimumPaused."),
            Reason(
                "BetweenThresholds",
                ("False",),
                "Between the thresholds nothing is done, though the last opinion was another state (after an action "
                "that failed, or a person's change under manualOverride Enforce).",
            ),
            Reason(
                "BelowPauseThreshold",
                ("False",),
                "A pause is due and was not sent yet: the spec changed meanwhile.",
            ),
            Reason(
                "AtResumeThreshold",
                ("False",),
                "A resume is due and was not sent yet: the spec changed meanwhile, or the API server could not take "
                "the announcement.",
                "If it lasts, check that the API server can be written to.",
            ),
            Reason("Fallback", ("False",), "The fallback's pause is due and was not sent yet."),
        ),
    ),
    ConditionType(
        "Throttled",
        "The operator holds the campaign paused.",
        "False.",
        (
            Reason("PausedByOperator", ("True",), "The pause is the operator's, and it will end it."),
            Reason("NotPausedByOperator", ("False",), "The campaign runs, or somebody else paused it."),
        ),
    ),
    ConditionType(
        "FallbackActive",
        "At least fallback.failureThreshold polls in a row failed: fallback.action applies.",
        "False.",
        (Reason("Polling", ("False",), "Fewer polls in a row failed, or none is made."),),
        _beside(FAULTS, "True"),
    ),
)

#: Reasons of status.lastTransition and status.history.
TRANSITION_REASONS = (
    Reason("BelowPauseThreshold", (), "Paused: fewer than pauseThreshold agents were available."),
    Reason("AtResumeThreshold", (), "Resumed: at least resumeThreshold agents were available."),
    Reason("OutsideSchedule", (), "Paused: calling hours ended."),
    Reason("Fallback", (), "Paused: too many polls in a row failed."),
    Reason(
        "IntentSettled",
        (),
        "Announced earlier, and found to have been done: its answer was lost, or the operator was restarted.",
    ),
)


def reasons() -> Iterator[tuple[str, str, str]]:
    """Every condition that may be: type, status, reason."""
    for condition in CONDITIONS:
        for reason in (*condition.reasons, *condition.faults):
            for status in reason.statuses:
                yield condition.name, status, reason.name

"""Every Event that the operator may post: when that is, and what a person does about it.

Pure data. docs/reference/campaignthrottle.md is printed from it; tests/unit/test_catalogue.py holds the code to it.
"""

from dataclasses import dataclass
from typing import Literal

from campaign_throttle.resources.catalogue import (
    ACTION_FAILED_REMEDY,
    CONFLICT,
    CONFLICT_REMEDY,
    INVALID_SPEC,
    INVALID_SPEC_REMEDY,
    NOTHING,
)
from campaign_throttle.resources.faults import FAULTS


@dataclass(frozen=True)
class EventKind:
    """An Event: its type, when it is posted, and what a person does about it."""

    name: str
    type: Literal["Normal", "Warning"]
    when: str
    remedy: str = NOTHING


EVENTS = (
    EventKind("CampaignPaused", "Normal", "The operator paused the campaign."),
    EventKind("CampaignResumed", "Normal", "The operator resumed the campaign."),
    EventKind(
        "OverrideDetected",
        "Normal",
        "Somebody else paused or resumed the campaign. The message says what follows from it.",
    ),
    EventKind("WouldPause", "Normal", "mode is Observe: the campaign would have been paused. Once per turn."),
    EventKind("WouldResume", "Normal", "mode is Observe: the campaign would have been resumed. Once per turn."),
    EventKind(
        "PollFailed",
        "Warning",
        "The first failed poll of a row. The message begins with the reason.",
        "Nothing, if PollRecovered follows. Otherwise see the reason above.",
    ),
    EventKind("PollRecovered", "Normal", "The first good poll after failed ones."),
    EventKind(
        "FallbackActivated",
        "Warning",
        "fallback.failureThreshold polls in a row failed: fallback.action applies.",
        "See the reason in the message. The campaign is not guarded by a count while this lasts.",
    ),
    EventKind("FallbackEnded", "Normal", "The first good poll after FallbackActivated."),
    EventKind("ActionFailed", "Warning", "The first failed pause or resume of a row.", ACTION_FAILED_REMEDY),
    EventKind(
        "Flapping",
        "Warning",
        "The operator changed the campaign 4 times within 10 intervals. Told at each further change while that is so.",
        "Raise the distance of the thresholds, stabilization, minimumRunning or minimumPaused.",
    ),
    EventKind(
        "SkillScheduled",
        "Warning",
        "A controlled skill has a schedule of its own in CXone, which starts and stops it beside the operator (ACD). "
        "Once per skill.",
        "Remove the skill's schedule in CXone, and use spec.schedule.",
    ),
    EventKind("InvalidSpec", "Warning", INVALID_SPEC, INVALID_SPEC_REMEDY),
    EventKind("CampaignConflict", "Warning", CONFLICT, CONFLICT_REMEDY),
    *(
        EventKind(fault.name, "Warning", fault.meaning, fault.remedy)
        for fault in FAULTS
        if fault.name in {"CampaignNotFound", "CredentialsRejected", "Forbidden"}
    ),
    EventKind(
        "ResumeAbandoned",
        "Warning",
        "A throttle with deletionPolicy Resume is deleted, and the pause that it owns was not undone: CXone did not "
        "do it in time, or the throttle was suspended or only observing. Or the throttle's tenant was changed, and "
        "the pause stays behind.",
        "Resume the campaign in CXone.",
    ),
)

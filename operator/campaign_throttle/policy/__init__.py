"""The decision: what should happen to a campaign, given what was declared, remembered and seen.

Pure: no I/O, no clock of its own. ``decide`` is the rules; ``Memory`` is all that it remembers, and knows what a
restart leaves of it; ``inside`` is calling hours.
"""

from campaign_throttle.policy.attribution import attribute
from campaign_throttle.policy.calling_hours import inside
from campaign_throttle.policy.decision import Decision, decide, suspended
from campaign_throttle.policy.memory import (
    INTENT_LIFETIME,
    Memory,
    Observation,
    StreakMemory,
    accepted,
    announced,
    failed,
)
from campaign_throttle.policy.skills import SkillMemory, reported, state_of, to_start

__all__ = [
    "INTENT_LIFETIME",
    "Decision",
    "Memory",
    "Observation",
    "SkillMemory",
    "StreakMemory",
    "accepted",
    "announced",
    "attribute",
    "decide",
    "failed",
    "inside",
    "reported",
    "state_of",
    "suspended",
    "to_start",
]

"""What a request to the tenant is called: the classes of paths that faults, rate limits and the
journal go by.
"""

from enum import StrEnum, auto
from typing import Final, Literal


class PathClass(StrEnum):
    """Requests that share a rate budget at CXone: one class per endpoint template, whatever the ids
    in it. ``token`` is for all token endpoints, ``other`` for every path that the tenant doesn't have.
    """

    TOKEN = auto()
    AGENTS = auto()
    CAMPAIGN_READ = "campaign-read"
    CAMPAIGN_WRITE = "campaign-write"
    DISCOVERY = auto()
    ACD_CAMPAIGN = "acd-campaign"
    ACD_CAMPAIGN_SKILLS = "acd-campaign-skills"
    ACD_SKILL = "acd-skill"
    ACD_SKILL_START = "acd-skill-start"
    ACD_SKILL_STOP = "acd-skill-stop"
    ACD_SCHEDULE = "acd-schedule"
    ACD_ACTIVITY = "acd-activity"
    ACD_AGENT_STATES = "acd-agent-states"
    OTHER = auto()


#: Stands for every path class in a fault rule.
EVERY_PATH: Final = "*"
PathPattern = PathClass | Literal["*"]

"""The requests of the ACD dialect. Each kind has a rate limit of its own, all IDs together."""

from typing import Final

from campaign_throttle.cxone.protocol import DialingState
from campaign_throttle.cxone.session import Operation

#: The permissions are those of NICE's roles ("ACD Permissions" in NICE's online help); an access key has those of its
#: user's role. Where NICE's public documents don't say which one a request needs, none is named: a wrong one misleads.
CAMPAIGN: Final = Operation("campaign", permission="Campaigns View")
CAMPAIGN_SKILLS: Final = Operation("campaign-skills", permission="Campaigns View")
SKILL: Final = Operation("skill", permission="Skills View")
SCHEDULE: Final = Operation("schedule-settings", permission="Skills View")
SKILL_START: Final = Operation("skill-start")
SKILL_STOP: Final = Operation("skill-stop")
SKILLS_ACTIVITY: Final = Operation("skills-activity")
AGENTS_STATES: Final = Operation("agents-states")

CHANGES: Final = {DialingState.PAUSED: SKILL_STOP, DialingState.RUNNING: SKILL_START}


def campaign_path(campaign_id: str) -> str:
    """A campaign. Its ``isActive`` is configuration and is never written."""
    return f"/campaigns/{campaign_id}"


def campaign_skills_path(campaign_id: str) -> str:
    """The skills of a campaign; not paged."""
    return f"/campaigns/{campaign_id}/skills"


def skill_path(skill_id: int) -> str:
    """A skill."""
    return f"/skills/{skill_id}"


def schedule_path(skill_id: int) -> str:
    """The calendar by which CXone starts and stops a skill."""
    return f"/skills/{skill_id}/parameters/schedule-settings"


def change_path(skill_id: int, wanted: DialingState) -> str:
    """Where a skill is started or stopped."""
    return f"/skills/{skill_id}/{'stop' if wanted is DialingState.PAUSED else 'start'}"


#: Without force a skill drains: no new calls, and those under way go on.
STOP_PARAMETERS: Final = {"force": "false"}
ACTIVITY_PATH: Final = "/skills/activity"
STATES_PATH: Final = "/agents/states"

"""Agents by skill: ``skills/activity`` of NICE's ACD API (Real-Time Data). One reading serves every campaign.

An agent with several skills is counted in each of them, so over the skills of a campaign the greatest count is the
least that is certain; a sum would count people twice.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from campaign_throttle.cxone.acd.paging import Reading
from campaign_throttle.cxone.acd.values import Row, count, identifier, optional_text
from campaign_throttle.cxone.errors import InvalidResponse
from campaign_throttle.cxone.protocol import Campaign
from campaign_throttle.cxone.transport import Answer
from campaign_throttle.resources.behaviour import AgentCounter, Agents

WHAT = "skill activity"
NAME = "skillActivity"
#: Phone skills that dial, and of them no more than is counted: no names, no contacts.
PARAMETERS: Final[dict[str, str | int]] = {
    "mediaTypeId": 4,
    "IsOutbound": "true",
    "fields": ",".join(["skillId", *AgentCounter, "serverTime"]),
}
#: Measurements are believed for at least this long, however short the interval: CXone has a pace of its own.
BELIEVED_AT_LEAST = timedelta(seconds=60)
INTERVALS_BELIEVED = 2

_ROW = f"a row of the {WHAT}"


@dataclass(frozen=True)
class SkillActivity:
    """The counters of one skill; ``age`` is how old they were when CXone answered, None if it doesn't tell."""

    counters: dict[AgentCounter, int]
    age: timedelta | None


@dataclass(frozen=True)
class ActivityHeadcount:
    """Implements :class:`~campaign_throttle.cxone.protocol.Headcount` by the activity of skills."""

    skills: dict[int, SkillActivity]
    pages: int = 1

    def count(self, agents: Agents, campaign: Campaign | None, interval: timedelta) -> int:
        """The greatest count among the campaign's controlled skills; see the Protocol.

        A controlled skill that CXone has no row of is left out. If it has one of none, the count is unknown.
        """
        if campaign is None:
            raise InvalidResponse("the campaign's skills could not be read, so its number of agents is unknown")
        found = [self.skills[skill.id] for skill in campaign.skills if skill.id in self.skills]
        if not found:
            raise InvalidResponse(
                f"CXone has no activity of any controlled skill of campaign {campaign.id}: "
                "the number of agents is unknown"
            )
        believed = max(BELIEVED_AT_LEAST, INTERVALS_BELIEVED * interval)
        if any(skill.age is not None and skill.age > believed for skill in found):
            raise InvalidResponse(
                f"CXone's skill activity for campaign {campaign.id} is out of date: the number of agents is unknown"
            )
        return max(skill.counters[agents.counter] for skill in found)


def skill_of(row: Row) -> int:
    """The skill that a row is about. Raises InvalidResponse."""
    return identifier(row, "skillId", _ROW)


def read_activity(reading: Reading) -> ActivityHeadcount:
    """The headcount from all rows.

    Raises:
        InvalidResponse: a row isn't what it should be.
    """
    return ActivityHeadcount(
        {
            skill_of(row): SkillActivity(
                counters={counter: count(row, counter, _ROW) for counter in AgentCounter}, age=_age(row, answer)
            )
            for row, answer in reading.rows
        },
        reading.pages,
    )


def _age(row: Row, answer: Answer) -> timedelta | None:
    """By CXone's own clock, so that ours need not be right. What can't be read tells nothing."""
    measured, answered = optional_text(row, "serverTime", _ROW), answer.headers.get("date")
    if measured is None or answered is None:
        return None
    try:
        return _in_utc(parsedate_to_datetime(answered)) - _in_utc(datetime.fromisoformat(measured))
    except (ValueError, TypeError, OverflowError):
        return None


def _in_utc(time: datetime) -> datetime:
    """NICE's times are UTC where they don't say otherwise."""
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)

"""Which of a campaign's skills dial and may be controlled. Pure: NICE's answers in, facts out.

What dials is the Personal Connection skill; a campaign only groups skills (NICE ACD API, Admin: ``campaigns/{id}``,
``campaigns/{id}/skills``, ``skills/{id}``, ``skills/{id}/parameters/schedule-settings``).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from campaign_throttle.cxone.acd.values import flag, identifier, optional_text, rows
from campaign_throttle.cxone.errors import CampaignNotFound, InvalidResponse, NothingToControl
from campaign_throttle.cxone.protocol import Campaign, DialingState, Skill
from campaign_throttle.cxone.text import printable
from campaign_throttle.cxone.transport import Answer

INBOUND, NOT_PERSONAL_CONNECTION = "inbound", "not Personal Connection"
AGENTLESS, INACTIVE = "agentless", "inactive"
NOT_FOUND, ELSEWHERE, NOT_THIS_CAMPAIGNS = "not found", "in another campaign", "not in the campaign"

#: A throttle's status has room for so many; what is beyond is left alone, and said.
CONTROLLED_MAXIMUM = 50
TOO_MANY = f"more than {CONTROLLED_MAXIMUM} skills"
#: Each skill is a request of its own; nobody groups that many by intent.
LISTED_MAXIMUM = 500
#: Skills that a message names; the rest is a number.
NAMED_MAXIMUM = 10


@dataclass(frozen=True)
class CampaignFacts:
    """A campaign without its skills."""

    id: str
    name: str
    active: bool


@dataclass(frozen=True)
class SkillFacts:
    """A skill; ``hindrance`` says why it can't be controlled, and is empty if it can."""

    id: int
    name: str
    running: bool
    hindrance: str

    @property
    def skill(self) -> Skill:
        """As the rest of the operator knows it."""
        return Skill(id=self.id, name=self.name, running=self.running)


def read_campaign(answer: Answer, campaign_id: str) -> CampaignFacts:
    """The campaign in an answer of ``campaigns/{id}``.

    Raises:
        CampaignNotFound: 404.
        InvalidResponse: it is another campaign, or not one.
    """
    if answer.status == 404:
        raise CampaignNotFound(f"campaign {campaign_id} was not found (404): check spec.campaignID and the tenant")
    where = f"CXone's description of campaign {campaign_id}"
    found = _found(answer, where)
    if identifier(found, "id", where) != int(campaign_id):
        raise InvalidResponse(f"CXone answered with another campaign than {campaign_id}")
    return CampaignFacts(
        id=campaign_id,
        name=printable(optional_text(found, "name", where) or ""),
        active=flag(found, "isActive", where),
    )


def read_skill_ids(answer: Answer, campaign_id: str) -> frozenset[int]:
    """The IDs of the skills in an answer of ``campaigns/{id}/skills``, which is not paged.

    Raises:
        CampaignNotFound: 404.
        InvalidResponse: it isn't a list of skills, or one of too many.
    """
    if answer.status == 404:
        raise CampaignNotFound(f"campaign {campaign_id} was not found (404): check spec.campaignID and the tenant")
    if answer.status == 204:
        return frozenset()
    where = f"CXone's list of the skills of campaign {campaign_id}"
    listed = rows(_found(answer, where), "skills", where)
    return frozenset(identifier(row, "skillId", f"a row of {where}") for row in listed)


def candidates(listed: frozenset[int], wanted: frozenset[int], campaign_id: str) -> tuple[int, ...]:
    """The skills of a campaign that are looked at: those of ``skillIDs``, or all; in order.

    Raises:
        InvalidResponse: they are more than anybody would look at.
    """
    found = sorted(listed & wanted if wanted else listed)
    if len(found) > LISTED_MAXIMUM:
        raise InvalidResponse(
            f"campaign {campaign_id} has more than {LISTED_MAXIMUM} skills: "
            "name those to be controlled in spec.skillIDs"
        )
    return tuple(found)


def read_skill(answer: Answer, skill_id: int, campaign_id: str | None = None) -> SkillFacts:
    """The skill in an answer of ``skills/{id}``, and whether it can be controlled in this campaign (None: in any).

    Raises:
        InvalidResponse: it is another skill, or one that can't be told from its description.
    """
    if answer.status == 404:
        return SkillFacts(skill_id, "", running=False, hindrance=NOT_FOUND)
    where = f"CXone's description of skill {skill_id}"
    found = _found(answer, where)
    if identifier(found, "skillId", where) != skill_id:
        raise InvalidResponse(f"CXone answered with another skill than {skill_id}")
    name = printable(optional_text(found, "skillName", where) or "")
    hindrance = ""
    # In this order: of an inbound skill CXone need not give the fields of an outbound one.
    if not flag(found, "isOutbound", where):
        hindrance = INBOUND
    elif not _is_personal_connection(optional_text(found, "outboundStrategy", where)):
        hindrance = NOT_PERSONAL_CONNECTION
    elif flag(found, "agentless", where):
        hindrance = AGENTLESS
    elif not flag(found, "isActive", where):
        hindrance = INACTIVE
    elif campaign_id is not None and identifier(found, "campaignId", where) != int(campaign_id):
        hindrance = ELSEWHERE
    running = found.get("isRunning") is True if hindrance else flag(found, "isRunning", where)
    return SkillFacts(skill_id, name, running, hindrance)


def read_schedule(answer: Answer, skill_id: int) -> bool:
    """Whether CXone starts and stops the skill by calendar; its times have no zone, so they are of no use here.

    Raises:
        InvalidResponse: the answer doesn't tell.
    """
    where = f"CXone's schedule of skill {skill_id}"
    found = _found(answer, where)
    inner = found.get("scheduleSettings")  # ``skills/{id}/parameters`` has them one level down
    return flag(inner if isinstance(inner, dict) else found, "isScheduled", where)


@dataclass(frozen=True)
class Selection:
    """What of a campaign's skills is controlled, and what is left out and why ("103 (inbound)")."""

    controlled: tuple[SkillFacts, ...]
    left_out: tuple[str, ...]


def select(looked_at: Iterable[SkillFacts], listed: frozenset[int], wanted: frozenset[int]) -> Selection:
    """Part the skills of a campaign into those to be controlled and the others, by ID.

    Args:
        looked_at: what CXone says of the candidates.
        listed: the skills of the campaign.
        wanted: ``skillIDs``; a skill that isn't in there is not spoken of. Empty means all.
    """
    controlled: list[SkillFacts] = []
    left_out = dict.fromkeys(wanted - listed, NOT_THIS_CAMPAIGNS)
    for facts in sorted(looked_at, key=lambda skill: skill.id):
        if facts.hindrance:
            left_out[facts.id] = facts.hindrance
        elif len(controlled) == CONTROLLED_MAXIMUM:
            left_out[facts.id] = TOO_MANY
        else:
            controlled.append(facts)
    return Selection(tuple(controlled), tuple(f"{skill} ({left_out[skill]})" for skill in sorted(left_out)))


def describe(
    facts: CampaignFacts, controlled: Iterable[SkillFacts], left_out: tuple[str, ...], scheduled: Iterable[int]
) -> Campaign:
    """The campaign with its controlled skills.

    Raises:
        NothingToControl: there are none.
    """
    skills = tuple(sorted((found.skill for found in controlled), key=lambda skill: skill.id))
    if not skills:
        raise NothingToControl(_nothing(facts.id, left_out))
    running = any(skill.running for skill in skills)
    return Campaign(
        id=facts.id,
        name=facts.name,
        state=DialingState.RUNNING if running else DialingState.PAUSED,
        word="running" if running else "stopped",
        changed_at=None,  # the ACD API doesn't tell
        skills=skills,
        left_out=left_out,
        scheduled=tuple(sorted(set(scheduled) & {skill.id for skill in skills})),
    )


def describe_inactive(facts: CampaignFacts) -> Campaign:
    """A campaign that is switched off in CXone's configuration: no skill of it is looked at."""
    return Campaign(id=facts.id, name=facts.name, state=DialingState.OTHER, word="inactive", changed_at=None)


def _nothing(campaign_id: str, left_out: tuple[str, ...]) -> str:
    if not left_out:
        return f"campaign {campaign_id} has no skills: assign it an outbound Personal Connection skill"
    named = ", ".join(left_out[:NAMED_MAXIMUM])
    more = f" and {len(left_out) - NAMED_MAXIMUM} more" if len(left_out) > NAMED_MAXIMUM else ""
    return (
        f"campaign {campaign_id} has no skill that can be controlled, left out: {named}{more}; an active outbound "
        "Personal Connection skill that is not agentless is needed: check spec.skillIDs and the campaign's skills"
    )


def _is_personal_connection(strategy: str | None) -> bool:
    """NICE's documents write it with a space, and as one word where it is an enumeration."""
    return strategy is not None and "".join(strategy.split()).casefold() == "personalconnection"


def _found(answer: Answer, where: str) -> dict[str, object]:
    if answer.status != 200:
        raise InvalidResponse(f"{where} can't be had ({answer.status}), where 200 was expected")
    return answer.json_object()

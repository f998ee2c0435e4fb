"""A campaign with its skills, as it is now. What rarely changes is kept for some minutes.

A poll costs one ``skills/{id}`` per controlled skill. The campaign, the list of its skills, those that are left out
and the schedules are read again every ten minutes, when somebody asks for it, and at once when a controlled skill
turns out to be gone, moved or no longer of the kind that may be controlled.
"""

import asyncio
import random
import re
from collections.abc import Iterable
from dataclasses import dataclass

from campaign_throttle.cxone.acd.operations import (
    CAMPAIGN,
    CAMPAIGN_SKILLS,
    SCHEDULE,
    SKILL,
    campaign_path,
    campaign_skills_path,
    schedule_path,
    skill_path,
)
from campaign_throttle.cxone.acd.settling import all_of, settle
from campaign_throttle.cxone.acd.skills import (
    CampaignFacts,
    SkillFacts,
    candidates,
    describe,
    describe_inactive,
    read_campaign,
    read_schedule,
    read_skill,
    read_skill_ids,
    select,
)
from campaign_throttle.cxone.budget import Priority
from campaign_throttle.cxone.errors import CampaignNotFound
from campaign_throttle.cxone.protocol import Campaign, Target
from campaign_throttle.cxone.session import Session
from campaign_throttle.cxone.text import printable

#: Seconds for which a campaign's skills and schedules are kept, less up to a fifth so that not all end at once.
KEPT = 600.0
#: And if there is nothing to control: a person is about to mend it.
KEPT_WITHOUT_SKILLS = 60.0
#: Schedules are only warned about: they may not hold up a poll for longer, in seconds.
SCHEDULES_TIMEOUT = 5.0
_NUMBER = re.compile(r"[1-9][0-9]{0,9}")


@dataclass(frozen=True)
class Kept:
    """What is kept of a campaign; ``until`` is a time of the event loop."""

    facts: CampaignFacts
    names: dict[int, str]
    left_out: tuple[str, ...]
    scheduled: frozenset[int]
    until: float


class Roster:
    """Reads campaigns with their skills over one tenant's session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._kept: dict[Target, Kept] = {}

    async def campaign(self, target: Target, deadline: float, *, anew: bool, urgent: bool) -> Campaign:
        """The campaign as it is now; see :meth:`campaign_throttle.cxone.protocol.Dialect.get_campaign`."""
        if not _NUMBER.fullmatch(target.campaign_id):
            raise CampaignNotFound(
                f"campaign {printable(target.campaign_id, 64)} can't exist in an ACD tenant: "
                "spec.campaignID must be the campaign's number, such as 4711"
            )
        kept = self._kept.get(target)
        if kept is not None and not anew and _now() < kept.until:
            priority = Priority.CHECK if urgent else Priority.READ
            skills = await self._skills(kept.names, target.campaign_id, deadline, priority)
            if not any(skill.hindrance for skill in skills):
                return describe(kept.facts, skills, kept.left_out, kept.scheduled)
        return await self._anew(target, deadline)

    async def skill(
        self,
        skill_id: int,
        deadline: float,
        *,
        campaign_id: str | None = None,
        priority: Priority = Priority.READ,
    ) -> SkillFacts:
        """The skill as it is now, and whether it may be controlled in the campaign (None: in any)."""
        answer = await self._session.read(SKILL, skill_path(skill_id), deadline=deadline, priority=priority)
        return read_skill(answer, skill_id, campaign_id)

    def name_of(self, target: Target, skill_id: int) -> str:
        """The skill's name when it was read last; empty if that is not known."""
        kept = self._kept.get(target)
        return kept.names.get(skill_id, "") if kept is not None else ""

    async def _anew(self, target: Target, deadline: float) -> Campaign:
        campaign_id = target.campaign_id
        facts = read_campaign(
            await self._session.read(CAMPAIGN, campaign_path(campaign_id), deadline=deadline), campaign_id
        )
        if not facts.active:
            self._kept.pop(target, None)  # so that being switched on again shows at the next poll
            return describe_inactive(facts)
        listed = read_skill_ids(
            await self._session.read(CAMPAIGN_SKILLS, campaign_skills_path(campaign_id), deadline=deadline),
            campaign_id,
        )
        looked_at = await self._skills(candidates(listed, target.skill_ids, campaign_id), campaign_id, deadline)
        selection = select(looked_at, listed, target.skill_ids)
        names = {skill.id: skill.name for skill in selection.controlled}
        scheduled = await self._scheduled(target, names, deadline)
        now = _now()
        self._kept = {known: kept for known, kept in self._kept.items() if now < kept.until + KEPT}
        seconds = KEPT * random.uniform(0.8, 1.0) if names else KEPT_WITHOUT_SKILLS
        self._kept[target] = Kept(facts, names, selection.left_out, scheduled, until=now + seconds)
        return describe(facts, selection.controlled, selection.left_out, scheduled)

    async def _skills(
        self,
        skill_ids: Iterable[int],
        campaign_id: str,
        deadline: float,
        priority: Priority = Priority.READ,
    ) -> list[SkillFacts]:
        async def skill(skill_id: int) -> SkillFacts:
            return await self.skill(skill_id, deadline, campaign_id=campaign_id, priority=priority)

        return await all_of(skill, skill_ids)

    async def _scheduled(self, target: Target, skill_ids: Iterable[int], deadline: float) -> frozenset[int]:
        """Those of the skills that have a schedule. Not to be told (no permission, say) is not to have one."""
        kept = self._kept.get(target)
        known = kept.scheduled if kept is not None else frozenset()
        until = min(deadline, _now() + SCHEDULES_TIMEOUT)

        async def scheduled(skill_id: int) -> bool:
            answer = await self._session.read(SCHEDULE, schedule_path(skill_id), deadline=until)
            return read_schedule(answer, skill_id)

        skill_ids = tuple(skill_ids)
        outcomes = await settle(scheduled, skill_ids)
        return frozenset(
            skill_id
            for skill_id, outcome in zip(skill_ids, outcomes, strict=True)
            if outcome is True or (outcome is not False and skill_id in known)
        )


def _now() -> float:
    return asyncio.get_running_loop().time()

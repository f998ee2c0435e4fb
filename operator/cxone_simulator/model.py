"""The tenant's state: agents and campaigns. No HTTP, no time of its own; each dialect reads this
one model.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cxone_simulator.agents import MAXIMUM_AGENTS, Agent, Agents, TenantFull
from cxone_simulator.dialing import Dialing
from cxone_simulator.qualifications import AgentState
from cxone_simulator.skills import Skill, Skills

__all__ = [
    "MAXIMUM_AGENTS",
    "MAXIMUM_CAMPAIGNS",
    "PAUSED",
    "PERSON",
    "RUNNING",
    "Agent",
    "AgentState",
    "Campaign",
    "Skill",
    "Tenant",
    "TenantFull",
]

MAXIMUM_CAMPAIGNS = 5_000

RUNNING = "RUNNING"
PAUSED = "PAUSED"

#: Who changed a campaign when it wasn't an API client.
PERSON = "person"


@dataclass(slots=True, eq=False)
class Campaign:
    """One campaign and what its dialing led to.

    ``status`` is RUNNING, PAUSED or any other word; ``updated`` is wall-clock time, because it is
    compared with a client's clock; ``last_changed_by`` is ``person`` or ``api:<client id>``.
    ``skill`` limits which agents take its calls (None: everybody). A campaign that is ``grouped``
    doesn't dial itself, its skills do; its counters are theirs together, its status follows them.
    """

    id: str
    name: str
    status: str = RUNNING
    updated: datetime = field(default_factory=lambda: datetime.now(UTC))
    last_changed_by: str = PERSON
    skill: str | None = None
    active: bool = True
    grouped: bool = False
    dialing: Dialing = field(default_factory=Dialing)
    dialed: int = 0
    answered: int = 0
    abandoned: int = 0

    @property
    def has_number(self) -> bool:
        """Whether its id is a number, as all ids are at the ACD."""
        return self.id.isascii() and self.id.isdigit() and len(self.id) <= 12

    @property
    def abandonment_rate(self) -> float:
        """Abandoned calls as a share (0 to 1) of the answered ones, as dialing rules (FTC, Ofcom)
        count it.
        """
        return self.abandoned / self.answered if self.answered else 0.0

    @property
    def updated_timestamp(self) -> str:
        """``updated`` in ISO 8601, UTC, to the millisecond."""
        return self.updated.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Tenant(Agents):
    """All agents, campaigns and skills of one tenant.

    ``now`` gives wall-clock seconds since 1970, ``seconds`` the simulation's clock.
    """

    def __init__(self, now: Callable[[], float], seconds: Callable[[], float] = lambda: 0.0) -> None:
        super().__init__()
        self._now = now
        self._campaigns: dict[str, Campaign] = {}
        self.campaign_watchers: list[Callable[[Campaign], None]] = []
        self.skill_watchers: list[Callable[[Skill, bool], None]] = []
        self.skills = Skills(seconds, self._skill_changed)
        self._follows = True

    def put_campaign(self, campaign: Campaign, skills: Sequence[Skill] = ()) -> None:
        """Create this campaign or replace the one with its id, and its skills.

        Raises TenantFull, or ValueError if another campaign has a skill with such an id or name;
        then nothing has changed.
        """
        if campaign.id not in self._campaigns and len(self._campaigns) >= MAXIMUM_CAMPAIGNS:
            raise TenantFull(f"a tenant holds at most {MAXIMUM_CAMPAIGNS} campaigns")
        self.skills.check(campaign.id, skills)
        with self._without_following():
            for former in list(self.skills.of_campaign(campaign.id)):
                self.skills.remove(former)
            self._campaigns[campaign.id] = campaign
            for skill in skills:
                self.skills.add(skill)
        self._follow_skills(campaign, PERSON)
        self._tell(campaign)

    def put_skill(self, skill: Skill) -> None:
        """Create this skill or replace the one with its id, in its campaign or another one. Raises
        ValueError if another one has its name.
        """
        former = self.skills.get(skill.id)
        namesake = self.skills.named(skill.name)
        if namesake is not None and namesake is not former:
            raise ValueError(f"name: a skill named {skill.name} exists already")
        if former is not None:
            self.skills.remove(former)
        self.skills.add(skill)
        campaign = self._campaigns.get(skill.campaign_id)
        if campaign is not None and not campaign.grouped:
            campaign.grouped = True
            self._tell(campaign)

    def remove_campaign(self, campaign_id: str) -> bool:
        """Remove a campaign and its skills; False if there was none. Its dialing ends."""
        campaign = self._campaigns.pop(campaign_id, None)
        for skill in list(self.skills.of_campaign(campaign_id)):
            self.skills.remove(skill)
        if campaign is not None:
            self._tell(campaign)
        return campaign is not None

    def campaign(self, campaign_id: str) -> Campaign | None:
        """The campaign with this id, or None."""
        return self._campaigns.get(campaign_id)

    def campaigns(self) -> list[Campaign]:
        """All campaigns, oldest first."""
        return list(self._campaigns.values())

    def change_status(self, campaign: Campaign, status: str, by: str) -> None:
        """Set a campaign's status; its skills are started, or drained, accordingly. Setting what it
        already is changes neither the time nor who did it last.
        """
        if campaign.status == status:
            return
        self._set_status(campaign, status, by)
        with self._without_following():
            for skill in self.skills.of_campaign(campaign.id):
                if skill.can_run and status == RUNNING:
                    self.skills.start(skill, by)
                elif skill.can_run:
                    self.skills.stop(skill, by)

    def _set_status(self, campaign: Campaign, status: str, by: str) -> None:
        campaign.status = status
        campaign.updated = datetime.fromtimestamp(self._now(), UTC)
        campaign.last_changed_by = by
        self._tell(campaign)

    def _skill_changed(self, skill: Skill, cut: bool) -> None:
        for watcher in self.skill_watchers:
            watcher(skill, cut)
        campaign = self._campaigns.get(skill.campaign_id)
        if campaign is not None and self._follows:
            self._follow_skills(campaign, skill.last_changed_by)

    def _follow_skills(self, campaign: Campaign, by: str) -> None:
        skills = [skill for skill in self.skills.of_campaign(campaign.id) if skill.can_run]
        runs = any(skill.running and not skill.draining for skill in skills)
        status = RUNNING if runs else PAUSED
        if skills and campaign.status in (RUNNING, PAUSED) and campaign.status != status:
            self._set_status(campaign, status, by)

    @contextmanager
    def _without_following(self) -> Iterator[None]:
        self._follows = False
        try:
            yield
        finally:
            self._follows = True

    def _tell(self, campaign: Campaign) -> None:
        for watcher in self.campaign_watchers:
            watcher(campaign)

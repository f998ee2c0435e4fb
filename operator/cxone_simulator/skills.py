"""Personal Connection skills: what dials at the ACD, and how it is started and stopped.

A campaign groups skills; the skill is what runs (cxone.md §2). A stop without force drains: no new
calls, and the skill goes on running until the calls in progress have ended.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from cxone_simulator.dialing import Dialing

PERSONAL_CONNECTION: Final = "Personal Connection"
#: NICE's number for the medium phone call.
PHONE_CALL: Final = 4
#: The id of the first skill that gets one by itself.
FIRST_ID: Final = 10_001


@dataclass(frozen=True)
class Drain:
    """How long a stop without force takes besides the calls in progress: until it is released, or so
    many seconds of the simulation's clock.
    """

    hold: bool = False
    seconds: float = 0.0


@dataclass(slots=True, eq=False)
class Skill:
    """One skill of a campaign and what its dialing led to. Change whether it runs by `Skills`.

    ``name`` is what agents' skills say. ``stopped_at`` (seconds of the simulation's clock) is set
    while it drains. ``calls`` are those in progress, from the dialing of one that will be answered to
    the end of the talk. ``activity`` and ``agents`` overrule what the model counts.
    """

    id: int
    name: str
    campaign_id: str
    media_type: int = PHONE_CALL
    outbound: bool = True
    outbound_strategy: str | None = PERSONAL_CONNECTION
    agentless: bool = False
    active: bool = True
    priority_blending: bool = False
    running: bool = False
    drain: Drain | None = None
    schedule: Mapping[str, object] = field(default_factory=dict)
    dialing: Dialing = field(default_factory=Dialing)
    activity: Mapping[str, int] = field(default_factory=dict)
    activity_at: Callable[[float], Mapping[str, int]] | None = None
    stopped_at: float | None = None
    held: bool = False
    calls: int = 0
    dialed: int = 0
    answered: int = 0
    abandoned: int = 0
    last_changed_by: str = "person"

    @property
    def can_run(self) -> bool:
        """Whether it is one that can be started and stopped at all."""
        return self.active and self.outbound and self.outbound_strategy == PERSONAL_CONNECTION

    @property
    def draining(self) -> bool:
        """Whether it was stopped and calls are still in progress."""
        return self.running and self.stopped_at is not None

    @property
    def is_dialing(self) -> bool:
        """Whether it makes new calls for agents."""
        return self.running and self.stopped_at is None and self.can_run and not self.agentless

    @property
    def holds_agents_in_dialer(self) -> bool:
        """Whether its idle agents sit in Dialer (7) instead of Available (1): while it runs, its
        drain included, without priority blending (cxone.md §2, the trap).
        """
        return self.running and not self.priority_blending and not self.agentless


class Skills:
    """The skills of a tenant.

    ``seconds`` gives the simulation's clock. ``changed`` is called with a skill whose running or
    draining has changed, and whether its calls were cut.
    """

    def __init__(self, seconds: Callable[[], float], changed: Callable[[Skill, bool], None]) -> None:
        self._seconds = seconds
        self._changed = changed
        self._skills: dict[int, Skill] = {}
        self._by_name: dict[str, Skill] = {}
        self._highest_id = FIRST_ID - 1
        self._of_campaign: dict[str, list[Skill]] = {}
        self._draining: dict[int, Skill] = {}
        #: The names of the skills whose idle agents sit in Dialer.
        self.in_dialer: set[str] = set()
        #: Grows whenever a skill comes or goes.
        self.revision = 0
        #: What a skill's drain is like that says nothing of its own.
        self.drain = Drain()

    def __iter__(self) -> Iterator[Skill]:
        return iter(self._skills.values())

    def get(self, skill_id: int) -> Skill | None:
        """The skill with this id, or None."""
        return self._skills.get(skill_id)

    def named(self, name: str) -> Skill | None:
        """The skill with this name, or None."""
        return self._by_name.get(name)

    def of_campaign(self, campaign_id: str) -> list[Skill]:
        """The skills of a campaign, oldest first."""
        return self._of_campaign.get(campaign_id, [])

    def unused_id(self) -> int:
        """An id that no skill has."""
        return self._highest_id + 1

    def check(self, campaign_id: str, skills: Iterable[Skill]) -> None:
        """Raise ValueError if these can't be a campaign's skills, instead of those that it has."""
        ids, names = set[int](), set[str]()
        for skill in skills:
            same_id, same_name = self._skills.get(skill.id), self._by_name.get(skill.name)
            if skill.id in ids or (same_id is not None and same_id.campaign_id != campaign_id):
                raise ValueError(f"skills: skill {skill.id} exists already")
            if skill.name in names or (same_name is not None and same_name.campaign_id != campaign_id):
                raise ValueError(f"skills: a skill named {skill.name} exists already")
            ids.add(skill.id)
            names.add(skill.name)

    def add(self, skill: Skill) -> None:
        """Add a skill whose id and name `check` has found to be free."""
        self._skills[skill.id] = skill
        self._by_name[skill.name] = skill
        self._highest_id = max(self._highest_id, skill.id)
        self._of_campaign.setdefault(skill.campaign_id, []).append(skill)
        self.revision += 1
        self._follow(skill)

    def remove(self, skill: Skill) -> None:
        """Remove a skill; its dialing ends."""
        skill.running, skill.stopped_at = False, None
        del self._skills[skill.id], self._by_name[skill.name]
        self._of_campaign[skill.campaign_id].remove(skill)
        self.revision += 1
        self._follow(skill, cut=True)

    def start(self, skill: Skill, by: str) -> None:
        """Start a skill; during a drain this cancels it. Raises ValueError if it can't run."""
        self._must_run(skill)
        if skill.running and not skill.draining:
            return
        skill.running, skill.stopped_at, skill.held = True, None, False
        skill.last_changed_by = by
        self._follow(skill)

    def stop(self, skill: Skill, by: str, force: bool = False) -> None:
        """Stop a skill: drain it, or with ``force`` cut its calls at once. Raises ValueError if it
        can't run.
        """
        self._must_run(skill)
        if not skill.running or (skill.draining and not force):
            return
        skill.last_changed_by = by
        if force:
            self._end(skill, cut=True)
            return
        skill.stopped_at = self._seconds()
        skill.held = (skill.drain or self.drain).hold
        self._follow(skill)
        self.settle()

    def reconsider(self, skill: Skill) -> None:
        """Follow a change of what a skill is; one that can't run any more stops at once."""
        self.revision += 1
        if skill.can_run:
            self._follow(skill)
        else:
            self._end(skill, cut=True)
        self.settle()

    def release(self, skill: Skill) -> None:
        """Let a drain that is held end as soon as its calls have."""
        skill.held = False
        self.settle()

    def settle(self) -> None:
        """End the drains that are over by now."""
        if not self._draining:
            return
        now = self._seconds()
        for skill in list(self._draining.values()):
            lasts = (skill.drain or self.drain).seconds
            if skill.held or skill.calls or skill.stopped_at is None:
                continue
            if now >= skill.stopped_at + lasts:
                self._end(skill)

    def forget_calls(self) -> None:
        """No call is in progress any more: what made them is gone."""
        for skill in self._skills.values():
            skill.calls = 0
        self.settle()

    def _end(self, skill: Skill, cut: bool = False) -> None:
        skill.running, skill.stopped_at, skill.held = False, None, False
        self._follow(skill, cut)

    def _follow(self, skill: Skill, cut: bool = False) -> None:
        present = self._skills.get(skill.id) is skill
        if present and skill.draining:
            self._draining[skill.id] = skill
        else:
            self._draining.pop(skill.id, None)
        if present and skill.holds_agents_in_dialer:
            self.in_dialer.add(skill.name)
        else:
            self.in_dialer.discard(skill.name)
        self._changed(skill, cut)

    @staticmethod
    def _must_run(skill: Skill) -> None:
        if not skill.can_run:
            raise ValueError(f"skill {skill.id} is not an active {PERSONAL_CONNECTION} skill")

"""What every dialect of CXone can do, in the words of the operator."""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from campaign_throttle.resources.behaviour import Agents


class DialingState(StrEnum):
    """Whether a campaign dials. ``OTHER`` is every word that is neither running nor paused."""

    RUNNING = "Running"
    PAUSED = "Paused"
    OTHER = "Other"


@dataclass(frozen=True)
class Target:
    """What a throttle controls: a campaign, or of its skills only some (ACD; empty means all that can be)."""

    campaign_id: str
    skill_ids: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Skill:
    """A skill that is controlled, as CXone describes it (ACD)."""

    id: int
    name: str
    running: bool


@dataclass(frozen=True)
class Campaign:
    """A campaign as CXone describes it.

    ``word`` is CXone's own word for the state, ``changed_at`` the time of its last change if it tells one. Where the
    unit that dials is the skill (ACD), ``skills`` are those that are controlled, ordered by ID; ``state`` is RUNNING
    while any of them runs; ``left_out`` says which are not controlled and why ("103 (inbound)"); ``scheduled`` are
    the IDs of the controlled skills that CXone itself starts and stops by calendar.
    """

    id: str
    name: str
    state: DialingState
    word: str
    changed_at: datetime | None
    skills: tuple[Skill, ...] = ()
    left_out: tuple[str, ...] = ()
    scheduled: tuple[int, ...] = ()


class Headcount(Protocol):
    """What one reading of the agents found; it serves every campaign of the tenant."""

    @property
    def pages(self) -> int:
        """How many requests it took."""
        ...

    def count(self, agents: Agents, campaign: Campaign | None, interval: timedelta) -> int:
        """How many agents count for a campaign. Pure.

        Args:
            agents: which agents count.
            campaign: as read in the same poll; None if it could not be read.
            interval: of the throttle; what CXone measured more than max(60 s, two intervals) ago is not believed.

        Raises:
            InvalidResponse: the reading doesn't tell; unknown is never zero.
        """
        ...


class Dialect(Protocol):
    """One way of speaking to CXone. Deadlines are times of the running event loop, in seconds.

    Every call raises a :class:`~campaign_throttle.cxone.errors.CXoneError` and nothing else, and is safe to
    cancel at every await.
    """

    def source(self, agents: Agents) -> Hashable:
        """What must be read to count these agents; throttles with equal sources share one reading."""
        ...

    async def read_agents(self, source: Hashable, deadline: float) -> Headcount:
        """Read the agents, whole: every page, everyone counted once."""
        ...

    async def get_campaign(
        self, target: Target, deadline: float, *, anew: bool = False, urgent: bool = False
    ) -> Campaign:
        """The campaign as it is now.

        ``anew`` reads again what is otherwise kept for some minutes; ``urgent`` goes before other reads, since a change
        waits for it.
        """
        ...

    async def set_state(
        self, target: Target, wanted: DialingState, deadline: float, *, skills: frozenset[int] = frozenset()
    ) -> tuple[Skill, ...]:
        """Pause or resume the campaign (ACD: stop or start these skills of it); return once CXone has accepted it.

        Returns:
            The skills that were changed, as they are now (ACD).

        Raises:
            CXoneError: if its ``outcome_unknown`` is true, it may have been done all the same; ``accepted`` are the
                skills for which it was done.
        """
        ...

    async def probe(self, deadline: float) -> "Probe":
        """Ask for a token and for the least that needs one, as a tenant's readiness."""
        ...

    @property
    def known(self) -> "Probe | None":
        """What is known of the connection without asking; None before its first token."""
        ...

    async def close(self) -> None:
        """End what is under way and let go of the connections."""
        ...


@dataclass(frozen=True)
class Probe:
    """What a working connection tells of itself: where the API is, and the scopes granted (Campaigns)."""

    endpoint: str
    scopes: tuple[str, ...] = ()

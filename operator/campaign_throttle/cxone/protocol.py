"""What every dialect of CXone can do, in the words of the operator."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class DialingState(StrEnum):
    """Whether a campaign dials. ``OTHER`` is every word that is neither running nor paused."""

    RUNNING = "Running"
    PAUSED = "Paused"
    OTHER = "Other"


@dataclass(frozen=True)
class Campaign:
    """A campaign as CXone describes it.

    ``word`` is CXone's own word for the state, ``changed_at`` the time of its last change if it tells one.
    """

    id: str
    name: str
    state: DialingState
    word: str
    changed_at: datetime | None


class Dialect(Protocol):
    """One way of speaking to CXone. Deadlines are times of the running event loop, in seconds.

    Every call raises a :class:`~campaign_throttle.cxone.errors.CXoneError` and nothing else, and is safe to
    cancel at every await.
    """

    async def count_agents(self, states: frozenset[str], deadline: float) -> int:
        """How many agents are in one of the states, everyone counted once. Every page was read."""
        ...

    async def get_campaign(self, campaign_id: str, deadline: float) -> Campaign:
        """The campaign as it is now."""
        ...

    async def set_state(self, campaign_id: str, wanted: DialingState, deadline: float) -> None:
        """Pause or resume the campaign; return once CXone has accepted it.

        An error whose ``outcome_unknown`` is true may mean that it was done all the same.
        """
        ...

    async def close(self) -> None:
        """End what is under way and let go of the connections."""
        ...

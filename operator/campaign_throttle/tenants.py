"""Tenants: what the throttles of one CXone tenant share, so that a tenant costs the same with one as with many."""

import asyncio
import zlib
from dataclasses import dataclass
from datetime import timedelta

from campaign_throttle.cxone.errors import CXoneError, CXoneTimeout
from campaign_throttle.cxone.flight import SingleFlight
from campaign_throttle.cxone.protocol import Campaign, Dialect, DialingState

AVAILABLE = frozenset({"available"})
#: A poll may use a count of agents that is this old, since it serves all throttles that poll in the same moment...
SHARED_AGE = timedelta(seconds=2)
#: ...or this share of its interval, if that is longer; and never more than half of it.
SHARED_AGE_SHARE = 0.2


@dataclass(frozen=True)
class Reading:
    """A count of agents, and when it began: a time of the event loop, which tells readings apart."""

    agents: int
    started: float


@dataclass(frozen=True)
class _Count:
    started: float
    outcome: int | CXoneError


class Tenant:
    """One CXone tenant: its dialect, and one agent count for everybody who asks in the same moment.

    Args:
        name: what the tenant is called; throttles of one tenant poll in phase, tenants are spread by name.
        dialect: how to speak to it.
    """

    def __init__(self, name: str, dialect: Dialect) -> None:
        self.name = name
        self._dialect = dialect
        #: Where in an interval the tenant's throttles poll, as a share of it.
        self.phase = zlib.crc32(name.encode()) / 2**32
        self._counts: dict[frozenset[str], _Count] = {}
        self._flights: dict[frozenset[str], SingleFlight[None]] = {}

    async def available_agents(
        self, states: frozenset[str] = AVAILABLE, *, max_age: timedelta, deadline: float
    ) -> Reading:
        """How many agents are in one of the states, by a count that began at most ``max_age`` ago.

        A count that failed is shared like one that succeeded.

        Raises:
            CXoneError: the count is unknown.
        """
        clock = asyncio.get_running_loop().time
        oldest = clock() - max_age.total_seconds()
        flight = self._flights.setdefault(states, SingleFlight())
        try:
            async with asyncio.timeout_at(deadline):
                while (count := self._counts.get(states)) is None or count.started < oldest:
                    await flight.join(lambda: self._count(states, deadline))
        except TimeoutError:
            raise CXoneTimeout(
                "the agents were not counted in time: check that CXone is up and reachable"
            ) from None
        if isinstance(count.outcome, CXoneError):
            raise count.outcome.with_traceback(None)
        return Reading(count.outcome, count.started)

    async def _count(self, states: frozenset[str], deadline: float) -> None:
        started = asyncio.get_running_loop().time()
        outcome: int | CXoneError
        try:
            outcome = await self._dialect.count_agents(states, deadline)
        except CXoneError as error:
            outcome = error
        self._counts[states] = _Count(started, outcome)

    async def campaign(self, campaign_id: str, *, deadline: float) -> Campaign:
        """The campaign as it is now. Raises a CXoneError."""
        return await self._dialect.get_campaign(campaign_id, deadline)

    async def set_state(self, campaign_id: str, wanted: DialingState, *, deadline: float) -> None:
        """Pause or resume the campaign. Raises a CXoneError, whose ``outcome_unknown`` matters."""
        await self._dialect.set_state(campaign_id, wanted, deadline)

    async def close(self) -> None:
        """End what is under way and let go of the connections."""
        for flight in self._flights.values():
            await flight.close()
        await self._dialect.close()


def shared_age(interval: timedelta) -> timedelta:
    """How old a count of agents may be for a poll at its tick."""
    return min(interval / 2, max(SHARED_AGE, interval * SHARED_AGE_SHARE))

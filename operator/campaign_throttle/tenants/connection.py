"""One connection of a tenant, and what was read by it."""

from collections.abc import Hashable
from dataclasses import dataclass, field

from campaign_throttle.cxone.errors import CXoneError
from campaign_throttle.cxone.flight import SingleFlight
from campaign_throttle.cxone.protocol import Dialect, Headcount
from campaign_throttle.tenants.access import Access


@dataclass(frozen=True)
class Outcome:
    """What one reading of the agents came to; when it was asked for, and when it was there: times of the event loop."""

    started: float
    ended: float
    found: Headcount | CXoneError

    @property
    def error(self) -> CXoneError | None:
        """What was wrong; None if it went well."""
        return self.found if isinstance(self.found, CXoneError) else None


@dataclass
class Connection:
    """A dialect and the access that it was made of; once it is replaced, it is closed when nobody uses it any more."""

    access: Access
    dialect: Dialect
    uses: int = 0
    replaced: bool = False
    outcomes: dict[Hashable, Outcome] = field(default_factory=dict)
    flights: dict[Hashable, SingleFlight[None]] = field(default_factory=dict)

    @property
    def pages(self) -> int | None:
        """How many requests the longest good reading took; None if there is none."""
        good = [
            outcome.found.pages for outcome in self.outcomes.values() if not isinstance(outcome.found, CXoneError)
        ]
        return max(good, default=None)

    async def close(self) -> None:
        """End the readings under way, and let go of the connections."""
        for flight in self.flights.values():
            await flight.close()
        await self.dialect.close()

"""Turns at one tenant: how many requests are under way at once, and how many there are per second.

aiolimiter was looked at for the second: it has the same bound, but a newcomer overtakes those who wait, and it knows
no priorities, no deadlines and no way to give a turn back, which a request that is not sent after all needs. Both
limits are kept in one place because a turn that had to wait for a connection afterwards would be late: turns granted
over seconds would then be taken in one moment, and the limit broken on the wire.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from campaign_throttle.cxone.errors import CXoneTimeout, RateLimited


class Priority(IntEnum):
    """Who goes first: a pause, what a pause waits for, a token, the agents that all decisions need, the campaigns."""

    CHANGE = 0
    CHECK = 1
    TOKEN = 2
    COUNT = 3
    READ = 4


#: Requests that a tenant has under way at most. Each kind has places of its own: no pause queues behind 2,000 reads.
PLACES: Final = {
    Priority.CHANGE: 16,
    Priority.CHECK: 8,
    Priority.TOKEN: 2,
    Priority.COUNT: 4,
    Priority.READ: 16,
}
#: Seconds by which a turn may be early: a timer's own error, and that of adding up small numbers.
_TOLERATED = 1e-9
_TOO_SMALL = (
    "the requests of this tenant don't fit its budget: raise spec.rateLimit of the tenant, or use longer intervals"
)


@dataclass
class Turn:
    """Leave to send one request. ``used`` is set to False if none was sent."""

    used: bool = True


class Budget:
    """The turns of one tenant: in order of arrival within a priority, and by priority before that.

    In any span of t seconds there are at most ``burst + requests_per_second * t`` turns (the generic cell rate
    algorithm, ITU-T I.371). A turn that was not used doesn't count, unless others were taken after it. It may be shared
    by successive connections of the tenant, so that new credentials bring no new budget.

    Args:
        requests_per_second: in the long run; None for no limit.
        burst: so many turns may be taken at once, after a pause.
    """

    def __init__(self, requests_per_second: float | None = None, burst: int = 1) -> None:
        self._spacing = 1 / requests_per_second if requests_per_second else 0.0
        self._tolerance = (burst - 1) * self._spacing
        #: When the next turn would be due if they were spaced evenly; it may be taken ``_tolerance`` earlier.
        self._due = float("-inf")
        self._free = dict(PLACES)
        self._waiting: dict[Priority, OrderedDict[asyncio.Future[float], None]] = {
            priority: OrderedDict() for priority in Priority
        }
        self._timer: asyncio.TimerHandle | None = None

    @classmethod
    def unlimited(cls) -> "Budget":
        """Places, and no limit of the rate."""
        return cls()

    def delay(self, priority: Priority = Priority.READ) -> float:
        """Seconds until somebody who asks now would have a turn, as far as the rate decides."""
        if not self._spacing:
            return 0.0
        now = asyncio.get_running_loop().time()
        ahead = sum(len(queue) for other, queue in self._waiting.items() if other <= priority)
        return max(max(self._due, now) + ahead * self._spacing - self._tolerance - now, 0.0)

    @asynccontextmanager
    async def turn(self, operation: str, priority: Priority, deadline: float) -> AsyncIterator[Turn]:
        """Wait for a turn, and keep its place while the body runs.

        Raises:
            RateLimited: the budget has no turn before the deadline. Said at once where that is foreseeable.
            CXoneTimeout: all places are taken until the deadline, since CXone answers too slowly. In both cases
                nothing was sent.
        """
        taken = await self._take(operation, priority, deadline)
        turn = Turn()
        try:
            yield turn
        finally:
            self._give_back(priority, taken, used=turn.used)

    async def _take(self, operation: str, priority: Priority, deadline: float) -> float:
        """A turn; what it left as the time at which the next one would be due tells it from later ones."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        if now >= deadline:
            raise CXoneTimeout.of(operation, sent=False)
        if now + self.delay(priority) > deadline:
            raise RateLimited(_TOO_SMALL)
        future: asyncio.Future[float] = loop.create_future()
        queue = self._waiting[priority]
        queue[future] = None
        self._serve()
        if future.done():
            return future.result()
        try:
            async with asyncio.timeout_at(deadline):
                return await future
        except BaseException as error:
            if future.done() and not future.cancelled():  # it came in the same moment as the end
                self._give_back(priority, future.result(), used=False)
            queue.pop(future, None)
            if not isinstance(error, TimeoutError):
                raise
            if self._opens_in() > 0:
                raise RateLimited(_TOO_SMALL) from None
            raise CXoneTimeout.of(operation, sent=False) from None

    def _give_back(self, priority: Priority, taken: float, *, used: bool) -> None:
        self._free[priority] += 1
        if (
            not used and self._due == taken
        ):  # else others have taken turns after it, and may not come closer together
            self._due -= self._spacing
        self._serve()

    def _serve(self) -> None:
        """Give turns to those who wait, as far as there are any."""
        for priority, queue in self._waiting.items():
            while queue and self._free[priority]:
                if next(iter(queue)).done():  # cancelled, and not yet gone
                    queue.popitem(last=False)
                    continue
                if not self._within_rate():
                    return  # nor may anybody of a lower priority
                self._free[priority] -= 1
                queue.popitem(last=False)[0].set_result(self._due)

    def _opens_in(self) -> float:
        """Seconds until the rate allows a turn; not more than zero if it does."""
        opens_in = self._due - self._tolerance - asyncio.get_running_loop().time()
        return opens_in if self._spacing and opens_in > _TOLERATED else 0.0

    def _within_rate(self) -> bool:
        """Take a turn as far as the rate is concerned; else come back when there is one."""
        loop = asyncio.get_running_loop()
        if self._opens_in() > 0:
            opens = self._due - self._tolerance
            if self._timer is None or self._timer.when() > opens:
                self._disarm()
                self._timer = loop.call_at(opens, self._on_time)
            return False
        self._due = max(self._due, loop.time()) + self._spacing
        return True

    def _on_time(self) -> None:
        self._timer = None
        self._serve()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

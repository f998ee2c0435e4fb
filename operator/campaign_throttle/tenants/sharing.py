"""How the throttles of one tenant share what it allows: how old a reading may be, and how a small budget stretches."""

import asyncio
import math
from collections.abc import Iterable, Iterator
from datetime import timedelta

#: A decision may use a reading that is this old, since it serves all throttles that poll in the same moment...
SHARED_AGE = timedelta(seconds=2)
#: ...or this share of the throttle's interval, if that is longer; and never more than half of it.
SHARED_AGE_SHARE = 0.2
#: Of a rate budget the polls may use so much; the rest is for tokens, pauses and repetitions.
POLLS_SHARE = 0.9
#: Stretched intervals are of this grain, as a share of the interval, so that they don't change with each new throttle.
STRETCH_GRAIN = 0.25
#: How often it is found out anew by how much the intervals must grow.
STRETCH_AGE = timedelta(seconds=1)


def shared_age(interval: timedelta) -> timedelta:
    """How old a reading may be that a decision uses."""
    return min(interval / 2, max(SHARED_AGE, interval * SHARED_AGE_SHARE))


def stretch(demands: Iterable[tuple[timedelta, int]], *, pages: int, requests_per_second: float) -> float:
    """By how much the intervals of a tenant's throttles must grow to fit its budget; 1 if they needn't.

    Args:
        demands: of each throttle its interval, and the requests that a poll of it needs.
        pages: requests of one reading of the agents.
        requests_per_second: the budget.
    """
    polls = 0.0
    shortest = timedelta.max
    for interval, requests in demands:
        polls += requests / interval.total_seconds()
        shortest = min(shortest, interval)
    if not polls:
        return 1.0
    allowed = requests_per_second * POLLS_SHARE
    counting = pages / shortest.total_seconds()
    if polls + counting <= allowed:
        return 1.0
    # Stretched, the polls don't come together any more: a reading serves only those of its age.
    ages = shortest.total_seconds() / shared_age(shortest).total_seconds()
    factor = (polls + counting * ages) / allowed
    return max(1.0, math.ceil(factor / STRETCH_GRAIN) * STRETCH_GRAIN)


class Demands:
    """What the throttles of one tenant need of it, and by how much that makes their intervals grow."""

    def __init__(self) -> None:
        self._demands: dict[str, tuple[timedelta, int]] = {}
        self._pages, self._stretch, self._stretched_at = 1, 1.0, float("-inf")

    def note(
        self,
        uid: str,
        interval: timedelta,
        requests: int,
        *,
        requests_per_second: float | None,
        pages: int | None,
    ) -> float:
        """Take note of what a throttle needs; return by how much the intervals of all of them must grow.

        Args:
            uid: of the throttle.
            interval: its own.
            requests: that a poll of it takes, beside its share of a reading of the agents.
            requests_per_second: the tenant's budget; None for no limit.
            pages: requests of one reading of the agents; None if that is not known.
        """
        self._demands[uid] = (interval, requests)
        if requests_per_second is None:
            return 1.0
        now = asyncio.get_running_loop().time()
        if now - self._stretched_at >= STRETCH_AGE.total_seconds():
            self._pages, self._stretched_at = pages or self._pages, now
            self._stretch = stretch(
                self._demands.values(), pages=self._pages, requests_per_second=requests_per_second
            )
        return self._stretch

    def forget(self, uid: str) -> None:
        """A throttle needs nothing any more."""
        self._demands.pop(uid, None)

    def __iter__(self) -> Iterator[str]:
        return iter(self._demands)

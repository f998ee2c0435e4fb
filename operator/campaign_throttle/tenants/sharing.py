"""How the throttles of one tenant share what it allows: how old a reading may be, and how a small budget stretches."""

import math
from collections.abc import Iterable
from datetime import timedelta

#: A decision may use a reading that is this old, since it serves all throttles that poll in the same moment...
SHARED_AGE = timedelta(seconds=2)
#: ...or this share of the throttle's interval, if that is longer; and never more than half of it.
SHARED_AGE_SHARE = 0.2
#: Of a rate budget the polls may use so much; the rest is for tokens, pauses and repetitions.
POLLS_SHARE = 0.9
#: Stretched intervals are of this grain, as a share of the interval, so that they don't change with each new throttle.
STRETCH_GRAIN = 0.25


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

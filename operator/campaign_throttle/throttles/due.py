"""When a throttle is due."""

import math
from datetime import timedelta

#: The first polls are spread over this many seconds, by tenant.
FIRST_POLL_SPREAD = 0.5


def first_due(phase: float, now: float) -> float:
    """When a new throttle is polled first: within a second, whatever its interval."""
    return now + phase * FIRST_POLL_SPREAD


def next_due(interval: timedelta, phase: float, now: float) -> float:
    """When the throttles of one interval and tenant are polled next, all together.

    Args:
        interval: theirs.
        phase: where in the interval the tenant's throttles poll, as a share of it.
        now: a time of the event loop, in seconds, like the one returned.
    """
    step = interval.total_seconds()
    offset = phase * step
    due = offset + (math.floor((now - offset) / step) + 1) * step
    return due if due > now else due + step  # which rounding can make the tick that is just now

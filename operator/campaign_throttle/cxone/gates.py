"""Rate limits as CXone announces them: a path that answered 429 is left alone by the whole tenant."""

import asyncio
import random
from collections.abc import Callable
from email.utils import parsedate_to_datetime

from campaign_throttle.cxone.errors import RateLimited

#: No answer may close a path for longer, whatever its Retry-After says.
RETRY_AFTER_MAXIMUM = 600.0
#: Seconds to wait after a 429 that doesn't say how long: for the first, the second and each further in a row.
BACKOFF = (1.0, 2.0, 4.0)


def jittered(seconds: float) -> float:
    """The time plus up to a quarter, so that clients don't come back in step."""
    return seconds * random.uniform(1.0, 1.25)


def retry_after(header: str | None, *, now: float) -> float | None:
    """Seconds that a Retry-After header asks for (RFC 9110 §10.2.3: seconds or an HTTP date), or None.

    ``now`` is the time of the wall clock, in seconds. What can't be read counts as absent.
    """
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        # 12 digits are enough for any date, and int() of a longer string is a known way to waste time.
        seconds = float(int(text[:12]))
    else:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - now
        except (ValueError, TypeError, OverflowError):
            return None
    return min(max(seconds, 0.0), RETRY_AFTER_MAXIMUM)


class Gate:
    """Keeps one path of one tenant closed for as long as CXone asked for.

    Args:
        path: what the path is called in messages.
        clock: the time of the event loop, in seconds.
    """

    def __init__(self, path: str, clock: Callable[[], float]) -> None:
        self._path = path
        self._clock = clock
        self._opens_at = 0.0
        self._refusals = 0

    def close(self, seconds: float | None) -> None:
        """Close the path for these seconds; for a backoff that grows if CXone didn't say how long."""
        now = self._clock()
        if now >= self._opens_at:  # otherwise it was under way together with one that was refused before
            self._refusals += 1
        if seconds is None:
            seconds = jittered(BACKOFF[min(max(self._refusals, 1), len(BACKOFF)) - 1])
        self._opens_at = max(self._opens_at, now + seconds)

    def answered(self) -> None:
        """The path answered with something else than 429: the backoff starts anew."""
        self._refusals = 0

    async def passage(self, deadline: float) -> None:
        """Wait until the path is open.

        Raises:
            RateLimited: it opens only after the deadline; nothing was sent.
        """
        while (wait := self._opens_at - self._clock()) > 0:
            if self._opens_at >= deadline:
                raise RateLimited(self.message)
            await asyncio.sleep(wait)

    @property
    def is_open(self) -> bool:
        """Whether requests may be sent now."""
        return self._opens_at <= self._clock()

    @property
    def message(self) -> str:
        """What is said of a path that is closed."""
        return (
            f"CXone limits the rate of {self._path} requests of this tenant (429): "
            "use a longer interval or ask NICE for a higher limit"
        )

"""Rate limits per path class: token buckets, and what a refusal says about coming back."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from enum import StrEnum

from pydantic import Field, field_validator

from cxone_simulator.documents import Document
from cxone_simulator.traffic import PathClass


class RetryAfter(StrEnum):
    """The form of the ``Retry-After`` header: both forms of RFC 9110, or none."""

    SECONDS = "seconds"
    HTTP_DATE = "http-date"
    OFF = "off"


class RateLimit(Document):
    """So many requests per second on average and ``burst`` at once; further ones get 429."""

    requests_per_second: float = Field(gt=0, le=1_000_000)
    burst: int = Field(default=1, ge=1, le=1_000_000)
    retry_after: RetryAfter = RetryAfter.SECONDS

    @field_validator("retry_after", mode="before")
    @classmethod
    def _off_in_yaml(cls, value: object) -> object:
        # YAML 1.1 reads a bare `off` as false.
        return RetryAfter.OFF if value is False else value


@dataclass(frozen=True)
class Refusal:
    """A request over the limit; ``retry_after`` is the header's value, None if it isn't sent."""

    retry_after: str | None


class RateLimits:
    """The buckets in force. ``now`` gives wall-clock seconds since 1970."""

    def __init__(self, limits: Mapping[PathClass, RateLimit], now: Callable[[], float]) -> None:
        self._now = now
        self._limits: dict[PathClass, RateLimit] = {}
        self._buckets: dict[PathClass, tuple[float, float]] = {}
        for path, limit in limits.items():
            self.set(path, limit)

    def set(self, path: PathClass, limit: RateLimit) -> None:
        """Put a limit in force, with a full bucket."""
        self._limits[path] = limit
        self._buckets[path] = (float(limit.burst), self._now())

    def remove(self, path: PathClass) -> bool:
        """Lift a limit; False if there was none."""
        return self._limits.pop(path, None) is not None

    def all(self) -> dict[PathClass, RateLimit]:
        """The limits in force."""
        return dict(self._limits)

    def admit(self, path: PathClass) -> Refusal | None:
        """Take one request from the path's budget; None if it may pass."""
        limit = self._limits.get(path)
        if limit is None:
            return None
        level, at = self._buckets[path]
        now = self._now()
        level = min(limit.burst, level + max(0.0, now - at) * limit.requests_per_second)
        if level >= 1:
            self._buckets[path] = (level - 1, now)
            return None
        self._buckets[path] = (level, now)
        wait = max(1, math.ceil((1 - level) / limit.requests_per_second))
        if limit.retry_after is RetryAfter.OFF:
            return Refusal(None)
        if limit.retry_after is RetryAfter.HTTP_DATE:
            return Refusal(formatdate(math.ceil(now) + wait, usegmt=True))
        return Refusal(str(wait))

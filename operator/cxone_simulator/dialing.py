"""How a campaign dials and how long its calls take: the numbers that a scenario sets."""

import math
from enum import StrEnum
from random import Random
from typing import Annotated, Self

from pydantic import BeforeValidator, Field

from cxone_simulator.documents import Document


class Distribution(StrEnum):
    """The shapes of a time: ``exponential`` is what Erlang's formulas assume."""

    FIXED = "fixed"
    EXPONENTIAL = "exponential"
    LOGNORMAL = "lognormal"


class Lasting(Document):
    """A random time with this mean, in seconds; ``deviation`` (seconds) is for ``lognormal``
    only.
    """

    mean: float = Field(gt=0, le=86_400)
    distribution: Distribution = Distribution.EXPONENTIAL
    deviation: float | None = Field(default=None, gt=0, le=86_400)

    def draw(self, chance: Random) -> float:
        """One time in seconds."""
        if self.distribution is Distribution.FIXED:
            return self.mean
        if self.distribution is Distribution.EXPONENTIAL:
            return chance.expovariate(1 / self.mean)
        deviation = self.mean / 2 if self.deviation is None else self.deviation
        variance = math.log(1 + (deviation / self.mean) ** 2)
        return chance.lognormvariate(math.log(self.mean) - variance / 2, math.sqrt(variance))


def _mean_alone(value: object) -> object:
    return {"mean": value} if isinstance(value, int | float) else value


#: A time may be written as its mean alone: ``talk: 120``.
LastingOrMean = Annotated[Lasting, BeforeValidator(_mean_alone)]


class Dialing(Document):
    """How a campaign dials: calls per minute (Poisson), the share that answers, and how long things
    take.

    The defaults keep 20 agents about three quarters busy.
    """

    calls_per_minute: float = Field(default=20.0, ge=0, le=60_000)
    answer_probability: float = Field(default=0.3, ge=0, le=1)
    ring: LastingOrMean = Lasting(mean=15, distribution=Distribution.LOGNORMAL)
    talk: LastingOrMean = Lasting(mean=120)
    wrap_up: LastingOrMean = Lasting(mean=30)

    def overridden_by(self, other: "Dialing | None") -> Self:
        """These numbers, with the ones that ``other`` sets itself."""
        if other is None:
            return self
        return self.model_copy(update={key: getattr(other, key) for key in other.model_fields_set})


class Break(Document):
    """Agents who leave and come back (lunch): times in seconds of the simulation's clock.

    ``agents`` of those on duty leave from ``at`` on, over ``spread`` seconds, each after the call
    in hand, and are back ``duration`` after they were due to leave. ``repeatEvery`` makes it happen
    again.
    """

    at: float = Field(ge=0)
    agents: int = Field(ge=1, le=10_000)
    duration: float = Field(gt=0)
    spread: float = Field(default=0.0, ge=0)
    repeat_every: float | None = Field(default=None, gt=0)

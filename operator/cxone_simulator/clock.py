"""The simulation's clock: SimPy's time, tied to the wall clock at some speed, or moved only by
steps.
"""

import asyncio
import math
import time
from collections.abc import Callable

from simpy import Environment

MAXIMUM_SPEED = 10_000.0
#: Events are worked off in batches that are at least this far apart (wall-clock seconds), so that
#: thousands of campaigns don't mean thousands of wake-ups.
TICK = 0.05
#: How long (seconds) a batch may keep the event loop from answering requests.
SLICE = 0.005
#: A clock that is too slow for its speed forgets what it is behind by, once that is more than this
#: (seconds).
FORGIVEN_LAG = 1.0


class Clock:
    """Simulated seconds since the scenario began.

    ``speed`` is simulated seconds per second; 0 stands still, and then only `step` moves it, which
    makes a run deterministic. Nothing runs while no event is due.
    """

    def __init__(self, speed: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.env = Environment()
        self._speed = speed
        self._monotonic = monotonic
        self._anchor = (monotonic(), 0.0)
        self._wake = asyncio.Event()
        self._advancing = asyncio.Lock()

    @property
    def speed(self) -> float:
        """Simulated seconds per wall-clock second."""
        return self._speed

    @property
    def seconds(self) -> float:
        """Simulated seconds since the beginning."""
        return max(float(self.env.now), self._due())

    def set_speed(self, speed: float) -> None:
        """Change the speed from now on: 0 to `MAXIMUM_SPEED`. Raises ValueError outside of that."""
        if not 0 <= speed <= MAXIMUM_SPEED:
            raise ValueError(f"speed must be from 0 to {MAXIMUM_SPEED:g}")
        self.synchronise()
        self._speed = speed
        self._set_anchor()
        self._wake.set()

    def forget_events(self, restart: bool = False) -> None:
        """Drop everything that is scheduled; time goes on, or begins at 0 again."""
        self.env = Environment(initial_time=0.0 if restart else self.seconds)
        self._set_anchor()
        self._wake.set()

    def synchronise(self) -> None:
        """Bring SimPy's time up to the wall clock, so that what is scheduled next isn't in the
        past.
        """
        if not self._advancing.locked():
            target = self._due()
            if self._work_off(target, until=time.perf_counter() + SLICE):
                self._arrive(target)
            else:
                # Too much is due: better a clock that lost time than a caller who waits for it.
                self._set_anchor()
        self._wake.set()

    async def step(self, seconds: float) -> None:
        """Move the clock by this many seconds and let everything happen that is due, its end
        included.
        """
        async with self._advancing:
            await self._advance(self.seconds + seconds)
            self._set_anchor()
        self._wake.set()

    async def run(self) -> None:
        """Follow the wall clock until cancelled."""
        while True:
            try:
                async with asyncio.timeout(self._pause()):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            async with self._advancing:
                await self._advance(self._due())
                if self._speed and self._due() - self.env.now > FORGIVEN_LAG * self._speed:
                    self._set_anchor()

    def _pause(self) -> float | None:
        upcoming = self.env.peek()
        if not self._speed or math.isinf(upcoming):
            return None
        return max(TICK, (upcoming - self._due()) / self._speed)

    def _due(self) -> float:
        wall, simulated = self._anchor
        return simulated + (self._monotonic() - wall) * self._speed

    def _set_anchor(self) -> None:
        self._anchor = (self._monotonic(), float(self.env.now))

    async def _advance(self, target: float) -> None:
        env = self.env
        while not self._work_off(target, until=time.perf_counter() + SLICE):
            await asyncio.sleep(0)
            if self.env is not env:
                return
        self._arrive(target)

    def _work_off(self, target: float, until: float) -> bool:
        """Let what is due by ``target`` happen; False if the slice of real time was over first."""
        env = self.env
        while env.peek() <= target:
            if time.perf_counter() > until:
                return False
            env.step()
        return True

    def _arrive(self, target: float) -> None:
        if target > self.env.now:
            self.env.run(until=target)

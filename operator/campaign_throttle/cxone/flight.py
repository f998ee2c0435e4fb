"""One request for many callers."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Whoever asks while a call is under way gets the outcome of that call.

    A caller that is cancelled leaves the call to the others. The call must have a time limit of its own.
    """

    def __init__(self) -> None:
        self._task: asyncio.Task[T] | None = None

    async def join(self, start: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The outcome of the call under way; of a new one if there is none. Raises what the call raises."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(start())
            # With all callers gone nobody looks at its error: say that it was seen.
            self._task.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(self._task)

    async def close(self) -> None:
        """Cancel the call under way, if there is one."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await self._task

"""Several requests at once, none of which is given up because another one failed."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from campaign_throttle.cxone.errors import CXoneError

T = TypeVar("T")


async def settle(calls: Iterable[Coroutine[Any, Any, T]]) -> list[T | CXoneError]:
    """What each of the calls returned or raised, in their order. Cancelled together with the caller."""

    async def outcome(call: Coroutine[Any, Any, T]) -> T | CXoneError:
        try:
            return await call
        except CXoneError as error:
            return error

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(outcome(call)) for call in calls]
    return [task.result() for task in tasks]


async def all_of(calls: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """What the calls returned. Raises the most telling CXoneError if any failed."""
    outcomes = await settle(calls)
    failures = [outcome for outcome in outcomes if isinstance(outcome, CXoneError)]
    if failures:
        raise most_telling(failures)
    return [outcome for outcome in outcomes if not isinstance(outcome, CXoneError)]


def most_telling(failures: list[CXoneError]) -> CXoneError:
    """The first that only a person can mend; the first of all if there is none."""
    return next((failure for failure in failures if failure.permanent), failures[0])

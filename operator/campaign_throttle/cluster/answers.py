"""What can go wrong with a request to the API server, in a few stable words."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import TypeVar

import aiohttp
from kubernetes.aio.client import ApiException

T = TypeVar("T")


class NotAnswered(Exception):
    """The API server did not do what was asked for; ``status`` is that of its answer, None if there was none."""

    def __init__(self, problem: str, status: int | None = None) -> None:
        super().__init__(problem)
        self.status = status


async def answer(request: Awaitable[T], timeout: timedelta) -> T:
    """The answer to a request.

    Raises:
        NotAnswered: an error, or no answer in time. Without its cause, whose text may hold the answer's body.
    """
    try:
        async with asyncio.timeout(timeout.total_seconds()):
            return await request
    except TimeoutError:
        problem = NotAnswered("the API server did not answer in time")
    except ApiException as error:
        problem = NotAnswered(f"the API server answered {error.status}", error.status)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        problem = NotAnswered(f"the API server can't be reached ({type(error).__name__})")
    raise problem from None

"""Waiting for a condition, never for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PAUSE = 0.02


def wait_for(question: Callable[[], T], what: str, *, seconds: float = 60.0, pause: float = PAUSE) -> T:
    """Ask until the answer is truthy, and return it.

    Raises:
        AssertionError: it didn't become so in time; the message says what was waited for, and the last answer.
    """
    deadline = time.monotonic() + seconds
    while not (answer := question()):
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds} s still waiting for {what}; last seen: {answer!r}")
        time.sleep(pause)
    return answer

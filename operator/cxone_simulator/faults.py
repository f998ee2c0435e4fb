"""Fault rules: which requests go wrong, how, how often and until when."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from cxone_simulator.documents import Document
from cxone_simulator.traffic import EVERY_PATH, PathClass, PathPattern


class When(StrEnum):
    """Whether a fault strikes before or after the request has had its effect (a campaign changed, a
    token granted).
    """

    BEFORE = "before"
    AFTER = "after"


class Rule(Document):
    """Which requests a fault meets. ``share`` is a probability, ``count`` how many times it may
    strike.
    """

    path: PathPattern = EVERY_PATH
    campaign: str | None = None
    skill: str | None = None
    minimum_offset: int | None = Field(default=None, ge=0)
    share: float = Field(default=1.0, ge=0, le=1)
    count: int | None = Field(default=None, ge=1)
    when: When = When.BEFORE


class SpoilsAnAnswer(Rule):
    """A fault that spoils the real answer and so can only come after it was made."""

    when: When = When.AFTER

    @model_validator(mode="after")
    def _only_after(self) -> Self:
        if self.when is not When.AFTER:
            raise ValueError("when: this kind spoils the real answer, so only 'after' is possible")
        return self


class Latency(Rule):
    """The answer comes later. The only kind after which further rules are looked at."""

    kind: Literal["latency"]
    seconds: float = Field(gt=0, le=3600)


class Hang(Rule):
    """No answer until the fault is removed (then the request goes on), or the connection ends at
    the cap.
    """

    kind: Literal["hang"]
    seconds: float = Field(default=600.0, gt=0, le=3600)


class Reset(Rule):
    """The connection is reset (TCP RST) without an answer."""

    kind: Literal["reset"]


class StatusFault(Rule):
    """An error status with a JSON body; ``retryAfter`` becomes the header as it is (seconds or an
    HTTP date).
    """

    kind: Literal["status"]
    code: int = Field(ge=200, le=599)
    retry_after: int | str | None = None


class Html(Rule):
    """200 with an HTML page, as proxies and log-in pages answer."""

    kind: Literal["html"]


class ContentLength(StrEnum):
    """How a truncated answer ends."""

    RIGHT = "right"
    WRONG = "wrong"
    ABSENT = "absent"


class Truncated(SpoilsAnAnswer):
    """The real answer, cut in the middle.

    ``right``: Content-Length says what is sent, only the JSON is broken. ``wrong``: it says what
    should have been sent, then the connection ends. ``absent``: chunked, and the connection ends
    within.
    """

    kind: Literal["truncated"]
    content_length: ContentLength = ContentLength.RIGHT


class WrongTypes(SpoilsAnAnswer):
    """The real answer with values of other types, in the named ``fields`` or in all innermost
    ones.
    """

    kind: Literal["wrong-types"]
    fields: tuple[str, ...] | None = None


class MissingFields(SpoilsAnAnswer):
    """The real answer without the named ``fields``, or without all innermost ones."""

    kind: Literal["missing-fields"]
    fields: tuple[str, ...] | None = None


class Empty(Rule):
    """204 without a body."""

    kind: Literal["empty-204"]


class Redirect(Rule):
    """A redirect to ``location``."""

    kind: Literal["redirect"]
    location: str = Field(min_length=1, max_length=2048, pattern=r"^[\x21-\x7e]+$")
    code: Literal[301, 302, 303, 307, 308] = 302


class Enormous(Rule):
    """A JSON body of so many bytes, streamed; by default its length isn't announced."""

    kind: Literal["enormous"]
    bytes: int = Field(default=200_000_000, ge=100, le=100_000_000_000)
    announced: bool = False


class Drip(SpoilsAnAnswer):
    """The real answer, a byte at a time."""

    kind: Literal["drip"]
    bytes_per_second: float = Field(default=1.0, gt=0, le=1_000_000)


class Body(Rule):
    """Any answer at all."""

    kind: Literal["body"]
    status: int = Field(default=200, ge=200, le=599)
    content_type: str = Field(default="application/json", max_length=200, pattern=r"^[\x20-\x7e]+$")
    text: str = Field(default="", max_length=900_000)


Fault = Annotated[
    Latency
    | Hang
    | Reset
    | StatusFault
    | Html
    | Truncated
    | WrongTypes
    | MissingFields
    | Empty
    | Redirect
    | Enormous
    | Drip
    | Body,
    Field(discriminator="kind"),
]

_RULES = get_args(get_args(Fault)[0])
#: The tags of the union, which pydantic puts into the places of its messages.
KINDS = frozenset(get_args(rule.model_fields["kind"].annotation)[0] for rule in _RULES)


@dataclass(eq=False)
class ActiveFault:
    """A fault in force. ``removed`` is set when it is no longer, and lets its waiting requests
    go.
    """

    id: str
    rule: Fault
    chance: Random
    struck: int = 0
    waiting: int = 0
    removed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def remaining(self) -> int | None:
        """How many times it may still strike; None is without end."""
        return None if self.rule.count is None else self.rule.count - self.struck

    def strikes(
        self,
        path: PathClass,
        campaign: str | None,
        offset: int,
        skill: str | None,
    ) -> bool:
        """Whether this request is met; counts it if so."""
        rule = self.rule
        if (
            rule.path not in (EVERY_PATH, path)
            or (rule.campaign is not None and rule.campaign != campaign)
            or (rule.skill is not None and rule.skill != skill)
            or (rule.minimum_offset is not None and offset < rule.minimum_offset)
            or self.remaining == 0
            or (rule.share < 1 and self.chance.random() >= rule.share)
        ):
            return False
        self.struck += 1
        return True

    async def wait(self, seconds: float) -> bool:
        """Wait, at most until the fault is removed; True if it was."""
        self.waiting += 1
        try:
            async with asyncio.timeout(seconds):
                await self.removed.wait()
        except TimeoutError:
            return False
        finally:
            self.waiting -= 1
        return True


class Faults:
    """The rules in force, in order."""

    def __init__(self, rules: Iterable[Fault], seed: int) -> None:
        self._seed = seed
        self._number = 0
        self._active: dict[str, ActiveFault] = {}
        for rule in rules:
            self.add(rule)

    def add(self, rule: Fault) -> ActiveFault:
        """Put a rule in force, after the others."""
        self._number += 1
        fault_id = f"fault-{self._number}"
        self._active[fault_id] = ActiveFault(fault_id, rule, Random(f"{self._seed}/{fault_id}"))
        return self._active[fault_id]

    def all(self) -> list[ActiveFault]:
        """The rules in force, used-up ones included."""
        return list(self._active.values())

    def remove(self, fault_id: str) -> bool:
        """Take a rule out of force and let its waiting requests go at once; False if it isn't
        there.
        """
        fault = self._active.pop(fault_id, None)
        if fault is not None:
            fault.removed.set()
        return fault is not None

    def clear(self) -> int:
        """Take all rules out of force; says how many."""
        removed = [self.remove(fault_id) for fault_id in list(self._active)]
        return len(removed)

    def meet(
        self,
        path: PathClass,
        campaign: str | None,
        offset: int,
        skill: str | None = None,
    ) -> list[ActiveFault]:
        """The faults that strike this request: any latencies, and at most one of another kind, the
        last.
        """
        met: list[ActiveFault] = []
        for fault in self._active.values():
            if fault.strikes(path, campaign, offset, skill):
                met.append(fault)
                if not isinstance(fault.rule, Latency):
                    break
        return met

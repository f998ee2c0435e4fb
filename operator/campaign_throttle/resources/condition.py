"""What the status of every kind has: the generation it speaks of, and its conditions."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from campaign_throttle.resources.fields import Resource, Time

#: The greatest integer that every JSON reader takes exactly.
GENERATION_MAXIMUM = 2**53 - 1
MESSAGE_LENGTH = 1024
CONDITION_TYPE_PATTERN = (  # metav1.Condition's
    r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$"
)
ConditionStatus = Literal["True", "False", "Unknown"]


class Condition(Resource):
    """A metav1.Condition."""

    type: str = Field(max_length=316, pattern=CONDITION_TYPE_PATTERN, description="Type of the condition.")
    status: ConditionStatus = Field(description="True, False or Unknown.")
    observed_generation: int = Field(
        default=0,
        ge=0,
        le=GENERATION_MAXIMUM,
        description="The metadata.generation that the condition was set upon.",
    )
    last_transition_time: Time = Field(description="When the status of the condition last changed.")
    reason: str = Field(
        min_length=1,
        max_length=1024,
        pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
        description="Why, in one CamelCase word.",
    )
    message: str = Field(max_length=32768, description="Why, for a person.")


def find(conditions: Iterable[Condition] | None, type_: str) -> Condition | None:
    """The condition of a type; None if it isn't there."""
    return next((condition for condition in conditions or () if condition.type == type_), None)


@dataclass(frozen=True)
class Verdict:
    """A condition before it meets the one of the previous status."""

    type: str
    status: ConditionStatus
    reason: str
    message: str

    def after(self, previous: Iterable[Condition] | None, *, generation: int, now: datetime) -> Condition:
        """The condition that follows those of the previous status: its time changes only with its status."""
        before = find(previous, self.type)
        unchanged = before is not None and before.status == self.status
        return Condition(
            type=self.type,
            status=self.status,
            reason=self.reason,
            message=self.message[:MESSAGE_LENGTH],
            observed_generation=generation,
            last_transition_time=before.last_transition_time if before is not None and unchanged else now,
        )


def observed_generation_field() -> Any:
    """``status.observedGeneration``."""
    return Field(
        default=-1,
        ge=-1,
        le=GENERATION_MAXIMUM,
        description="The metadata.generation that this status speaks of; -1 before the operator has seen the object.",
    )


def conditions_field(types: str) -> Any:
    """``status.conditions``, a list of these types."""
    return Field(
        default=None,
        max_length=16,
        description=types,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    )

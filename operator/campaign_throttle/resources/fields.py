"""The field types that all custom resources share: durations, times, and how they look in a CRD."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import durationpy
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic.alias_generators import to_camel

DURATION_PATTERN = r"^([0-9]+([.][0-9]+)?(ms|s|m|h))+$"
DURATION_MAX_LENGTH = 16


class Resource(BaseModel):
    """Base of every part of a custom resource.

    Read-only, camelCase as in Kubernetes, and lenient towards fields that it doesn't know: an object may be
    newer or older than the operator that reads it.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="ignore",
    )


def parse_duration(value: object) -> object:
    """Turn a Go duration string (``30s``, ``1m30s``) into a timedelta; leave anything else to pydantic.

    Raises:
        ValueError: the string is no duration; the message shows one that is.
    """
    if not isinstance(value, str):
        return value
    try:
        return durationpy.from_str(value)
    except (durationpy.DurationError, OverflowError) as error:
        raise ValueError(f"{value[:32]!r} is not a duration such as 30s, 1m30s or 1h") from error


def format_duration(value: timedelta) -> str:
    """The shortest Go duration string of a time: ``1m30s``, ``1h``, ``0s``."""
    seconds = value.total_seconds()
    if seconds and seconds % 3600 == 0:
        return f"{int(seconds // 3600)}h"
    if seconds and seconds % 60 == 0 and seconds < 3600:
        return f"{int(seconds // 60)}m"
    return str(durationpy.to_str(value)) if seconds else "0s"


def format_time(value: datetime) -> str:
    """A metav1.Time: UTC, whole seconds, ``Z``."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration),
    WithJsonSchema({"type": "string", "maxLength": DURATION_MAX_LENGTH}),
]
Time = Annotated[
    AwareDatetime,
    PlainSerializer(format_time),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


def cel(rule: str, message: str) -> dict[str, Any]:
    """One ``x-kubernetes-validations`` rule; the message says what to write instead."""
    return {"rule": rule, "message": message}


def validated(*rules: dict[str, Any], **extra: Any) -> dict[str, Any]:
    """``json_schema_extra`` that carries CEL rules and other schema keywords of Kubernetes."""
    return {"x-kubernetes-validations": list(rules), **extra}


def set_list(**extra: Any) -> dict[str, Any]:
    """``json_schema_extra`` of a list whose items are unique (server-side apply merges it by item)."""
    return {"x-kubernetes-list-type": "set", **extra}


def duration_field(
    name: str,
    *,
    default: str,
    minimum: str,
    maximum: str,
    description: str,
    examples: Sequence[str] = ("30s", "1m30s"),
) -> Any:
    """A duration with bounds, both for the operator and, as a CEL rule, for the API server."""
    low, high = durationpy.from_str(minimum), durationpy.from_str(maximum)
    message = f"{name} must be a duration from {minimum} to {maximum}, for example {' or '.join(examples)}"
    rule = (
        f"self.matches('{DURATION_PATTERN}') && "
        f"duration(self) >= duration('{minimum}') && duration(self) <= duration('{maximum}')"
    )
    return Field(
        default=durationpy.from_str(default),
        ge=low,
        le=high,
        description=description,
        json_schema_extra=validated(cel(rule, message), default=default),
    )

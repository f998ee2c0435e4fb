"""The field types that all custom resources share: durations, times, and how they look in a CRD."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import durationpy
from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

DURATION_PATTERN = r"^([0-9]+([.][0-9]+)?(ms|s|m|h))+$"
DURATION_MAX_LENGTH = 16
_DURATION = re.compile(DURATION_PATTERN)


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


def parse_duration(value: object) -> timedelta:
    """Turn a duration string (``30s``, ``1m30s``) into a timedelta; a timedelta stays as it is.

    As strict as the CRD: the parser alone would also take ``0.01d`` or ``1000000us``, and pydantic ``30``.

    Raises:
        ValueError: this is no duration; the message shows one that is.
    """
    if isinstance(value, timedelta):
        return value
    problem = f"{str(value)[:32]!r} is not a duration such as 30s, 1m30s or 1h"
    if not isinstance(value, str) or len(value) > DURATION_MAX_LENGTH or not _DURATION.fullmatch(value):
        raise ValueError(problem)
    try:
        found: timedelta = durationpy.from_str(value)
    except (durationpy.DurationError, OverflowError) as error:
        raise ValueError(problem) from error
    return found


def format_duration(value: timedelta) -> str:
    """A duration string: ``1m30s``, ``1h``, ``0.5s``, ``0s``; ``parse_duration`` makes the same time of it."""
    minutes, rest = divmod(value, timedelta(minutes=1))
    hours, minutes = divmod(minutes, 60)
    seconds = f"{rest.total_seconds():.6f}".rstrip("0").rstrip(".")
    parts = ((f"{hours}", "h"), (f"{minutes}", "m"), (seconds, "s"))
    return "".join(number + unit for number, unit in parts if number != "0") or "0s"


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


def first_problem(error: ValidationError) -> str:
    """What is wrong with a spec that the API server let pass (it may be older than the CRD), in one line."""
    problem = error.errors(include_input=False, include_url=False, include_context=False)[0]
    field = ".".join(["spec", *(str(part) for part in problem["loc"])])
    return f"{field}: {problem['msg'].removeprefix('Value error, ')}"


def cel(rule: str, message: str) -> dict[str, Any]:
    """One ``x-kubernetes-validations`` rule; the message says what to write instead."""
    return {"rule": rule, "message": message}


def validated(*rules: dict[str, Any], **extra: Any) -> dict[str, Any]:
    """``json_schema_extra`` that carries CEL rules and other schema keywords of Kubernetes."""
    return {"x-kubernetes-validations": list(rules), **extra}


def set_list(**extra: Any) -> dict[str, Any]:
    """``json_schema_extra`` of a list whose items are unique (server-side apply merges it by item)."""
    return {"x-kubernetes-list-type": "set", **extra}


#: RFC 1123 subdomain: what Kubernetes takes as the name of most objects.
NAME_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"


def name_field(description: str) -> Any:
    """The name of another object."""
    return Field(
        min_length=1,
        max_length=253,
        pattern=NAME_PATTERN,
        description=description,
        json_schema_extra=validated(
            cel(
                f"self.matches('{NAME_PATTERN}')",
                "name must be the name of a Kubernetes object: lower case letters, digits, - and ., for example cxone",
            )
        ),
    )


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

"""Documents that people write, scenario files and bodies of the control API: one base, one way to
complain.
"""

from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel


class Document(BaseModel):
    """A part of a scenario or of a control request: camelCase keys, unknown keys refused,
    frozen.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
    )


class ScenarioError(ValueError):
    """A scenario that can't be used. ``problems`` has one line per mistake, each naming its key."""

    def __init__(self, source: str | Path, problems: Iterable[str]) -> None:
        self.source = str(source)
        self.problems = list(problems)
        super().__init__("\n".join(f"{self.source}: {problem}" for problem in self.problems))


def problems_of(error: ValidationError, tags: frozenset[str] = frozenset()) -> list[str]:
    """One line per mistake, each naming the key: ``rateLimits.agents.burst: Input should be …``.

    ``tags`` are words that pydantic puts into a location although no key is called so
    (the tag of a union).
    """
    return [_problem(one["loc"], one["type"], one["msg"], tags) for one in error.errors()]


def _problem(
    location: tuple[int | str, ...],
    kind: str,
    message: str,
    tags: frozenset[str],
) -> str:
    *parents, last = location or ("",)
    # A key may be called like a tag (`status`), but only a tag can fail as a whole.
    is_tag = last in tags and (kind == "value_error" or str(last).startswith("<"))
    keys = [str(part) for part in parents if part not in tags]
    key = ".".join(keys if is_tag or not last else [*keys, str(last)])
    if kind == "extra_forbidden":
        return f"{key}: unknown key"
    message = message.removeprefix("Value error, ")
    return f"{key}: {message}" if key else message

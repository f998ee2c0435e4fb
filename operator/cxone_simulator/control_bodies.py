"""Bodies and queries of the control API, and how they are read: a bad one is 400 and names the
field.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Self, TypeVar

from aiohttp import web
from pydantic import BaseModel, Field, ValidationError, model_validator

from cxone_simulator.acd_setup import SkillSetup
from cxone_simulator.clock import MAXIMUM_SPEED
from cxone_simulator.documents import Document, problems_of
from cxone_simulator.journal import CAPACITY
from cxone_simulator.model import AgentState
from cxone_simulator.scenario import Mode
from cxone_simulator.traffic import PathClass

DEFAULT_JOURNAL_LIMIT = 10_000

#: Method, path and handler of one route.
Route = tuple[str, str, Callable[[web.Request], Awaitable[web.Response]]]
BodyT = TypeVar("BodyT", bound=BaseModel)


class ModeChange(Document):
    """Body of ``PUT /_sim/agents/mode``."""

    mode: Mode


class AgentChange(Document):
    """Body of ``PUT /_sim/agents/{id}``: a state, or NICE's number of one (0 to 8, negative ones are
    pending).
    """

    state: AgentState | None = None
    state_id: int | None = Field(default=None, ge=-100, le=100)

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.state is None) == (self.state_id is None):
            raise ValueError("state: give either state or stateId")
        return self


class ActiveChange(Document):
    """Body of ``POST /_sim/campaigns/{id}/active``."""

    active: bool


class RunningChange(Document):
    """Body of ``POST /_sim/skills/{id}/running``; ``force`` is for stopping."""

    running: bool
    force: bool = False


class NewSkill(SkillSetup):
    """Body of ``PUT /_sim/skills/{id}``: the skill and the campaign that it is to belong to."""

    campaign: str = Field(min_length=1, max_length=128)


class StatusChange(Document):
    """Body of ``POST /_sim/campaigns/{id}/status``."""

    status: str = Field(min_length=1, max_length=256)


class PageCap(Document):
    """Body of ``PUT /_sim/page-cap``; null lifts the cap."""

    cap: int | None = Field(ge=1)


class PutStatus(Document):
    """Body of ``PUT /_sim/put-status``: what the tenant answers to a PUT that it accepted."""

    status: Annotated[int, Field(ge=200, le=204)]

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if self.status not in (200, 204):
            raise ValueError("status: must be 200 or 204")
        return self


class ClockChange(Document):
    """Body of ``POST /_sim/clock``: a new speed, a step in simulated seconds, or both in this
    order.
    """

    speed: float | None = Field(default=None, ge=0, le=MAXIMUM_SPEED)
    step: float | None = Field(default=None, gt=0, le=31 * 86_400)

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.speed is None and self.step is None:
            raise ValueError("give speed, step or both")
        return self


class Revocation(Document):
    """Body of ``POST /_sim/tokens/revoke``; without a client all tokens go."""

    client: str | None = None


class JournalQuery(Document):
    """Query of the journal: entries after ``since``, of one path class, one client, access key or
    tenant, the newest ``limit`` of them.
    """

    since: int = Field(default=0, ge=0)
    path: PathClass | None = None
    client: str | None = None
    access_key: str | None = None
    tenant: str | None = None
    limit: int = Field(default=DEFAULT_JOURNAL_LIMIT, ge=1, le=CAPACITY)


async def read_body(request: web.Request, model: type[BodyT]) -> BodyT:
    """The body of a request; an empty one stands for ``{}``. Raises HTTPBadRequest."""
    try:
        return model.model_validate_json(await request.read() or b"{}")
    except ValidationError as error:
        raise bad_request(*problems_of(error)) from None


def journal_query(request: web.Request) -> JournalQuery:
    """The query of a request for the journal. Raises HTTPBadRequest."""
    try:
        return JournalQuery.model_validate(dict(request.rel_url.query))
    except ValidationError as error:
        raise bad_request(*problems_of(error)) from None


def bad_request(*problems: str) -> web.HTTPBadRequest:
    """400, with one line per mistake."""
    body = {"error": "; ".join(problems), "problems": list(problems)}
    return web.HTTPBadRequest(text=web.json_response(body).text, content_type="application/json")


def not_found(thing: str, name: str) -> web.HTTPNotFound:
    """404 for a thing that the simulation doesn't have."""
    body = web.json_response({"error": f"no {thing} {name}"})
    return web.HTTPNotFound(text=body.text, content_type="application/json")


def plain(document: Document, without: set[str] | None = None) -> dict[str, Any]:
    """A document as JSON has it, without what isn't set."""
    return document.model_dump(mode="json", by_alias=True, exclude=without, exclude_none=True)

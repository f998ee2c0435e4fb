"""What every request to the tenant passes, whatever the dialect: journal, faults, rate limit,
token, scope.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

from cxone_simulator.access_keys import ACD_SCOPE, tenant_of
from cxone_simulator.answers import Answer, Refused, error_answer, json_answer
from cxone_simulator.fault_answers import NoAnswer, strike
from cxone_simulator.faults import ActiveFault, Latency, When
from cxone_simulator.journal import Entry
from cxone_simulator.oauth import TokenState
from cxone_simulator.simulation import Simulation
from cxone_simulator.traffic import PathClass


@dataclass
class Call:
    """One request on its way: what an effect needs to know. ``client_id`` is None where no token is
    needed.
    """

    request: web.Request
    body: bytes
    entry: Entry
    client_id: str | None = None

    @property
    def campaign_id(self) -> str:
        """The campaign in the path, unquoted."""
        return self.request.match_info["campaign"]


#: Makes an error answer from a status, an error word, a description and headers.
Refusal = Callable[[int, str, str, Mapping[str, str] | None], Answer]


@dataclass(frozen=True)
class Operation:
    """A thing that the tenant does: its path class, the scope it takes (None: no token), and its
    effect.

    ``note`` puts into the journal what only the dialect can read from a request, before any fault
    strikes. ``refusal`` is the shape of its errors.
    """

    path_class: PathClass
    scope: str | None
    effect: Callable[[Call], Answer]
    note: Callable[[Call], None] | None = None
    refusal: Refusal = error_answer


class Dialect(Protocol):
    """One way to speak to the tenant: method, path pattern and operation of each route."""

    def routes(self) -> Sequence[tuple[str, str, Operation]]:
        """The routes. A pattern names the campaign ``{campaign}`` and the skill ``{skill}``."""


class FrontDoor:
    """Serves operations."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    async def serve(self, request: web.Request, operation: Operation) -> web.StreamResponse:
        """Answer one request, and write into the journal how that went."""
        path = request.rel_url.raw_path
        simulation = self._simulation
        entry = simulation.journal.open(
            simulation.now(),
            request.method,
            operation.path_class,
            path,
            request.rel_url.raw_query_string,
        )
        entry.campaign = request.match_info.get("campaign")
        entry.skill = request.match_info.get("skill")
        self._note_bearer(entry, _bearer(request))
        try:
            call = Call(request, await _read(request), entry)
            if operation.note is not None:
                operation.note(call)
            response = await self._with_faults(call, operation)
        except Refused as refused:
            response = refused.answer.response()
        except ConnectionError:
            return NoAnswer()
        if not isinstance(response, NoAnswer):
            entry.status = response.status
        return response

    def _note_bearer(self, entry: Entry, bearer: str | None) -> None:
        if bearer is None:
            return
        token = self._simulation.tokens.granted_as(bearer)
        if token is None:
            entry.tenant = tenant_of(bearer)
        else:
            entry.client, entry.access_key = token.client_id, token.access_key
            entry.tenant = self._simulation.acd.tenant_id if token.access_key else None

    async def _with_faults(self, call: Call, operation: Operation) -> web.StreamResponse:
        met = self._simulation.faults.meet(
            operation.path_class,
            call.entry.campaign,
            _offset(call.request),
            call.entry.skill,
        )
        if not met:
            return self._answer(call, operation).response()
        spoilt = await self._strike(call, met, When.BEFORE, None)
        if spoilt is not None:
            return spoilt
        answer = self._answer(call, operation)
        spoilt = await self._strike(call, met, When.AFTER, answer)
        return answer.response() if spoilt is None else spoilt

    @staticmethod
    async def _strike(
        call: Call, met: list[ActiveFault], when: When, answer: Answer | None
    ) -> web.StreamResponse | None:
        for fault in met:
            if fault.rule.when is not when:
                continue
            if isinstance(fault.rule, Latency):
                await fault.wait(fault.rule.seconds)
            else:
                return await strike(call.request, fault, answer)
        return None

    def _answer(self, call: Call, operation: Operation) -> Answer:
        try:
            self._admit(operation)
            if operation.scope is not None:
                call.client_id = self._authorise(call, operation.scope, operation.refusal)
            return operation.effect(call)
        except Refused as refused:
            return refused.answer

    def _admit(self, operation: Operation) -> None:
        refusal = self._simulation.rate_limits.admit(operation.path_class)
        if refusal is not None:
            headers = {} if refusal.retry_after is None else {"Retry-After": refusal.retry_after}
            description = f"too many requests for {operation.path_class}"
            raise Refused(operation.refusal(429, "rate_limited", description, headers))

    def _authorise(self, call: Call, scope: str, refusal: Refusal) -> str:
        bearer = _bearer(call.request)
        token = self._simulation.tokens.check(bearer) if bearer else TokenState.UNKNOWN
        if isinstance(token, TokenState):
            description = f"the access token is {token}" if bearer else "a bearer token is needed"
            challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"' if bearer else "Bearer"}
            raise Refused(refusal(401, "invalid_token", description, challenge))
        if scope not in token.scopes and scope == ACD_SCOPE:
            raise Refused(refusal(401, "invalid_token", "the access token is for another API", None))
        if scope not in token.scopes:
            body = {
                "error": "insufficient_scope",
                "error_description": f"this needs the scope {scope}",
                "scope": scope,
            }
            challenge = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'}
            raise Refused(json_answer(403, body, challenge))
        return token.client_id


def unknown_path(status: int, at_acd: bool = False) -> Operation:
    """What is served where the tenant has no such path (404) or method (405), at the ACD's API or
    elsewhere.
    """
    error = "not_found" if status == 404 else "method_not_allowed"
    description = "no such path" if status == 404 else "no such method on this path"
    headers = {"icStatusDescription": description} if at_acd else {}
    answer = error_answer(status, error, description, headers)
    return Operation(PathClass.OTHER, None, lambda _call: answer)


def _bearer(request: web.Request) -> str | None:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" and value.strip() else None


def _offset(request: web.Request) -> int:
    try:
        query = request.rel_url.query
        return int(query.get("offset", query.get("skip", "0")))
    except ValueError:
        return 0


async def _read(request: web.Request) -> bytes:
    try:
        return await request.read() if request.can_read_body else b""
    except web.HTTPRequestEntityTooLarge:
        raise Refused(error_answer(413, "too_large", "the request's body is too large")) from None

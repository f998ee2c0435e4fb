"""The control API's part that changes how requests fare: faults, limits, clients; and shows the
journal.
"""

from collections.abc import Sequence

from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from cxone_simulator.access_keys import AccessKey
from cxone_simulator.control_bodies import (
    PageCap,
    PutStatus,
    Revocation,
    Route,
    bad_request,
    journal_query,
    not_found,
    plain,
    read_body,
)
from cxone_simulator.documents import problems_of
from cxone_simulator.faults import KINDS, ActiveFault, Fault
from cxone_simulator.oauth import OAuthClient
from cxone_simulator.rate_limits import RateLimit
from cxone_simulator.simulation import Simulation
from cxone_simulator.traffic import PathClass

_FAULT: TypeAdapter[Fault] = TypeAdapter(Fault)


class TrafficControl:
    """What becomes of the requests of the tenant's clients."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def routes(self) -> Sequence[Route]:
        """Method, path and handler of each route."""
        return (
            ("GET", "/_sim/faults", self.faults),
            ("POST", "/_sim/faults", self.add_fault),
            ("DELETE", "/_sim/faults", self.clear_faults),
            ("DELETE", "/_sim/faults/{fault}", self.remove_fault),
            ("GET", "/_sim/rate-limits", self.rate_limits),
            ("PUT", "/_sim/rate-limits/{path}", self.set_rate_limit),
            ("DELETE", "/_sim/rate-limits/{path}", self.remove_rate_limit),
            ("PUT", "/_sim/page-cap", self.set_page_cap),
            ("PUT", "/_sim/put-status", self.set_put_status),
            ("GET", "/_sim/clients", self.clients),
            ("PUT", "/_sim/clients/{client}", self.set_client),
            ("DELETE", "/_sim/clients/{client}", self.remove_client),
            ("GET", "/_sim/access-keys", self.access_keys),
            ("PUT", "/_sim/access-keys/{key}", self.set_access_key),
            ("DELETE", "/_sim/access-keys/{key}", self.remove_access_key),
            ("GET", "/_sim/tokens", self.tokens),
            ("POST", "/_sim/tokens/revoke", self.revoke_tokens),
            ("GET", "/_sim/requests", self.requests),
            ("GET", "/_sim/requests/summary", self.request_summary),
            ("DELETE", "/_sim/requests", self.clear_requests),
        )

    async def faults(self, _request: web.Request) -> web.Response:
        """The faults in force, in order."""
        faults = [_fault_document(fault) for fault in self._simulation.faults.all()]
        return web.json_response({"faults": faults})

    async def add_fault(self, request: web.Request) -> web.Response:
        """Put a fault in force, after the others."""
        try:
            rule = _FAULT.validate_json(await request.read())
        except ValidationError as error:
            raise bad_request(*problems_of(error, KINDS)) from None
        return web.json_response(_fault_document(self._simulation.faults.add(rule)), status=201)

    async def clear_faults(self, _request: web.Request) -> web.Response:
        """Remove all faults."""
        return web.json_response({"removed": self._simulation.faults.clear()})

    async def remove_fault(self, request: web.Request) -> web.Response:
        """Remove one fault; what hangs on it goes on at once."""
        if not self._simulation.faults.remove(request.match_info["fault"]):
            raise not_found("fault", request.match_info["fault"])
        return web.Response(status=204)

    async def rate_limits(self, _request: web.Request) -> web.Response:
        """The limits in force per path class."""
        limits = self._simulation.rate_limits.all().items()
        return web.json_response({path: plain(limit) for path, limit in limits})

    async def set_rate_limit(self, request: web.Request) -> web.Response:
        """Put a limit on a path class, with a full bucket."""
        limit = await read_body(request, RateLimit)
        self._simulation.rate_limits.set(_path_class(request), limit)
        return web.json_response(plain(limit))

    async def remove_rate_limit(self, request: web.Request) -> web.Response:
        """Lift a limit; it is no error if there is none."""
        self._simulation.rate_limits.remove(_path_class(request))
        return web.Response(status=204)

    async def set_page_cap(self, request: web.Request) -> web.Response:
        """Cap the pages of agents below what clients ask for, or lift the cap."""
        self._simulation.page_cap = (await read_body(request, PageCap)).cap
        return web.json_response({"cap": self._simulation.page_cap})

    async def set_put_status(self, request: web.Request) -> web.Response:
        """Choose whether an accepted PUT is answered by the campaign (200) or by nothing (204)."""
        self._simulation.put_status = (await read_body(request, PutStatus)).status
        return web.json_response({"status": self._simulation.put_status})

    async def clients(self, _request: web.Request) -> web.Response:
        """The clients without their secrets."""
        clients = self._simulation.tokens.clients().items()
        return web.json_response(
            {client_id: plain(client, {"secret"}) for client_id, client in clients},
        )

    async def set_client(self, request: web.Request) -> web.Response:
        """Create or replace a client; tokens granted before stay good."""
        client = await read_body(request, OAuthClient)
        client_id = request.match_info["client"]
        self._simulation.tokens.set_client(client_id, client)
        return web.json_response({"id": client_id, **plain(client, {"secret"})})

    async def remove_client(self, request: web.Request) -> web.Response:
        """Remove a client and revoke its tokens."""
        if not self._simulation.tokens.remove_client(request.match_info["client"]):
            raise not_found("client", request.match_info["client"])
        return web.Response(status=204)

    async def access_keys(self, _request: web.Request) -> web.Response:
        """The access keys without their secrets."""
        keys = self._simulation.access_keys.all().items()
        return web.json_response({key_id: plain(key, {"secret"}) for key_id, key in keys})

    async def set_access_key(self, request: web.Request) -> web.Response:
        """Create or replace an access key; tokens granted before stay good."""
        key = await read_body(request, AccessKey)
        key_id = request.match_info["key"]
        self._simulation.access_keys.set(key_id, key)
        return web.json_response({"id": key_id, **plain(key, {"secret"})})

    async def remove_access_key(self, request: web.Request) -> web.Response:
        """Remove an access key and revoke its tokens."""
        if not self._simulation.access_keys.remove(request.match_info["key"]):
            raise not_found("access key", request.match_info["key"])
        return web.Response(status=204)

    async def tokens(self, _request: web.Request) -> web.Response:
        """How many tokens were granted and are alive, in all and per client."""
        granted, alive = self._simulation.tokens.granted(), self._simulation.tokens.alive()
        clients = {
            client: {"granted": granted[client], "alive": alive[client]}
            for client in sorted({*granted, *self._simulation.tokens.clients()})
        }
        return web.json_response(
            {"granted": granted.total(), "alive": alive.total(), "clients": clients},
        )

    async def revoke_tokens(self, request: web.Request) -> web.Response:
        """Revoke the tokens of one client or access key, or all."""
        revocation = await read_body(request, Revocation)
        return web.json_response({"revoked": self._simulation.tokens.revoke(revocation.client)})

    async def requests(self, request: web.Request) -> web.Response:
        """The journal, oldest first."""
        query = journal_query(request)
        entries = [
            entry
            for entry in self._simulation.journal.entries(query.since, query.path)
            if query.client in (None, entry.client)
            and query.access_key in (None, entry.access_key)
            and query.tenant in (None, entry.tenant)
        ]
        newest = entries[-query.limit :]
        return web.json_response(
            {
                "lastSeq": self._simulation.journal.last_seq,
                "matched": len(entries),
                "requests": [entry.document() for entry in newest],
            }
        )

    async def request_summary(self, request: web.Request) -> web.Response:
        """How many requests per path class, status and client."""
        query = journal_query(request)
        counts = self._simulation.journal.summary(query.since)
        rows = [
            {"pathClass": path, "status": status, "client": client, "count": number}
            for (path, status, client), number in sorted(counts.items(), key=str)
            if query.path in (None, path)
        ]
        total = sum(counts[key] for key in counts if query.path in (None, key[0]))
        return web.json_response(
            {"lastSeq": self._simulation.journal.last_seq, "total": total, "counts": rows},
        )

    async def clear_requests(self, _request: web.Request) -> web.Response:
        """Empty the journal; its numbers go on."""
        self._simulation.journal.clear()
        return web.Response(status=204)


def _fault_document(fault: ActiveFault) -> dict[str, object]:
    return {
        "id": fault.id,
        **plain(fault.rule),
        "struck": fault.struck,
        "remaining": fault.remaining,
        "waiting": fault.waiting,
    }


def _path_class(request: web.Request) -> PathClass:
    try:
        return PathClass(request.match_info["path"])
    except ValueError:
        raise bad_request(f"path: must be one of {', '.join(PathClass)}") from None

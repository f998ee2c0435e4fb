"""The `Campaigns` dialect, the default of the operator: OAuth token, agents by state, campaigns by
id.
"""

import json
from collections.abc import Sequence
from urllib.parse import parse_qsl

from cxone_simulator.answers import Answer, Refused, error_answer, json_answer
from cxone_simulator.front_door import Call, Operation
from cxone_simulator.model import PAUSED, RUNNING, AgentState, Campaign
from cxone_simulator.oauth import TokenRefused
from cxone_simulator.simulation import Simulation
from cxone_simulator.traffic import PathClass

FORM_TYPE = "application/x-www-form-urlencoded"
MAXIMUM_LIMIT = 500
DEFAULT_LIMIT = 100


class CampaignsDialect:
    """Reads and changes one simulation as an API client does."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def routes(self) -> Sequence[tuple[str, str, Operation]]:
        """The four paths, each with the scope that it takes."""
        campaign = "/api/v2/campaigns/{campaign}"
        return (
            (
                "POST",
                "/oauth2/token",
                Operation(PathClass.TOKEN, None, self.grant_token, _note_client),
            ),
            (
                "GET",
                "/api/v2/interactions/agents",
                Operation(PathClass.AGENTS, "interactions:agents:read", self.list_agents),
            ),
            (
                "GET",
                campaign,
                Operation(PathClass.CAMPAIGN_READ, "campaigns:read", self.read_campaign),
            ),
            (
                "PUT",
                campaign,
                Operation(
                    PathClass.CAMPAIGN_WRITE,
                    "campaigns:write",
                    self.change_campaign,
                    _note_wanted_status,
                ),
            ),
        )

    def grant_token(self, call: Call) -> Answer:
        """``POST /oauth2/token``: a form with ``grant_type=client_credentials``; errors as in RFC
        6749 §5.2.
        """
        if call.request.content_type != FORM_TYPE:
            return error_answer(400, "invalid_request", f"the body must be {FORM_TYPE}")
        try:
            grant = self._simulation.tokens.grant(_form(call.body))
        except TokenRefused as refused:
            return error_answer(refused.status, refused.error, str(refused))
        document = {
            "access_token": grant.access_token,
            "token_type": "Bearer",
            "expires_in": grant.expires_in,
            "scope": " ".join(grant.scopes),
        }
        return json_answer(200, document, {"Cache-Control": "no-store"})

    def list_agents(self, call: Call) -> Answer:
        """``GET /api/v2/interactions/agents?state=&limit=&offset=``: one page, in stable order.

        Without ``state`` it is agents in any state. The page may be capped below ``limit``.
        """
        query = call.request.rel_url.query
        state = _agent_state(query.get("state"))
        limit = _number(
            query.get("limit"),
            "limit",
            default=DEFAULT_LIMIT,
            least=1,
            most=MAXIMUM_LIMIT,
        )
        offset = _number(query.get("offset"), "offset", default=0, least=0, most=10**9)
        cap = self._simulation.page_cap
        page = self._simulation.tenant.agents(
            state,
            offset,
            limit if cap is None else min(limit, cap),
        )
        return json_answer(
            200,
            {"items": [{"id": a.id, "name": a.name, "state": a.state} for a in page]},
        )

    def read_campaign(self, call: Call) -> Answer:
        """``GET /api/v2/campaigns/{id}``."""
        return json_answer(200, _campaign_document(self._campaign(call)))

    def change_campaign(self, call: Call) -> Answer:
        """``PUT /api/v2/campaigns/{id}`` with ``{"status": "PAUSED" | "RUNNING"}``.

        A campaign that is neither paused nor running takes no change: 409.
        """
        campaign = self._campaign(call)
        wanted = _wanted_status(call.body)
        if call.request.content_type != "application/json" or wanted not in (PAUSED, RUNNING):
            return error_answer(
                400,
                "bad_request",
                f'a JSON body with "status" {PAUSED} or {RUNNING} is needed',
            )
        if campaign.status not in (PAUSED, RUNNING):
            return error_answer(409, "conflict", f"campaign {campaign.id} is {campaign.status}")
        self._simulation.tenant.change_status(campaign, wanted, f"api:{call.client_id}")
        if self._simulation.put_status == 204:
            return Answer(204, content_type=None)
        return json_answer(200, _campaign_document(campaign))

    def _campaign(self, call: Call) -> Campaign:
        campaign = self._simulation.tenant.campaign(call.campaign_id)
        if campaign is None:
            raise Refused(error_answer(404, "not_found", f"no campaign {call.campaign_id}"))
        return campaign


def _campaign_document(campaign: Campaign) -> dict[str, str]:
    return {
        "id": campaign.id,
        "name": campaign.name,
        "status": campaign.status,
        "updatedTimestamp": campaign.updated_timestamp,
    }


def _form(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def _note_client(call: Call) -> None:
    client = _form(call.body).get("client_id")
    call.entry.client = client[:128] if client else None


def _note_wanted_status(call: Call) -> None:
    wanted = _wanted_status(call.body)
    call.entry.wanted_status = wanted[:128] if wanted else None


def _wanted_status(body: bytes) -> str | None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    status = document.get("status") if isinstance(document, dict) else None
    return status if isinstance(status, str) else None


def _agent_state(text: str | None) -> AgentState | None:
    if text is None:
        return None
    try:
        return AgentState(text)
    except ValueError:
        known = ", ".join(AgentState)
        raise Refused(error_answer(400, "bad_request", f"state: must be one of {known}")) from None


def _number(text: str | None, name: str, *, default: int, least: int, most: int) -> int:
    if text is None:
        return default
    if text.isascii() and text.isdigit() and len(text) <= 10 and least <= int(text) <= most:
        return int(text)
    raise Refused(
        error_answer(400, "bad_request", f"{name}: must be a number from {least} to {most}"),
    )

"""How a client of the ACD dialect finds a tenant and signs in: discovery and the two token endpoints
(cxone.md §2).
"""

import json
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qsl

from cxone_simulator.access_keys import basic_credentials
from cxone_simulator.acd_answers import refusal
from cxone_simulator.answers import Answer, Refused, json_answer
from cxone_simulator.front_door import Call, Operation
from cxone_simulator.oauth import Grant, TokenRefused
from cxone_simulator.simulation import Simulation
from cxone_simulator.traffic import PathClass

FORM_TYPE = "application/x-www-form-urlencoded"


class AcdSignIn:
    """Discovery of one tenant and the tokens for it."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def routes(self) -> Sequence[tuple[str, str, Operation]]:
        """The four paths; none needs a token."""
        return (
            self._route("GET", "/.well-known/openid-configuration", self.openid_configuration),
            self._route("GET", "/.well-known/cxone-configuration", self.cxone_configuration),
            self._route("POST", "/auth/token", self.password_grant, _note_password),
            self._route(
                "POST",
                "/authentication/v1/token/access-key",
                self.access_key_token,
                _note_access_key,
            ),
        )

    def _route(
        self,
        method: str,
        path: str,
        effect: Callable[[Call], Answer],
        note: Callable[[Call], None] | None = None,
    ) -> tuple[str, str, Operation]:
        path_class = PathClass.DISCOVERY if method == "GET" else PathClass.TOKEN
        return method, path, Operation(path_class, None, effect, note, self._refusal)

    def openid_configuration(self, call: Call) -> Answer:
        """``GET /.well-known/openid-configuration``."""
        own = str(call.request.url.origin())
        return json_answer(
            200,
            {
                "issuer": own,
                "token_endpoint": self._simulation.acd.token_endpoint or f"{own}/auth/token",
                "grant_types_supported": ["password", "refresh_token"],
            },
        )

    def cxone_configuration(self, call: Call) -> Answer:
        """``GET /.well-known/cxone-configuration?tenantId=``; 404 for a tenant that isn't here."""
        settings = self._simulation.acd
        wanted = call.request.rel_url.query.get("tenantId")
        if not wanted:
            raise Refused(self._refusal(400, "InvalidRequest", "tenantId is missing"))
        if wanted != settings.tenant_id:
            raise Refused(self._refusal(404, "NotFound", f"no tenant {wanted[:128]}"))
        return json_answer(
            200,
            {
                "tenantId": settings.tenant_id,
                "area": settings.area,
                "cluster": settings.cluster,
                "domain": settings.domain,
                "api_endpoint": settings.api_endpoint or str(call.request.url.origin()),
            },
        )

    def password_grant(self, call: Call) -> Answer:
        """``POST /auth/token``: a form with ``grant_type=password``, the access key as ``username``
        and ``password``, the client by HTTP Basic.
        """
        if call.request.content_type != FORM_TYPE:
            return self._refusal(400, "invalid_request", f"the body must be {FORM_TYPE}")
        basic = basic_credentials(call.request.headers.get("Authorization", ""))
        try:
            grant = self._simulation.access_keys.grant_password(
                basic,
                _form(call.body),
                self._claims(),
            )
        except TokenRefused as refused:
            return self._refusal(refused.status, refused.error, str(refused))
        return _granted(grant)

    def access_key_token(self, call: Call) -> Answer:
        """``POST /authentication/v1/token/access-key``: JSON ``{accessKeyId, accessKeySecret}``."""
        document = _json(call.body)
        key_id, secret = document.get("accessKeyId"), document.get("accessKeySecret")
        if (
            call.request.content_type != "application/json"
            or not isinstance(key_id, str)
            or not isinstance(secret, str)
        ):
            description = "a JSON body with accessKeyId and accessKeySecret is needed"
            return self._refusal(400, "invalid_request", description)
        try:
            grant = self._simulation.access_keys.grant_key(key_id, secret, self._claims())
        except TokenRefused as refused:
            return self._refusal(refused.status, refused.error, str(refused))
        if self._simulation.acd.access_key_answer == "access_token":
            return _granted(grant)
        return json_answer(
            200,
            {
                "token": grant.access_token,
                "tokenExpirationTimeSec": grant.expires_in,
                "refreshToken": grant.refresh_token,
                "refreshTokenExpirationTimeSec": grant.expires_in,
            },
            {"Cache-Control": "no-store"},
        )

    def _claims(self) -> dict[str, str]:
        settings = self._simulation.acd
        return {"tenantId": settings.tenant_id, "area": settings.area}

    def _refusal(self, status: int, error: str, description: str, headers: Any = None) -> Answer:
        return refusal(status, error, description, headers, body=self._simulation.acd.error_body)


def _granted(grant: Grant) -> Answer:
    return json_answer(
        200,
        {
            "access_token": grant.access_token,
            "token_type": "Bearer",
            "expires_in": grant.expires_in,
            "refresh_token": grant.refresh_token,
        },
        {"Cache-Control": "no-store"},
    )


def _form(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def _json(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _note_password(call: Call) -> None:
    basic = basic_credentials(call.request.headers.get("Authorization", ""))
    call.entry.client = basic[0][:128] if basic else None
    call.entry.access_key = _form(call.body).get("username", "")[:128] or None


def _note_access_key(call: Call) -> None:
    key_id = _json(call.body).get("accessKeyId")
    if isinstance(key_id, str) and key_id:
        call.entry.client = call.entry.access_key = key_id[:128]

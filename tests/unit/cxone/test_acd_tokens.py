"""Discovery and both grants: what is asked for where, and what their answers come to."""

import base64
import json
from urllib.parse import unquote_plus

import pytest
from pydantic import SecretStr

from campaign_throttle.cxone.acd import AcdSettings, discovery
from campaign_throttle.cxone.acd.discovery import Discovery, Endpoints
from campaign_throttle.cxone.acd.grants import AcdGrant, basic, read_token, tenant_of
from campaign_throttle.cxone.auth import Token
from campaign_throttle.cxone.errors import (
    CredentialsRejected,
    CXoneError,
    CXoneServerError,
    CXoneUnreachable,
    EndpointNotAllowed,
    InvalidResponse,
)
from campaign_throttle.cxone.transport import Answer

ISSUER, API = "https://cxone.niceincontact.com", "https://api-na1.niceincontact.com"
TENANT = "11eb9d5e-0000-4000-8000-0242ac110002"
SECRET, CLIENT_SECRET = "s3cret+of/the=key==", "s3cret:of the&client="
OPENID, CXONE = f"{ISSUER}/.well-known/openid-configuration", f"{ISSUER}/.well-known/cxone-configuration"
TOKEN_URL = "https://na1.nice-incontact.com/authentication/v1/token/access-key"
DOCUMENTS = {
    OPENID: {"issuer": ISSUER, "token_endpoint": f"{ISSUER}/auth/token"},
    CXONE: {"api_endpoint": API, "area": "na1", "cluster": "c7", "domain": "niceincontact.com"},
}
GRANTED = {"access_token": "t0ken", "expires_in": 3600, "refresh_token": "r", "token_type": "Bearer"}


def settings(**differences):
    found = {"tenant_id": TENANT, "access_key_id": "K=EY", "access_key_secret": SecretStr(SECRET)}
    client = {"client_id": "client@id", "client_secret": SecretStr(CLIENT_SECRET)}
    return AcdSettings(**found | client | differences)


def answer(found, status=200, content_type="application/json"):
    body = found if isinstance(found, bytes) else json.dumps(found).encode()
    return Answer("token", status, {"content-type": content_type}, body)


class CXone:
    """Answers discovery by the documents and everything else with a token; remembers what was sent."""

    def __init__(self, **documents):
        self.documents = DOCUMENTS | documents
        self.sent = []

    async def send(self, request):
        self.sent.append(request)
        found = self.documents.get(request.url, GRANTED)
        if isinstance(found, Exception):
            raise found
        return found if isinstance(found, Answer) else answer(found)

    @property
    def urls(self):
        return [request.url for request in self.sent]


async def obtain(cxone, found=None):
    found = found or settings()
    return await AcdGrant(found, Discovery(found)).obtain(cxone.send)


# Discovery


async def test_the_token_endpoint_and_the_api_are_discovered():
    cxone, found = CXone(), settings()
    known = Discovery(found)
    await AcdGrant(found, known).obtain(cxone.send)
    assert cxone.urls == [OPENID, CXONE, f"{ISSUER}/auth/token"]
    assert cxone.sent[1].params == {"tenantId": TENANT}
    assert known.known == Endpoints(f"{ISSUER}/auth/token", API)


async def test_the_discovered_token_endpoint_wins_over_the_issuers():
    cxone = CXone(**{OPENID: {"token_endpoint": "https://eu1.niceincontact.com/t"}})
    await obtain(cxone)
    assert cxone.urls[-1] == "https://eu1.niceincontact.com/t"


@pytest.mark.parametrize("document", [{}, {"token_endpoint": None}, answer({}, 404)], ids=["none", "null", "404"])
async def test_without_a_discovered_token_endpoint_it_is_the_issuers(document):
    cxone = CXone(**{OPENID: document})
    await obtain(cxone, settings(issuer=ISSUER + "/"))
    assert cxone.urls[-1] == f"{ISSUER}/auth/token"


async def test_what_the_settings_say_is_not_asked_for():
    cxone = CXone()
    await obtain(cxone, settings(token_url=TOKEN_URL))
    assert cxone.urls == [CXONE, TOKEN_URL]
    cxone, found = CXone(), settings(token_url=TOKEN_URL, api_base="https://api-eu1.niceincontact.com/")
    known = Discovery(found)
    await AcdGrant(found, known).obtain(cxone.send)
    assert cxone.urls == [TOKEN_URL]
    assert known.known == Endpoints(TOKEN_URL, "https://api-eu1.niceincontact.com")


async def test_an_overridden_api_does_not_override_the_token_endpoint():
    cxone = CXone()
    await obtain(cxone, settings(api_base="https://api-eu1.niceincontact.com"))
    assert cxone.urls == [OPENID, f"{ISSUER}/auth/token"]


async def test_discovery_is_asked_once_for_many_tokens():
    cxone, found = CXone(), settings()
    grant = AcdGrant(found, Discovery(found))
    for _ in range(3):
        await grant.obtain(cxone.send)
    assert cxone.urls.count(OPENID) == cxone.urls.count(CXONE) == 1


async def test_after_a_while_discovery_is_asked_again_and_missed_by_nobody(monkeypatch):
    monkeypatch.setattr(discovery, "KEPT", 0.0)
    cxone, found = CXone(), settings()
    known = Discovery(found)
    grant = AcdGrant(found, known)
    await grant.obtain(cxone.send)
    cxone.documents[CXONE] = CXoneUnreachable("down")
    await grant.obtain(cxone.send)
    assert known.known.api_base == API
    cxone.documents[CXONE] = {"api_endpoint": "https://api-dr1.niceincontact.com"}
    await grant.obtain(cxone.send)
    assert known.known.api_base == "https://api-dr1.niceincontact.com"


@pytest.mark.parametrize(
    ("document", "error"),
    [
        (answer({}, 404), InvalidResponse),
        (answer({}, 400), InvalidResponse),
        (answer({}, 503), CXoneServerError),
        (answer({}, 418), CXoneError),
        (answer(b"<html>", content_type="text/html"), InvalidResponse),
        (answer(b'{"api_endpoint": "htt'), InvalidResponse),
        ([], InvalidResponse),
        ({}, InvalidResponse),
        ({"api_endpoint": None}, InvalidResponse),
        ({"api_endpoint": 1}, InvalidResponse),
        ({"api_endpoint": [API]}, InvalidResponse),
        ({"api_endpoint": ""}, EndpointNotAllowed),
        ({"api_endpoint": "api-na1.niceincontact.com"}, EndpointNotAllowed),
        ({"api_endpoint": "ftp://api-na1.niceincontact.com"}, EndpointNotAllowed),
        ({"api_endpoint": f"{API}@evil.example"}, EndpointNotAllowed),
        ({"api_endpoint": f"{API}?x="}, EndpointNotAllowed),
        ({"api_endpoint": f"{API}#"}, EndpointNotAllowed),
        ({"api_endpoint": f"{API}\r\nHost: evil"}, EndpointNotAllowed),
        ({"api_endpoint": "https://" + "a" * 100_000}, EndpointNotAllowed),
    ],
)
async def test_a_discovery_that_makes_no_sense_ends_before_a_credential_is_sent(document, error):
    cxone = CXone(**{CXONE: document})
    with pytest.raises(error):
        await obtain(cxone)
    assert cxone.urls == [OPENID, CXONE]


@pytest.mark.parametrize(
    "area", [None, "", 1, "na1.evil.example/", "evil.example#", "na 1", "-na1", "a" * 64, ["na1"]]
)
async def test_an_area_never_becomes_more_of_a_host_than_a_label(area):
    cxone = CXone(**{CXONE: {"api_endpoint": API, "area": area}})
    with pytest.raises(InvalidResponse, match=r"acd\.tokenURL"):
        await obtain(cxone, settings(grant="AccessKey"))
    assert cxone.urls == [CXONE]


# The password grant


async def test_the_password_grant_sends_the_client_by_basic_authentication_and_the_key_in_the_form():
    cxone = CXone()
    token = await obtain(cxone)
    sent = cxone.sent[-1]
    assert (sent.method, sent.operation, sent.json_body) == ("POST", "token", None)
    assert sent.form == {"grant_type": "password", "username": "K=EY", "password": SECRET}
    scheme, encoded = sent.headers["Authorization"].split(" ")
    client, secret = base64.b64decode(encoded).decode().split(":")
    assert (scheme, unquote_plus(client), unquote_plus(secret)) == ("Basic", "client@id", CLIENT_SECRET)
    assert token.value.get_secret_value() == "t0ken"


def test_parts_of_the_basic_authentication_are_form_encoded():
    encoded = basic("a:b", SecretStr("c d=")).removeprefix("Basic ")
    assert base64.b64decode(encoded) == b"a%3Ab:c+d%3D"


# The access key alone


async def test_the_access_key_alone_goes_to_the_areas_endpoint_as_json():
    cxone = CXone()
    await obtain(cxone, settings(grant="AccessKey", client_id="", client_secret=SecretStr("")))
    sent = cxone.sent[-1]
    assert cxone.urls == [CXONE, TOKEN_URL]
    assert (sent.method, sent.form, dict(sent.headers)) == ("POST", None, {})
    assert sent.json_body == {"accessKeyId": "K=EY", "accessKeySecret": SECRET}


async def test_the_access_keys_endpoint_can_be_overridden():
    cxone = CXone()
    await obtain(cxone, settings(grant="AccessKey", token_url="https://x.niceincontact.com/key", api_base=API))
    assert cxone.urls == ["https://x.niceincontact.com/key"]


# Answers


@pytest.mark.parametrize(
    "found",
    [GRANTED, {"access_token": "t0ken", "expires_in": 3600}, {"token": "t0ken", "tokenExpirationTimeSec": 3600}],
)
def test_both_shapes_of_a_token_are_read(found):
    token = read_token(answer(found), 1000.0)
    assert (token.value.get_secret_value(), token.renew_at) == ("t0ken", 1000.0 + 3600 - 60)


@pytest.mark.parametrize(
    "refusal",
    [
        answer({"error": "invalid_grant", "error_description": SECRET}, 400),
        answer({"error": "invalid_client", "errorDescription": SECRET}, 400),
        answer({}, 401),
        answer(b"", 401, "text/plain"),
        answer({}, 403),
    ],
)
def test_refused_credentials_are_told_apart_and_nothing_is_quoted(refusal):
    with pytest.raises(CredentialsRejected) as caught:
        read_token(refusal, 0.0)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "refusal",
    [
        answer({"error": "unsupported_grant_type"}, 400),
        answer({"error": ["invalid_grant"]}, 400),
        answer(b"<html>", 400, "text/html"),
        answer({}, 302),
        answer({}, 204),
    ],
)
def test_other_refusals_are_no_word_on_the_credentials(refusal):
    with pytest.raises(CXoneError) as caught:
        read_token(refusal, 0.0)
    assert not isinstance(caught.value, CredentialsRejected)


@pytest.mark.parametrize(
    ("status", "error"), [(404, InvalidResponse), (500, CXoneServerError), (503, CXoneServerError)]
)
def test_a_token_endpoint_that_is_missing_or_broken(status, error):
    with pytest.raises(error):
        read_token(answer({}, status), 0.0)


@pytest.mark.parametrize(
    "found",
    [
        {},
        {"access_token": None, "token": "t0ken"},
        {"access_token": 1},
        {"access_token": "two words"},
        {"access_token": "t0ken", "expires_in": "3600"},
        {"access_token": "t0ken", "expires_in": True},
        {"access_token": "t0ken", "expires_in": 0},
        {"access_token": "t0ken", "expires_in": float("nan")},
        {"access_token": "t0ken", "token_type": "MAC"},
        {"token": "t0ken", "tokenExpirationTimeSec": None},
        {"token": {"access_token": "t0ken"}},
    ],
    ids=repr,
)
def test_what_is_not_a_token_is_not_believed(found):
    with pytest.raises(InvalidResponse):
        read_token(answer(found), 0.0)


def test_secrets_are_not_shown_by_the_settings():
    shown = repr(settings())
    assert SECRET not in shown
    assert CLIENT_SECRET not in shown


def jwt(claims):
    """A token as NICE's are: three parts, of which the second tells whose it is."""
    middle = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return Token(SecretStr(f"header.{middle}.signature"), 0.0, ())


@pytest.mark.parametrize(
    ("claims", "whose"),
    [
        ({"tenantId": "11E00000-0000-4000-8000-00000000ACD0"}, "11e00000-0000-4000-8000-00000000acd0"),
        ({"tenantId": 7}, None),
        ({"tenantId": ""}, None),
        ({}, None),
        ([], None),
    ],
)
def test_a_token_tells_whose_it_is(claims, whose):
    assert tenant_of(jwt(claims)) == whose


@pytest.mark.parametrize("value", ["opaque", "a.b", "a.b.c", "a.%%%.c", "a..c", "a.bnVsbA.c"])
def test_a_token_that_tells_nothing_is_taken_as_it_is(value):
    assert tenant_of(Token(SecretStr(value), 0.0, ())) is None


async def test_a_token_of_another_tenant_than_the_declared_one_is_refused():
    """Or whoever has an access key of his own could claim another tenant's campaigns."""
    foreign = jwt({"tenantId": "11e00000-0000-4000-8000-000000000bad"}).value.get_secret_value()
    own = jwt({"tenantId": TENANT.upper()}).value.get_secret_value()
    granted = {"expires_in": 3600, "token_type": "Bearer"}
    with pytest.raises(CredentialsRejected, match=r"acd\.tenantID"):
        await obtain(CXone(**{f"{ISSUER}/auth/token": {"access_token": foreign} | granted}))
    assert (await obtain(CXone(**{f"{ISSUER}/auth/token": {"access_token": own} | granted}))).scopes == ()

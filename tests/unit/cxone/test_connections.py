"""TLS, additional authorities, and proxies: with real servers on loopback."""

import asyncio
import base64
import contextlib
import logging
import ssl
import warnings
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from campaign_throttle.cxone.auth import Credentials
from campaign_throttle.cxone.connect import CampaignsSettings, Observers, connect
from campaign_throttle.cxone.endpoints import EndpointPolicy
from campaign_throttle.cxone.errors import CXoneUnreachable, EndpointNotAllowed, TenantNotReady
from campaign_throttle.cxone.transport import Request, Transport
from unit.cxone.authority import Authority
from unit.cxone.tenant_at_work import SECRET, RawServer, http, simulators, tenant, token, told
from unit.cxone.test_endpoints import Names

HOST = "api-na1.niceincontact.com"
PROXY_USER, PROXY_PASSWORD = "the-proxys-user", "p@ss:w/rd"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server_context(authority):
    return authority.server_context(HOST)


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.lower(), raising=False)


async def answer(asked, writer):
    return token() if asked.is_token else http('{"items": []}')


@contextlib.asynccontextmanager
async def tls_server(context):
    """A server that speaks TLS."""
    server = RawServer(answer)
    async with server.running(ssl=context):
        server.port = urlsplit(server.url).port
        yield server


async def ask(server, *, ca=None, host=HOST, url=None, **options):
    """One request; the host is listed as insecure, so that it may be on loopback."""
    policy = EndpointPolicy(insecure_hosts=frozenset({f"{host}:{server.port}"}))
    found = Transport(policy=policy, ca=ca, resolver=Names(["127.0.0.1"]), **options)
    try:
        deadline = asyncio.get_running_loop().time() + 10
        return await found.send(
            Request("agents", "GET", url or f"https://{host}:{server.port}/x"), seconds=10, deadline=deadline
        )
    finally:
        await found.close()


# TLS


async def test_an_authority_that_is_not_well_known_is_trusted_if_the_tenant_says_so(authority, server_context):
    async with tls_server(server_context) as server:
        with pytest.raises(CXoneUnreachable, match=r"TLS: .*certificate") as caught:
            await ask(server)
        assert not caught.value.outcome_unknown
        assert not server.asked
        assert (await ask(server, ca=authority.pem)).status == 200


async def test_the_tenants_authority_is_trusted_beside_the_well_known_ones(authority):
    plain, extended = Transport(), Transport(ca=authority.pem)
    for each in (plain, extended):
        each._policy = EndpointPolicy(insecure_hosts=frozenset({"simulator"}))
        with contextlib.suppress(CXoneUnreachable):
            await each.send(Request("agents", "GET", "http://simulator"), seconds=0.1, deadline=float("inf"))
        await each.close()
    roots = {root["serialNumber"] for root in plain._context.get_ca_certs()}
    assert roots < {root["serialNumber"] for root in extended._context.get_ca_certs()}


async def test_a_certificate_for_another_name_is_refused(authority):
    async with tls_server(authority.server_context("other.niceincontact.com")) as server:
        with pytest.raises(CXoneUnreachable, match="TLS: Hostname mismatch"):
            await ask(server, ca=authority.pem)
        assert not server.asked


async def test_another_tenants_authority_is_not_trusted(authority, server_context, tmp_path):
    async with tls_server(server_context) as server:
        assert (await ask(server, ca=authority.pem)).status == 200
        with pytest.raises(CXoneUnreachable, match="TLS"):
            await ask(server, ca=Authority(tmp_path, "Another authority").pem)


@pytest.mark.parametrize(
    "ca",
    [
        "",
        "no certificate",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
        "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----",
        "-----BEGIN CERTIFICATE-----\u00e9-----END CERTIFICATE-----",
    ],
)
def test_a_ca_that_is_none_is_said_at_once(ca):
    with pytest.raises(TenantNotReady, match="holds no PEM certificate") as caught:
        Transport(ca=ca)
    assert "c2VjcmV0" not in told(caught.value)


async def test_tls_before_1_2_is_refused(authority, server_context):
    context = authority.server_context(HOST)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
        lenient = ssl.create_default_context(cadata=authority.pem)
        lenient.minimum_version = ssl.TLSVersion.TLSv1_1
        lenient.set_ciphers("ALL:@SECLEVEL=0")
    async with tls_server(context) as server:
        with pytest.raises(CXoneUnreachable, match=r"TLS|broken off"):
            await ask(server, ca=authority.pem)
        # The server would have liked to, if only somebody did.
        _, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=lenient, server_hostname=HOST)
        assert writer.get_extra_info("ssl_object").version() == "TLSv1.1"
        writer.close()
        await writer.wait_closed()


async def test_http_1_1_is_what_is_agreed_on(authority):
    context = authority.server_context(HOST)
    context.set_alpn_protocols(["h2", "http/1.1"])
    async with tls_server(context) as server:
        await ask(server, ca=authority.pem)
        assert server.handshakes == [("http/1.1", "TLSv1.3")]
        assert server.asked[0].line.endswith(" HTTP/1.1")


# Proxies


@contextlib.asynccontextmanager
async def proxy(target_port, *, refuse=None):
    """An HTTP proxy that takes every name for the target on loopback. ``refuse`` is an answer that it gives instead."""
    heads, tasks = [], set()

    async def pump(reader, writer):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def pass_on(head, reader, writer):
        target_reader, target_writer = await asyncio.open_connection("127.0.0.1", target_port)
        try:
            if head.startswith(b"CONNECT "):
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                target_writer.write(head)
            await asyncio.gather(pump(reader, target_writer), pump(target_reader, writer))
        finally:
            target_writer.close()

    async def serve(reader, writer):
        tasks.add(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            try:
                head = await reader.readuntil(b"\r\n\r\n")
                heads.append(head.decode())
                if refuse:
                    writer.write(refuse)
                else:
                    await pass_on(head, reader, writer)
            finally:
                writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    server.heads = heads
    server.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


def fields(head):
    return {line.partition(":")[0].lower(): line.partition(": ")[2] for line in head.split("\r\n")[1:] if line}


@contextlib.asynccontextmanager
async def dialect_of(authority, base_url, **options):
    settings = CampaignsSettings(base_url, Credentials("throttle", SecretStr(SECRET)))
    observed = []
    found = connect(
        settings,
        policy=EndpointPolicy(**options),
        ca=authority.pem,
        observers=Observers(request=lambda *request: observed.append(request)),
    )
    found.observed = observed
    try:
        yield found
    finally:
        await found.close()


async def probe(dialect):
    return await dialect.probe(asyncio.get_running_loop().time() + 10)


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy"])
async def test_a_tenant_is_reached_through_a_proxy_that_resolves_its_name(
    variable, authority, server_context, monkeypatch, caplog
):
    caplog.set_level(logging.DEBUG)
    async with tls_server(server_context) as server, proxy(server.port) as through:
        credentials = f"{PROXY_USER}:p%40ss%3Aw%2Frd"
        monkeypatch.setenv(variable, f"http://{credentials}@{through.address}")
        async with dialect_of(authority, f"https://{HOST}") as dialect:
            await probe(dialect)
            await probe(dialect)
        assert [head.splitlines()[0] for head in through.heads] == [f"CONNECT {HOST}:443 HTTP/1.1"]
        basic = base64.b64encode(f"{PROXY_USER}:{PROXY_PASSWORD}".encode()).decode()
        assert fields(through.heads[0])["proxy-authorization"] == f"Basic {basic}"
        assert [asked.line.split()[0] for asked in server.asked] == ["POST", "GET", "GET"]
        assert not [asked for asked in server.asked if b"proxy" in asked.head.lower()]
        assert SECRET not in "".join(through.heads)
        for confidential in (PROXY_PASSWORD, "p%40ss", basic, SECRET):
            assert confidential not in caplog.text
            assert confidential not in repr(dialect.__dict__)


async def test_a_proxy_by_its_name_may_be_inside(authority, server_context, monkeypatch):
    names = Names(["127.0.0.1"])
    async with tls_server(server_context) as server, proxy(server.port) as through:
        port = through.address.partition(":")[2]
        monkeypatch.setenv("HTTPS_PROXY", f"proxy.corp.example:{port}")
        found = Transport(ca=authority.pem, resolver=names)
        deadline = asyncio.get_running_loop().time() + 10
        request = Request("agents", "GET", f"https://{HOST}/x")
        assert (await found.send(request, seconds=10, deadline=deadline)).status == 200
        await found.close()
        assert names.asked == ["proxy.corp.example"]


@pytest.mark.parametrize(
    ("bypass", "direct"),
    [
        (HOST, True),
        (".niceincontact.com", True),
        ("niceincontact.com", True),
        ("*", True),
        ("incontact.com", False),
    ],
)
async def test_hosts_in_no_proxy_are_reached_directly(bypass, direct, authority, server_context, monkeypatch):
    async with tls_server(server_context) as server, proxy(server.port) as through:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{through.address}")
        monkeypatch.setenv("NO_PROXY", bypass)
        await ask(server, ca=authority.pem)
        assert bool(through.heads) is not direct


async def test_a_simulator_by_plain_http_is_asked_through_its_proxy(monkeypatch):
    async with tenant() as at, proxy(urlsplit(at.sim.url).port) as through:
        monkeypatch.setenv("HTTP_PROXY", f"http://{PROXY_USER}:x@{through.address}")
        found = Transport(policy=simulators("http://simulator"))
        deadline = asyncio.get_running_loop().time() + 10
        answered = await found.send(
            Request("agents", "GET", "http://simulator/api/v2/interactions/agents"), seconds=10, deadline=deadline
        )
        await found.close()
        assert answered.status == 401
        assert through.heads[0].startswith("GET http://simulator/api/v2/interactions/agents HTTP/1.1\r\n")
        assert "proxy-authorization" in fields(through.heads[0])


@pytest.mark.parametrize(
    "url", ["https://evil.example", "https://169.254.169.254", f"http://{HOST}", "https://evil-nicecxone.com"]
)
async def test_a_proxy_is_no_way_around_the_rules_for_hosts(url, monkeypatch):
    async with proxy(1) as through:
        for variable in ("HTTPS_PROXY", "HTTP_PROXY"):
            monkeypatch.setenv(variable, f"http://{through.address}")
        found = Transport()
        with pytest.raises(EndpointNotAllowed):
            await found.send(Request("token", "POST", url), seconds=10, deadline=float("inf"))
        await found.close()
        assert not through.heads


@pytest.mark.parametrize(
    ("refuse", "words"),
    [
        (b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n", "the proxy answered 407"),
        (b"HTTP/1.1 403 secret words\r\nContent-Length: 0\r\n\r\n", "the proxy answered 403"),
        (b"\x00", "broken off|not proper HTTP"),
    ],
)
async def test_a_proxy_that_refuses_is_named_as_the_reason(refuse, words, authority, monkeypatch, no_backoff):
    async with proxy(1, refuse=refuse) as through:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:{PROXY_USER}@{through.address}")
        async with dialect_of(authority, f"https://{HOST}") as dialect:
            with pytest.raises(Exception, match=words) as caught:
                await probe(dialect)
            for confidential in ("secret words", PROXY_USER, through.address):
                assert confidential not in told(caught.value)


async def test_a_proxy_that_is_not_there_is_named_as_the_reason(authority, monkeypatch, no_backoff):
    async with proxy(1) as through:
        address = through.address
    monkeypatch.setenv("HTTPS_PROXY", f"http://{address}")
    async with dialect_of(authority, f"https://{HOST}") as dialect:
        with pytest.raises(CXoneUnreachable, match="the proxy can't be reached") as caught:
            await probe(dialect)
        assert not caught.value.outcome_unknown


@pytest.mark.parametrize(
    "value", ["socks5://proxy:1080", "http://", "http://proxy:x", "http://proxy:70000", "ftp://p"]
)
def test_what_is_no_http_proxy_is_said_without_repeating_it(value, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", value)
    with pytest.raises(TenantNotReady, match="HTTPS_PROXY of the operator is not of the form http") as caught:
        Transport()
    assert value.partition("://")[2] in ("", "p") or value not in told(caught.value)


def test_other_proxies_of_the_environment_are_not_ours(monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "socks5://proxy:1080")
    Transport()


# Isolation


async def test_two_tenants_share_no_connection_no_token_and_no_budget():
    async with tenant() as one, tenant() as other:
        await asyncio.gather(one.campaign(), other.campaign())
        assert one.session._transport._client is not other.session._transport._client
        assert one.session._transport._client.connector is not other.session._transport._client.connector
        assert one.session._budget is not other.session._budget
        for at in (one, other):
            assert len(at.requests()) == 2

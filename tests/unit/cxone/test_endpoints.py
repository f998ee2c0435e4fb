"""Credentials go to CXone over https and nowhere else, whatever somebody writes into a tenant."""

import asyncio
import contextlib
import socket
from urllib.parse import urlsplit

import httpx
import pytest
import yarl
from aiohttp.abc import AbstractResolver
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from campaign_throttle.cxone.auth import Credentials, read_token
from campaign_throttle.cxone.connect import CampaignsSettings, connect
from campaign_throttle.cxone.endpoints import DEFAULT_SUFFIXES, EndpointPolicy, parse
from campaign_throttle.cxone.errors import EndpointNotAllowed, InvalidResponse
from campaign_throttle.cxone.session import Operation, Session
from campaign_throttle.cxone.transport import Request, Transport
from unit.cxone.tenant_at_work import SECRET, RawServer, broken_tenant, http, simulators, token, told

SHAPE = "the URL is not of the form https://host"
LITERAL = "is an IP address, where the name of a CXone host was expected"
STRANGER = "is not a host of CXone, expected a name within nicecxone.com"
PLAIN = "would send credentials in the clear: use https"

#: {port} is that of a server that listens on every loopback address and must see no connection.
HOSTILE = {
    # Metadata services and loopback, in every spelling
    "http://169.254.169.254/latest/meta-data": LITERAL,
    "https://169.254.169.254": LITERAL,
    "https://169.254.169.254.": LITERAL,
    "https://2852039166": LITERAL,
    "https://0xa9fea9fe": LITERAL,
    "https://0xA9.0xFE.0xA9.0xFE": LITERAL,
    "https://0251.0376.0251.0376": LITERAL,
    "https://025177524776": LITERAL,
    "https://169.254.43518": LITERAL,
    "https://169.16689662": LITERAL,
    "https://[::ffff:169.254.169.254]": LITERAL,
    "https://[::ffff:a9fe:a9fe]": LITERAL,
    "https://[fd00:ec2::254]": LITERAL,
    "https://[fe80::1%25eth0]": SHAPE,
    "https://[fe80::1%eth0]": SHAPE,
    "https://[::]:{port}": LITERAL,
    "https://[::1]:{port}": LITERAL,
    "https://[0:0:0:0:0:0:0:1]:{port}": LITERAL,
    "https://[::127.0.0.1]:{port}": LITERAL,
    "https://[v1.fe80]": SHAPE,
    "https://[::1": SHAPE,
    "https://::1": SHAPE,
    "http://127.0.0.1:{port}": LITERAL,
    "https://127.0.0.1:{port}": LITERAL,
    "https://2130706433:{port}": LITERAL,
    "https://0x7f.1:{port}": LITERAL,
    "https://0x7f000001:{port}": LITERAL,
    "https://017700000001:{port}": LITERAL,
    "https://127.1:{port}": LITERAL,
    "https://0:{port}": LITERAL,
    "https://0x:{port}": LITERAL,
    "https://api.nicecxone.com.127.0.0.1:{port}": LITERAL,
    "https://①②⑦.⓪.⓪.①:{port}": SHAPE,
    # Names that are not CXone's
    "https://localhost:{port}": STRANGER,
    "https://kubernetes.default.svc": STRANGER,
    "https://metadata.google.internal": STRANGER,
    "https://evil-nicecxone.com": STRANGER,
    "https://evilnicecxone.com": STRANGER,
    "https://nicecxone.com.evil.example": STRANGER,
    "https://nicecxone.co": STRANGER,
    "https://nicecxone-com.evil.example": STRANGER,
    "https://com": STRANGER,
    "https://nicecxone": STRANGER,
    "https://api.nicecxone.com.svc": STRANGER,
    # Names that read like CXone's to one parser and not to another
    "https://nicecxone.com@evil.example": SHAPE,
    "https://user:password@api.nicecxone.com": SHAPE,
    "https://evil.example:443@api.nicecxone.com": SHAPE,
    "https://@api.nicecxone.com": SHAPE,
    "https://api.nicecxone.com%2eevil.example": SHAPE,
    "https://evil.example%2f.nicecxone.com": SHAPE,
    "https://evil.example%00.nicecxone.com": SHAPE,
    "https://evil.example\\.nicecxone.com": SHAPE,
    "https:\\\\api.nicecxone.com": SHAPE,
    "https://evil.example\\@api.nicecxone.com": SHAPE,
    "https://evil.example/.nicecxone.com": STRANGER,
    "https://evil.example#.nicecxone.com": SHAPE,
    "https://evil.example?.nicecxone.com": SHAPE,
    "https://api.nicecxone.com/?to=evil.example": SHAPE,
    "https://api.nicecxone.com/#evil.example": SHAPE,
    "https://evil.example;.nicecxone.com": SHAPE,
    "https://evil.example,.nicecxone.com": SHAPE,
    "https://evil.example .nicecxone.com": SHAPE,
    " https://api.nicecxone.com": SHAPE,
    "https://api.nicecxone.com\n": SHAPE,
    "https://api.nicecxone.com\t.evil.example": SHAPE,
    "https://api.nicecxone.com\r\nHost: evil.example": SHAPE,
    "https://api.nicecxone.com/\r\nX: y": SHAPE,
    "https://api.nicecxone.com\x00.evil.example": SHAPE,
    "https://api．nicecxone．com": SHAPE,
    "https://api。nicecxone。com": SHAPE,
    "https://api.nicecxone.com\u2024evil.example": SHAPE,
    "https://api.nicecxonе.com": SHAPE,  # a Cyrillic е
    "https://api.ｎicecxone.com": SHAPE,
    "https://api.niceⅽxone.com": SHAPE,
    "https://api.nicecxone.com\u00ad": SHAPE,
    "https://\u202eapi.nicecxone.com": SHAPE,
    "https://api.n\u0131cecxone.com": SHAPE,
    "https://xn--api-ohb.nicecxone.com": SHAPE,
    "https://api.xn--nicecxon-z8g.com": SHAPE,
    "https://api..nicecxone.com": SHAPE,
    "https://.nicecxone.com": SHAPE,
    "https://api.nicecxone.com..": SHAPE,
    "https://-api.nicecxone.com": SHAPE,
    "https://api_1.nicecxone.com": SHAPE,
    "https://*.nicecxone.com": SHAPE,
    f"https://{'a' * 64}.nicecxone.com": SHAPE,
    f"https://{'a.' * 130}nicecxone.com": SHAPE,
    "https://": SHAPE,
    "https:///api.nicecxone.com": SHAPE,
    "https:api.nicecxone.com": SHAPE,
    "//api.nicecxone.com": SHAPE,
    "api.nicecxone.com": SHAPE,
    "": SHAPE,
    # Ports and schemes
    "https://api.nicecxone.com:": SHAPE,
    "https://api.nicecxone.com:0": SHAPE,
    "https://api.nicecxone.com:65536": SHAPE,
    "https://api.nicecxone.com:443:443": SHAPE,
    "https://api.nicecxone.com:+443": SHAPE,
    "https://api.nicecxone.com:４４３": SHAPE,
    "http://api.nicecxone.com": PLAIN,
    "HTTP://API.NICECXONE.COM": PLAIN,
    "http://api.nicecxone.com:443": PLAIN,
    "ftp://api.nicecxone.com": SHAPE,
    "file:///etc/passwd": SHAPE,
    "unix:///var/run/docker.sock": SHAPE,
    "gopher://api.nicecxone.com": SHAPE,
    "wss://api.nicecxone.com": SHAPE,
    "javascript:alert(1)": SHAPE,
    "https+unix://api.nicecxone.com": SHAPE,
    "https://api.nicecxone.com/" + "a" * 5000: SHAPE,
}

ALLOWED = {
    "https://api-na1.niceincontact.com": "https://api-na1.niceincontact.com",
    "https://nicecxone.com": "https://nicecxone.com",
    "https://API-C33.Nice-InContact.com/": "https://api-c33.nice-incontact.com/",
    "HTTPS://api.incontact.com.": "https://api.incontact.com",
    "https://api.incontact.com:443/a": "https://api.incontact.com/a",
    "https://api.incontact.com:8443/a//b": "https://api.incontact.com:8443/a//b",
    "https://api.incontact.com/a%2Fb%20c/~x;y=(1),'2'!$&*+:": "https://api.incontact.com/a%2Fb%20c/~x;y=(1),'2'!$&*+:",
}


class Names(AbstractResolver):
    """A resolver that answers as told, the last answer for ever, and remembers what it was asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    async def resolve(self, host, port=0, family=0):
        self.asked.append(host)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            {"hostname": host, "host": address, "port": port, "family": family, "proto": 0, "flags": 0}
            for address in answer
        ]

    async def close(self):
        pass


@contextlib.asynccontextmanager
async def listener():
    """A server on every loopback address; it counts who came."""
    came = []

    async def serve(reader, writer):
        came.append(writer.get_extra_info("peername"))
        writer.close()

    async with contextlib.AsyncExitStack() as servers:
        first = await servers.enter_async_context(await asyncio.start_server(serve, "127.0.0.1", 0))
        port = first.sockets[0].getsockname()[1]
        if socket.has_ipv6:
            with contextlib.suppress(OSError):
                await servers.enter_async_context(await asyncio.start_server(serve, "::1", port))
        yield port, came


@contextlib.asynccontextmanager
async def transport(**options):
    observed = []
    found = Transport(observe=lambda *request: observed.append(request), **options)
    found.observed = observed
    try:
        yield found
    finally:
        await found.close()


async def send(transport, url, seconds=5.0):
    deadline = asyncio.get_running_loop().time() + seconds
    return await transport.send(Request("agents", "GET", url), seconds=seconds, deadline=deadline)


# Hosts


@pytest.mark.parametrize("url", HOSTILE, ids=ascii)
async def test_nothing_is_sent_to_a_hostile_endpoint(url):
    names = Names(["127.0.0.1", "::1"])
    async with listener() as (port, came), transport(resolver=names) as sending:
        said = set()
        for _ in range(2):
            with pytest.raises(EndpointNotAllowed, match=HOSTILE[url]) as caught:
                await send(sending, url.replace("{port}", str(port)))
            assert not caught.value.outcome_unknown
            said.add(str(caught.value))
        await asyncio.sleep(0)
        assert (came, names.asked, sending.observed) == ([], [], [])
        [message] = said
        assert message.isprintable()
        assert "password" not in message
        assert HOSTILE[url] is not STRANGER or "CAMPAIGN_THROTTLE_ALLOWED_HOSTS" in message


@pytest.mark.parametrize("url", HOSTILE, ids=ascii)
async def test_a_tenant_with_a_hostile_endpoint_is_not_even_opened(url):
    settings = CampaignsSettings(url.replace("{port}", "1"), Credentials("throttle", SecretStr(SECRET)))
    with pytest.raises(EndpointNotAllowed) as caught:
        connect(settings, policy=EndpointPolicy())
    assert SECRET not in told(caught.value)


@pytest.mark.parametrize("url", ALLOWED)
def test_what_is_cxones_passes_and_is_read_in_one_way(url):
    EndpointPolicy().check(url)
    assert parse(url).url == ALLOWED[url]


@given(
    st.builds(
        "".join,
        st.lists(
            st.sampled_from(
                [
                    *(
                        "https://",
                        "http://",
                        "HTTPS:",
                        "//",
                        "/",
                        "\\",
                        "@",
                        ":",
                        ":443",
                        "?",
                        "#",
                        "%2e",
                        "%",
                        ".",
                    ),
                    *(
                        "nicecxone.com",
                        "api",
                        "evil.example",
                        "127.0.0.1",
                        "[::1]",
                        "0x7f",
                        "1",
                        "[",
                        "]",
                        "-",
                        "_",
                    ),
                    *(
                        " ",
                        "\t",
                        "\n",
                        "\x00",
                        "。",
                        "е",
                        "ｎ",
                        "xn--",
                        "\u00ad",
                        "ı",
                        "a",
                        "Z",
                        "é",
                        ";",
                        ",",
                        "|",
                    ),
                ]
            ),
            max_size=9,
        ),
    )
    | st.from_regex(r"https://[^/]{0,20}nicecxone\.com.{0,20}")
)
def test_what_passes_has_the_same_host_for_every_parser_and_it_is_cxones(url):
    try:
        EndpointPolicy().check(url)
    except EndpointNotAllowed:
        return
    found = parse(url)
    assert any(found.host == suffix or found.host.endswith("." + suffix) for suffix in DEFAULT_SUFFIXES)
    for text in (url, found.url):
        hosts = {
            (urlsplit(text).hostname or "").removesuffix("."),
            httpx.URL(text).host.removesuffix("."),
            (yarl.URL(text).raw_host or "").removesuffix("."),
            (yarl.URL(str(httpx.URL(text))).host or "").removesuffix("."),
        }
        assert hosts == {found.host}
        assert {urlsplit(text).port or 443, httpx.URL(text).port or 443, yarl.URL(text).port} == {found.port}
        assert {urlsplit(text).scheme, httpx.URL(text).scheme, yarl.URL(text).scheme} == {"https"}


# The operator's own lists


@pytest.mark.parametrize(
    ("listed", "url"),
    [
        ("127.0.0.1:8080", "http://127.0.0.1:8080/base"),
        ("127.0.0.1:8080", "https://127.0.0.1:8080"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("[::1]:8080", "http://[0:0::1]:8080"),
        ("Simulator.cxone.svc:80", "http://simulator.cxone.svc"),
        ("simulator", "http://simulator"),
        ("simulator", "https://simulator"),
        ("simulator:8080", "http://simulator.:8080"),
    ],
)
def test_an_insecure_host_may_be_plain_http_and_anywhere(listed, url):
    EndpointPolicy(insecure_hosts=frozenset({listed})).check(url)


@pytest.mark.parametrize(
    ("listed", "url"),
    [
        ("127.0.0.1:8080", "http://127.0.0.1:8081"),
        ("127.0.0.1:8080", "http://127.0.0.1"),
        ("127.0.0.1:8080", "http://127.1:8080"),
        ("2130706433:8080", "http://2130706433:8080"),
        ("0x7f.1:8080", "http://0x7f.1:8080"),
        ("simulator", "http://simulator:8080"),
        ("simulator:8080", "http://a.simulator:8080"),
        ("simulator:8080", "http://simulator:8080@evil.example"),
        ("*", "http://simulator"),
        ("", "http://simulator"),
    ],
)
def test_only_what_is_listed_is_insecure(listed, url):
    with pytest.raises(EndpointNotAllowed):
        EndpointPolicy(insecure_hosts=frozenset({listed})).check(url)


@pytest.mark.parametrize(
    "suffix", ["gateway.example", ".gateway.example", "*.gateway.example", " Gateway.Example. "]
)
def test_the_operator_may_allow_another_domain_instead(suffix):
    policy = EndpointPolicy((suffix,))
    policy.check("https://cxone.gateway.example")
    policy.check("https://gateway.example")
    for url in ("https://api.nicecxone.com", "https://gateway.example.evil.example", "https://agateway.example"):
        with pytest.raises(EndpointNotAllowed, match=r"within gateway\.example:"):
            policy.check(url)


@pytest.mark.parametrize(
    "suffix", ["", "com", "*", ".", "10.0.0.1", "a b.example", "https://a.example", "é.example"]
)
def test_a_suffix_that_would_allow_too_much_or_nothing_is_refused(suffix):
    with pytest.raises(ValueError, match="not a domain such as nicecxone"):
        EndpointPolicy((suffix,))


def test_no_suffix_at_all_allows_nothing_but_what_is_listed():
    with pytest.raises(EndpointNotAllowed):
        EndpointPolicy(()).check("https://api.nicecxone.com")


# Addresses behind names


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (["127.0.0.1"], "a loopback address"),
        (["::1"], "a loopback address"),
        (["169.254.169.254"], "a cloud's metadata service"),
        (["fd00:ec2::254"], "a cloud's metadata service"),
        (["10.0.0.1"], "a private address"),
        (["::ffff:127.0.0.1"], "a loopback address"),
        (["64:ff9b::7f00:1"], "a loopback address"),
        (["fe80::1%eth0"], "a link-local address"),
        (["93.184.216.34", "127.0.0.1"], "a loopback address"),
        (["2606:2800:220:1::1", "10.0.0.1"], "a private address"),
    ],
)
async def test_a_name_that_leads_inside_is_refused_without_telling_where_to(answer, kind):
    async with listener() as (port, came), transport(resolver=Names(answer)) as sending:
        with pytest.raises(EndpointNotAllowed, match=f"api.nicecxone.com resolves to .*{kind}") as caught:
            await send(sending, f"https://api.nicecxone.com:{port}")
        assert not caught.value.outcome_unknown
        assert not came
        assert answer[-1] not in told(caught.value)
        assert [request[:3] for request in sending.observed] == [("agents", "GET", "refused")]


async def test_a_name_that_is_rebound_inside_is_refused_at_the_next_connection(monkeypatch):
    reached = []

    async def start_connection(addr_infos, **options):
        reached.extend(info[4][0] for info in addr_infos)
        raise ConnectionRefusedError

    monkeypatch.setattr("aiohttp.connector.aiohappyeyeballs.start_connection", start_connection)
    names = Names(["93.184.216.34"], ["127.0.0.1"])
    async with listener() as (port, came), transport(resolver=names) as sending:
        url = f"https://api.nicecxone.com:{port}"
        with pytest.raises(Exception, match="refused"):
            await send(sending, url)
        sending._client.connector.clear_dns_cache()
        for _ in range(2):
            with pytest.raises(EndpointNotAllowed):
                await send(sending, url)
        assert names.asked == ["api.nicecxone.com"] * 3  # what was refused is not remembered
        assert reached == ["93.184.216.34"]
        assert not came


async def test_all_who_wait_for_a_name_that_leads_inside_are_refused_each_with_an_error_of_his_own():
    async with listener() as (port, came), transport(resolver=Names(["127.0.0.1"])) as sending:
        outcomes = await asyncio.gather(
            *(send(sending, f"https://api.nicecxone.com:{port}") for _ in range(5)), return_exceptions=True
        )
        assert {type(outcome) for outcome in outcomes} == {EndpointNotAllowed}
        assert len({id(outcome) for outcome in outcomes}) == 5
        assert not came


async def test_the_systems_resolver_is_guarded_too():
    """localhost is known everywhere; here it is CXone's."""
    async with listener() as (port, came), transport(policy=EndpointPolicy(("local.host",))) as sending:
        sending._policy = _Everybody()
        with pytest.raises(EndpointNotAllowed, match="localhost resolves to a loopback address"):
            await send(sending, f"https://localhost:{port}")
        assert not came


class _Everybody:
    """A policy with a hole in it."""

    def admit(self, endpoint):
        pass

    def is_insecure(self, host, port):
        return False


async def test_an_insecure_host_may_be_inside():
    names = Names(["127.0.0.1"])

    async def answer(asked, writer):
        return http("{}")

    async with RawServer(answer).running() as server:
        port = urlsplit(server.url).port
        policy = EndpointPolicy(insecure_hosts=frozenset({f"simulator:{port}"}))
        async with transport(resolver=names, policy=policy) as sending:
            assert (await send(sending, f"http://simulator:{port}")).status == 200
        assert b"host: simulator:%d" % port in server.asked[0].head.lower()


# What CXone itself says


async def test_a_grant_that_is_sent_elsewhere_by_discovery_sends_nothing_there():
    """The token endpoint of a discovery document is an address like any other."""

    class Discovering:
        def __init__(self, found):
            self.found = found

        async def obtain(self, send):
            await send(Request("discovery", "GET", server.url))
            await send(Request("token", "POST", self.found, form={"secret": SECRET}))

    async def answer(asked, writer):
        return http("{}")

    async with RawServer(answer).running() as server, listener() as (port, came):
        for inside in (f"https://127.0.0.1:{port}", "https://evil.example", f"http://localhost:{port}"):
            session = Session(Transport(policy=simulators(server.url)), grant=Discovering(inside), base=server.url)
            deadline = asyncio.get_running_loop().time() + 5
            with pytest.raises(EndpointNotAllowed) as caught:
                await session.write(Operation("campaign-write"), "/x", deadline=deadline)
            await session.close()
            assert SECRET not in told(caught.value)
            assert not caught.value.outcome_unknown
        assert not came
        assert {asked.line for asked in server.asked} == {"GET / HTTP/1.1"}


async def test_a_base_that_is_found_out_passes_the_same_gate_before_the_token_leaves():
    async def base(deadline):
        return f"http://127.0.0.1:{port}"

    async def answer(asked, writer):
        return token()

    class Granting:
        async def obtain(self, send):
            return read_token(await send(Request("token", "POST", server.url)), 0.0)

    async with RawServer(answer).running() as server, listener() as (port, came):
        session = Session(Transport(policy=simulators(server.url)), grant=Granting(), base=base)
        with pytest.raises(EndpointNotAllowed):
            await session.read(Operation("agents"), "/agents", deadline=asyncio.get_running_loop().time() + 5)
        await session.close()
        assert not came


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_and_where_to_is_not_told(status):
    async with listener() as (port, came):
        redirect = http(status=f"{status} Over there", extra=b"Location: http://127.0.0.1:%d/\r\n" % port)
        async with broken_tenant(redirect) as (at, _):
            with pytest.raises(InvalidResponse, match="redirects are not followed") as caught:
                await at.campaign()
            assert str(port) not in told(caught.value)
        assert not came

"""Whatever comes back, it ends soon, costs little memory, and tells nothing of what was in it."""

import asyncio
import gzip
import json
import logging
import os
import time
import tracemalloc

import pytest

from campaign_throttle.cxone import transport
from campaign_throttle.cxone.errors import (
    CXoneError,
    CXoneTimeout,
    CXoneUnreachable,
    InvalidResponse,
)
from campaign_throttle.cxone.protocol import DialingState
from campaign_throttle.cxone.tls import tls_context
from cxone_simulator.traffic import PathClass
from unit.cxone.tenant_at_work import (
    AGENT_NAME,
    SECRET,
    RawServer,
    broken_tenant,
    client_of,
    http,
    simulators,
    tenant,
    token,
    told,
    until,
)

TOKEN = "t0ken-of-the-client"
BODY = "what-was-in-the-body"
PAGE = json.dumps({"items": [{"id": "a", "name": AGENT_NAME, "state": "available"}], "note": BODY}).encode()

CAMPAIGN = '{"id": "cmp-1", "name": "Campaign 1", "status": "RUNNING"}'


def chunked(*chunks):
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" + b"".join(
        chunks
    )


#: name: the bytes of the answer
ANSWERS = {
    "an HTML page": http(f"<html>{BODY}</html>", content_type="text/html"),
    "no content type": http(PAGE).replace(b"Content-Type: application/json\r\n", b""),
    "JSON that says it is text": http(PAGE, content_type="text/plain"),
    "a JSON array": http(f'["{BODY}"]'),
    "a JSON string": http(f'"{BODY}"'),
    "null": http("null"),
    "truncated JSON": http(PAGE[:-5]),
    "nothing": http(b""),
    "not UTF-8": http(b'{"items": [{"id": "\xff\xfe", "state": "' + BODY.encode() + b'"}]}'),
    "nesting that has no end": http(b'{"items": ' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}"),
    "objects that have no end": http(b'{"items":' * 200_000 + b"1" + b"}" * 200_000),
    "an integer of 100,000 digits": http('{"items": [{"id": ' + "9" * 100_000 + ', "state": "available"}]}'),
    "an id that is not a number": http('{"items": [{"id": NaN, "state": "available"}]}'),
    "an id that is infinite": http('{"items": [{"id": 1e999, "state": "available"}]}'),
    "gzip": http(gzip.compress(PAGE), extra=b"Content-Encoding: gzip\r\n"),
    "an unknown encoding": http(PAGE, extra=b"Content-Encoding: zstd\r\n"),
    "fewer bytes than announced": http(PAGE).replace(b"Length: ", b"Length: 9"),
    "no HTTP at all": f"{BODY} {BODY}\r\n\r\n".encode(),
    "a status that is no number": f"HTTP/1.1 {BODY} OK\r\n\r\n".encode(),
    "a status of four digits": f"HTTP/1.1 2000 {BODY}\r\n\r\n".encode(),
    "a header without a colon": f"HTTP/1.1 200 OK\r\n{BODY}\r\n\r\n".encode(),
    "a header with a null": f"HTTP/1.1 200 OK\r\nX: {BODY}\x00\r\n\r\n".encode(),
    "a header line of 1 MB": b"HTTP/1.1 200 OK\r\nX: " + BODY.encode() * 50_000 + b"\r\n\r\n",
    "a length that is no number": f"HTTP/1.1 200 OK\r\nContent-Length: {BODY}\r\n\r\n".encode(),
    "a negative length": f"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{BODY}".encode(),
    "two lengths": http(PAGE, extra=b"Content-Length: 3\r\n"),
    "a chunk whose size is no number": chunked(BODY.encode() + b"\r\n"),
    "a chunk that is cut": chunked(b"ff\r\n", BODY.encode()),
    "a header that is not ASCII": http(PAGE, content_type="text/h\u00fc"),
    "300 choices": http(BODY, status="300 Multiple Choices"),
    "304": b"HTTP/1.1 304 Not Modified\r\n\r\n",
    "status 99": b"HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n",
    "status 999": http(BODY, status="999 Odd"),
    "an upgrade": f"HTTP/1.1 101 Odd\r\nUpgrade: {BODY}\r\nConnection: upgrade\r\n\r\n".encode(),
    "409": http(BODY, status="409 Conflict"),
    "418": http(BODY, status="418 Teapot"),
    "HTTP/0.9": PAGE,
    "HTTP/2": b"HTTP/2 200 OK\r\nContent-Length: 0\r\n\r\n",
    "a greeting of another protocol": b"SSH-2.0-OpenSSH_9.6 " + BODY.encode() + b"\r\n\r\n",
    "a redirect without a target": b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
    "a redirect to nonsense": f"HTTP/1.1 302 Found\r\nLocation: http://[{BODY}\r\n\r\n".encode(),
    "nothing, and the end": b"",
}


@pytest.fixture(autouse=True)
def everything_is_logged(caplog):
    caplog.set_level(logging.DEBUG)


def assert_tells_nothing(text):
    for confidential in (BODY, TOKEN, SECRET, AGENT_NAME, "Zaphod"):
        assert confidential not in text


async def each_call(at):
    """The errors of all calls of the dialect."""
    errors = []
    for call in (at.count, at.campaign, lambda: at.set_state(DialingState.PAUSED)):
        with pytest.raises(CXoneError) as caught:
            await call()
        errors.append(caught.value)
    return errors


@pytest.mark.parametrize("what", ANSWERS)
async def test_a_bad_answer_is_a_typed_error_that_tells_nothing_of_it(what, caplog, no_backoff):
    async def answer(asked, writer):
        writer.write(ANSWERS[what])
        await writer.drain()

    async with broken_tenant(answer) as (at, _):
        for error in await each_call(at):
            assert_tells_nothing(told(error))
            assert len(str(error)) < 300
    assert_tells_nothing(caplog.text)


@pytest.mark.parametrize("what", [what for what in ANSWERS if what != "300 choices"])
async def test_a_bad_answer_of_the_token_endpoint_is_a_typed_error_that_tells_nothing_of_it(
    what, caplog, no_backoff
):
    async def answer(asked, writer):
        writer.write(ANSWERS[what])
        await writer.drain()

    async with RawServer(answer).running() as server, client_of(server.url) as at:
        with pytest.raises(CXoneError) as caught:
            await at.count()
        assert_tells_nothing(told(caught.value))
        assert {asked.is_token for asked in server.asked} == {True}
    assert_tells_nothing(caplog.text)


@pytest.mark.parametrize("number", [3, 300])
async def test_a_bad_answer_is_told_in_the_same_words_each_time(number, no_backoff):
    """Conditions are written on change only."""

    async def hang_up(asked, writer):
        return None

    async with broken_tenant(hang_up) as (at, _):
        said = set()
        for _ in range(3):
            with pytest.raises(CXoneUnreachable) as caught:
                await at.count()
            said.add(str(caught.value))
        assert len(said) == 1


async def test_a_body_without_end_is_cut_off_and_never_held(no_backoff):
    async with tenant() as at:
        at.fault(kind="enormous", bytes=200_000_000, path="agents")
        tracemalloc.start()
        try:
            with pytest.raises(InvalidResponse, match="longer than"):
                await at.count()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 32 * 1024**2


async def test_a_body_that_announces_its_excess_is_cut_off_too():
    async with tenant() as at:
        at.fault(kind="enormous", bytes=200_000_000, announced=True, path="campaign-read")
        with pytest.raises(InvalidResponse, match="longer than"):
            await at.campaign()


async def test_interim_answers_without_end_are_ended_by_the_time_limit():
    async def answer(asked, writer):
        while True:
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)
            await writer.drain()
            await asyncio.sleep(0)

    async with broken_tenant(answer, timeout=0.6) as (at, _):
        with pytest.raises(CXoneError):
            await at.count(seconds=3)


@pytest.mark.parametrize("path", ["token", "agents"])
async def test_a_slow_drip_is_ended_by_the_time_limit_of_the_whole_call(path):
    async with tenant(timeout=0.6) as at:
        at.fault(kind="drip", bytes_per_second=10, path=path)
        started = time.monotonic()
        with pytest.raises(CXoneTimeout):
            await at.count(seconds=100)
        assert 0.5 < time.monotonic() - started < 50


async def test_headers_that_drip_are_ended_by_the_time_limit_of_the_whole_call():
    async def answer(asked, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X: y\r\n")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with broken_tenant(answer, timeout=0.6) as (at, _):
        started = time.monotonic()
        with pytest.raises(CXoneTimeout):
            await at.count(seconds=100)
        assert time.monotonic() - started < 50


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("path", ["token", "agents"])
async def test_a_redirect_is_refused_and_its_target_never_contacted(path, code, caplog):
    async def answer(asked, writer):
        return token()

    async with RawServer(answer).running() as elsewhere, tenant() as at:
        at.fault(kind="redirect", location=f"{elsewhere.url}/{BODY}", code=code, path=path)
        with pytest.raises(InvalidResponse, match="redirected") as caught:
            await at.count()
        assert elsewhere.connections == 0
        assert_tells_nothing(told(caught.value))
    assert_tells_nothing(caplog.text)


async def test_a_proxy_of_the_environment_never_sees_the_token(monkeypatch):
    async def answer(asked, writer):
        return token()

    async with RawServer(answer).running() as proxy, tenant() as at:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setitem(os.environ, name, proxy.url)
        assert await at.count() == 3
        assert proxy.connections == 0


async def test_cookies_are_neither_kept_nor_sent():
    cookie = f"Set-Cookie: visit={BODY}; Path=/\r\n".encode()

    async with broken_tenant(http(CAMPAIGN, extra=cookie)) as (at, server):
        await at.campaign()
        await at.campaign()
        assert not [asked for asked in server.asked if b"cookie" in asked.head.lower()]


async def test_the_client_asks_for_json_without_compression():
    async with broken_tenant(http(CAMPAIGN)) as (at, server):
        await at.campaign()
        for asked in server.asked:
            assert b"accept: application/json\r\n" in asked.head.lower()
            assert b"accept-encoding: identity\r\n" in asked.head.lower()


async def test_nobody_listening_is_unreachable(no_backoff):
    async with RawServer(None).running() as gone:
        url = gone.url
    async with client_of(url) as at:
        with pytest.raises(CXoneUnreachable, match="refused"):
            await at.count()


async def test_a_host_name_that_is_not_known_is_unreachable(no_backoff):
    async with client_of("https://cxone.invalid") as at:
        with pytest.raises(CXoneUnreachable) as caught:
            await at.count(seconds=5)
        assert "cxone.invalid" not in str(caught.value)


async def test_plain_http_at_an_https_url_is_unreachable(no_backoff):
    async with tenant() as plain, client_of(plain.sim.url.replace("http", "https")) as at:
        with pytest.raises(CXoneUnreachable, match="TLS"):
            await at.count()


@pytest.mark.parametrize(
    "url", ["http://", "http://host:99999", "http://exa mple", "ftp://host", "http://h\u00fc\u00df\u0000"]
)
async def test_a_base_url_that_slipped_through_is_a_typed_error(url, no_backoff):
    async with client_of(url) as at:
        with pytest.raises(CXoneError):
            await at.count(seconds=2)


@pytest.mark.parametrize(
    "identifier", ["cmp-1", "a:b", "A.b_c-d", "a..b", "9", "a" * 128, "a/b", "a?b=c", "a#b", "a%2Fb", "ü", "a b"]
)
async def test_a_campaign_id_is_one_segment_of_the_path_whatever_is_in_it(identifier):
    async with tenant(campaigns=[{"id": identifier}]) as at:
        assert (await at.campaign(identifier)).id == identifier
        assert [entry.campaign for entry in at.requests(PathClass.CAMPAIGN_READ)] == [identifier]


async def test_large_bodies_of_all_tenants_together_have_few_places(monkeypatch):
    """Or many tenants with hostile answers would fill the memory that all share."""
    places = asyncio.Semaphore(1)
    large = b"[" + b" " * (2 * transport.LARGE_BODY) + b"]"
    go_on = asyncio.Event()

    async def answer(asked, writer):
        head = (
            f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(large)}\r\n\r\n".encode()
        )
        writer.write(head + large[:-1])
        await writer.drain()
        await go_on.wait()
        return large[-1:]

    async with RawServer(answer).running() as server:
        request = transport.Request("agents", "GET", server.url)
        tenants = [transport.Transport(policy=simulators(server.url), large_bodies=places) for _ in range(3)]
        deadline = asyncio.get_running_loop().time() + 60
        asked = [asyncio.create_task(tenant.send(request, seconds=60, deadline=deadline)) for tenant in tenants]
        await until(places.locked)
        await until(lambda: len(places._waiters or ()) == 2)
        go_on.set()
        answers = await asyncio.gather(*asked)
        assert [len(found.body) for found in answers] == [len(large)] * 3
        assert not places.locked()
        for tenant in tenants:
            await tenant.close()


def test_tenants_share_what_a_server_must_show():
    """It is nearly a megabyte, and tells nothing of a tenant."""
    assert tls_context(None) is tls_context(None)

"""Faults: whom they meet, what arrives, and when a PUT has its effect all the same."""

import asyncio
from typing import Any

import aiohttp
import pytest

from unit.simulator.visitor import AGENTS, CAMPAIGN, Reply, Visitor

PAGE = f"{AGENTS}?state=available&limit=2"


async def test_a_status_comes_with_its_retry_after(visitor: Visitor) -> None:
    await visitor.fault(path="agents", kind="status", code=503, retryAfter=7)

    reply = await visitor.get(PAGE)

    assert (reply.status, reply.headers["Retry-After"]) == (503, "7")
    assert (await visitor.get(CAMPAIGN)).status == 200


@pytest.mark.parametrize(
    ("rule", "status", "content_type", "body"),
    [
        ({"kind": "html"}, 200, "text/html", b"<!DOCTYPE html>"),
        ({"kind": "empty-204"}, 204, None, b""),
        ({"kind": "redirect", "location": "http://elsewhere/"}, 302, None, b""),
        ({"kind": "truncated"}, 200, "application/json", b'{"items": [{"id": "agent-1"'),
        ({"kind": "wrong-types"}, 200, "application/json", b'{"items": [{"id": ["agent-1"], '),
        (
            {"kind": "wrong-types", "fields": ["items"]},
            200,
            "application/json",
            b'{"items": "neither',
        ),
        (
            {"kind": "missing-fields", "fields": ["id"]},
            200,
            "application/json",
            b'{"items": [{"name": ',
        ),
        ({"kind": "missing-fields"}, 200, "application/json", b'{"items": [{}, {}]}'),
        (
            {"kind": "body", "status": 202, "contentType": "text/plain; charset=x", "text": "odd"},
            202,
            "text/plain; charset=x",
            b"odd",
        ),
    ],
)
async def test_an_answer_is_spoilt_as_the_kind_says(
    visitor: Visitor, rule: dict[str, Any], status: int, content_type: str | None, body: bytes
) -> None:
    await visitor.fault(path="agents", **rule)

    reply = await visitor.get(PAGE)

    assert (reply.status, reply.headers.get("Content-Type")) == (status, content_type)
    assert reply.body.startswith(body)
    assert bool(reply.body) == bool(body)


@pytest.mark.parametrize("content_length", ["wrong", "absent"])
async def test_a_truncated_answer_may_break_off(visitor: Visitor, content_length: str) -> None:
    await visitor.fault(path="agents", kind="truncated", contentLength=content_length)

    with pytest.raises(aiohttp.ClientPayloadError):
        await visitor.get(PAGE)


async def test_a_truncated_answer_of_the_right_length_is_broken_json(visitor: Visitor) -> None:
    whole = await visitor.get(PAGE)
    await visitor.fault(path="agents", kind="truncated")

    reply = await visitor.get(PAGE)

    assert reply.json is None
    assert reply.body == whole.body[: len(whole.body) // 2]


async def test_a_drip_brings_the_whole_answer_in_the_end(visitor: Visitor) -> None:
    whole = await visitor.get(PAGE)
    await visitor.fault(path="agents", kind="drip", bytesPerSecond=100_000)

    assert (await visitor.get(PAGE)).json == whole.json


async def test_removing_a_drip_lets_the_rest_come_at_once(visitor: Visitor) -> None:
    drip = await visitor.fault(path="agents", kind="drip", bytesPerSecond=0.001)
    reading = asyncio.create_task(visitor.get(PAGE))
    await visitor.until(lambda: visitor.sim.faults.all()[0].waiting == 1)

    await visitor.call("DELETE", f"/_sim/faults/{drip}")

    assert len((await reading).json["items"]) == 2


@pytest.mark.parametrize("announced", [False, True])
async def test_an_enormous_body_has_as_many_bytes_as_asked_for(
    visitor: Visitor,
    announced: bool,
) -> None:
    await visitor.fault(path="agents", kind="enormous", bytes=1_000_001, announced=announced)

    reply = await visitor.get(PAGE)

    assert len(reply.body) == 1_000_001
    assert ("Content-Length" in reply.headers) == announced
    assert reply.json["items"] == []


async def test_a_client_that_leaves_an_enormous_body_does_no_harm(
    visitor: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    await visitor.fault(path="agents", kind="enormous", bytes=10_000_000_000, count=1)
    response = await visitor.session.get(visitor.sim.url + PAGE, headers=visitor.headers)
    await response.content.readexactly(100_000)
    response.close()

    assert (await visitor.get(PAGE)).status == 200
    assert visitor.sim.journal.entries()[-2].status is None
    assert caplog.records == []


async def test_a_reset_connection_has_no_answer(visitor: Visitor) -> None:
    await visitor.fault(path="agents", kind="reset")

    # No count: aiohttp's client repeats a GET whose kept-alive connection was reset.
    with pytest.raises(aiohttp.ClientOSError):
        await visitor.session.get(visitor.sim.url + PAGE, headers=visitor.headers)

    assert visitor.sim.journal.entries()[-1].status is None


async def test_a_latency_delays_and_the_next_rule_still_strikes(visitor: Visitor) -> None:
    latency = await visitor.fault(path="agents", kind="latency", seconds=3600)
    await visitor.fault(path="agents", kind="status", code=500)
    reading = asyncio.create_task(visitor.get(PAGE))
    await visitor.until(lambda: visitor.sim.faults.all()[0].waiting == 1)

    await visitor.call("DELETE", f"/_sim/faults/{latency}")

    assert (await reading).status == 500


async def test_only_the_first_rule_that_matches_strikes(visitor: Visitor) -> None:
    await visitor.fault(path="campaign-read", kind="status", code=500)
    await visitor.fault(path="*", kind="status", code=501)

    assert (await visitor.get(PAGE)).status == 501
    assert (await visitor.get(CAMPAIGN)).status == 500


async def test_a_count_runs_out(visitor: Visitor) -> None:
    await visitor.fault(path="agents", kind="status", code=500, count=2)

    assert [(await visitor.get(PAGE)).status for _ in range(3)] == [500, 500, 200]
    (fault,) = (await visitor.get("/_sim/faults")).json["faults"]
    assert (fault["struck"], fault["remaining"]) == (2, 0)


async def test_a_share_strikes_part_of_the_calls_and_the_same_part_again(visitor: Visitor) -> None:
    async def forty() -> list[int]:
        await visitor.post("/_sim/reset")
        await visitor.sign_in()
        await visitor.fault(path="agents", kind="status", code=500, share=0.3)
        return [(await visitor.get(PAGE)).status for _ in range(40)]

    first = await forty()

    assert 4 <= first.count(500) <= 20
    assert await forty() == first


async def test_a_minimum_offset_spares_the_first_pages(visitor: Visitor) -> None:
    await visitor.fault(path="agents", kind="status", code=500, minimumOffset=10)

    statuses = [(await visitor.get(f"{PAGE}&offset={offset}")).status for offset in (0, 9, 10, 12)]

    assert statuses == [200, 200, 500, 500]


async def test_a_fault_may_be_one_campaigns(visitor: Visitor) -> None:
    await visitor.put("/_sim/campaigns/cmp-2", {})
    await visitor.fault(path="campaign-read", kind="status", code=404, campaign="cmp-2")

    assert (await visitor.get(CAMPAIGN)).status == 200
    assert (await visitor.get("/api/v2/campaigns/cmp-2")).status == 404


@pytest.mark.parametrize(("when", "status"), [("before", "RUNNING"), ("after", "PAUSED")])
@pytest.mark.parametrize(
    "kind",
    [{"kind": "status", "code": 503}, {"kind": "reset"}, {"kind": "html"}],
)
async def test_a_failed_put_took_effect_only_if_the_fault_came_after(
    visitor: Visitor, when: str, status: str, kind: dict[str, Any]
) -> None:
    await visitor.fault(path="campaign-write", when=when, **kind)

    try:
        await visitor.put(CAMPAIGN, {"status": "PAUSED"})
    except aiohttp.ClientError:
        assert kind["kind"] == "reset"

    assert await visitor.campaign_status() == status


@pytest.mark.parametrize(("when", "status"), [("before", "RUNNING"), ("after", "PAUSED")])
async def test_a_put_that_hangs_until_its_client_leaves(
    visitor: Visitor,
    when: str,
    status: str,
) -> None:
    await visitor.fault(path="campaign-write", kind="hang", when=when)
    (fault,) = visitor.sim.faults.all()
    putting = asyncio.create_task(visitor.put(CAMPAIGN, {"status": "PAUSED"}))
    await visitor.until(lambda: fault.waiting == 1)
    assert await visitor.campaign_status() == status

    putting.cancel()
    await visitor.until(lambda: fault.waiting == 0)

    assert await visitor.campaign_status() == status
    assert visitor.sim.journal.entries()[-1].status is None
    await visitor.call("DELETE", "/_sim/faults")
    assert await visitor.campaign_status() == status


@pytest.mark.parametrize("when", ["before", "after"])
async def test_removing_a_hang_lets_its_requests_go_on_at_once(visitor: Visitor, when: str) -> None:
    await visitor.fault(path="*", kind="hang", when=when)
    (fault,) = visitor.sim.faults.all()
    calls: list[asyncio.Task[Reply]] = [
        asyncio.create_task(visitor.put(CAMPAIGN, {"status": "PAUSED"})),
        asyncio.create_task(visitor.get(PAGE)),
    ]
    await visitor.until(lambda: fault.waiting == 2)

    assert (await visitor.call("DELETE", "/_sim/faults")).json == {"removed": 1}

    assert [(await call).status for call in calls] == [200, 200]
    assert await visitor.campaign_status() == "PAUSED"


async def test_a_hang_at_its_cap_ends_the_connection(visitor: Visitor) -> None:
    await visitor.fault(path="agents", kind="hang", seconds=0.001)

    with pytest.raises(aiohttp.ClientConnectionError):
        await visitor.get(PAGE)


async def test_faults_never_meet_the_control_api(visitor: Visitor) -> None:
    await visitor.fault(path="*", kind="status", code=500)

    assert (await visitor.get("/_sim/state")).status == 200
    assert (await visitor.get("/no/such/path")).status == 500


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ({"kind": "flood"}, "flood"),
        ({"path": "agents"}, "kind"),
        ({"kind": "status"}, "code: "),
        ({"kind": "status", "code": 99}, "code: "),
        ({"kind": "latency", "seconds": 0}, "seconds: "),
        ({"kind": "hang", "share": 2}, "share: "),
        ({"kind": "hang", "count": 0}, "count: "),
        ({"kind": "hang", "path": "skills"}, "path"),
        ({"kind": "html", "colour": "red"}, "colour: unknown key"),
        ({"kind": "drip", "when": "before"}, "only 'after'"),
        ({"kind": "redirect", "location": "x\r\nSet-Cookie: y"}, "location: "),
    ],
)
async def test_a_bad_rule_is_refused_and_the_mistake_named(
    visitor: Visitor, rule: dict[str, Any], problem: str
) -> None:
    reply = await visitor.post("/_sim/faults", rule)

    assert reply.status == 400
    assert problem in reply.json["error"]
    assert visitor.sim.faults.all() == []


async def test_removing_a_fault_that_is_not_there_is_404(visitor: Visitor) -> None:
    assert (await visitor.call("DELETE", "/_sim/faults/fault-9")).status == 404

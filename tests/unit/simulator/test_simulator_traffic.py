"""Rate limits and the journal."""

from typing import Any

import pytest

from cxone_simulator.journal import Journal
from cxone_simulator.traffic import PathClass
from unit.simulator.visitor import AGENTS, CAMPAIGN, Visitor


async def statuses(visitor: Visitor, calls: int) -> list[int]:
    """The statuses of so many calls in a row."""
    return [(await visitor.get(AGENTS)).status for _ in range(calls)]


async def test_a_burst_passes_then_the_budget_refills_with_time(visitor: Visitor) -> None:
    await visitor.put("/_sim/rate-limits/agents", {"requestsPerSecond": 2, "burst": 3})

    assert await statuses(visitor, 5) == [200, 200, 200, 429, 429]
    visitor.wall.seconds += 1
    assert await statuses(visitor, 3) == [200, 200, 429]
    visitor.wall.seconds += 600
    assert await statuses(visitor, 4) == [200, 200, 200, 429]


async def test_a_limit_is_its_paths_alone_and_can_be_lifted(visitor: Visitor) -> None:
    await visitor.put("/_sim/rate-limits/campaign-write", {"requestsPerSecond": 1})

    words = ("PAUSED", "RUNNING")
    answers = [(await visitor.put(CAMPAIGN, {"status": word})).status for word in words]
    assert answers == [200, 429]
    assert await visitor.campaign_status() == "PAUSED"
    assert (await visitor.get(CAMPAIGN)).status == 200

    await visitor.call("DELETE", "/_sim/rate-limits/campaign-write")
    assert (await visitor.put(CAMPAIGN, {"status": "RUNNING"})).status == 200


async def test_token_requests_have_a_budget_of_their_own(visitor: Visitor) -> None:
    await visitor.put("/_sim/rate-limits/token", {"requestsPerSecond": 1})

    assert [(await visitor.request_token()).status for _ in range(2)] == [200, 429]


@pytest.mark.parametrize(
    ("form", "header"),
    [("seconds", "10"), ("http-date", "Fri, 15 Jan 2027 08:00:10 GMT"), ("off", None)],
)
async def test_a_refusal_says_when_to_come_back(
    visitor: Visitor,
    form: str,
    header: str | None,
) -> None:
    limit = {"requestsPerSecond": 0.1, "burst": 1, "retryAfter": form}
    await visitor.put("/_sim/rate-limits/agents", limit)
    await visitor.get(AGENTS)

    refused = await visitor.get(AGENTS)

    assert (refused.status, refused.headers.get("Retry-After")) == (429, header)
    visitor.wall.seconds += 10
    assert (await visitor.get(AGENTS)).status == 200


@pytest.mark.parametrize(
    ("path", "body", "problem"),
    [
        ("skills", {"requestsPerSecond": 1}, "path: must be one of token, agents"),
        ("agents", {}, "requestsPerSecond: Field required"),
        ("agents", {"requestsPerSecond": 1, "retryAfter": "soon"}, "retryAfter: "),
    ],
)
async def test_a_bad_limit_is_refused_by_name(
    visitor: Visitor, path: str, body: dict[str, Any], problem: str
) -> None:
    reply = await visitor.put(f"/_sim/rate-limits/{path}", body)

    assert reply.status == 400
    assert problem in reply.json["error"]


async def test_the_journal_tells_who_asked_for_what_and_what_came_of_it(visitor: Visitor) -> None:
    await visitor.put(CAMPAIGN, {"status": "PAUSED"})
    await visitor.get(f"{AGENTS}?state=available&limit=3")
    await visitor.get("/nowhere", headers={"Authorization": "Bearer made-up"})

    reply = await visitor.get("/_sim/requests")

    rows = reply.json["requests"]
    assert [(row["pathClass"], row["status"], row["client"]) for row in rows] == [
        ("token", 200, "simulator"),
        ("campaign-write", 200, "simulator"),
        ("agents", 200, "simulator"),
        ("other", 404, None),
    ]
    assert [row["seq"] for row in rows] == [1, 2, 3, 4]
    assert (rows[1]["method"], rows[1]["campaign"], rows[1]["wantedStatus"]) == (
        "PUT",
        "cmp-1",
        "PAUSED",
    )
    assert (rows[2]["path"], rows[2]["query"]) == (AGENTS, "state=available&limit=3")
    assert rows[0]["time"] == visitor.wall.seconds


async def test_the_journal_counts_since_a_number_and_per_path(visitor: Visitor) -> None:
    await statuses(visitor, 3)
    before = (await visitor.get("/_sim/requests")).json["lastSeq"]
    await statuses(visitor, 2)
    await visitor.get(CAMPAIGN)

    since = await visitor.get(f"/_sim/requests?since={before}")
    agents = await visitor.get(f"/_sim/requests?since={before}&path=agents&limit=1")
    summary = await visitor.get(f"/_sim/requests/summary?since={before}")

    assert since.json["matched"] == 3
    assert agents.json["matched"] == 2
    assert [row["seq"] for row in agents.json["requests"]] == [before + 2]
    assert summary.json["counts"] == [
        {"pathClass": "agents", "status": 200, "client": "simulator", "count": 2},
        {"pathClass": "campaign-read", "status": 200, "client": "simulator", "count": 1},
    ]


async def test_a_cleared_journal_is_empty_and_its_numbers_go_on(visitor: Visitor) -> None:
    await visitor.call("DELETE", "/_sim/requests")
    assert (await visitor.get("/_sim/requests")).json == {
        "lastSeq": 1,
        "matched": 0,
        "requests": [],
    }

    await visitor.get(AGENTS)

    assert [row["seq"] for row in (await visitor.get("/_sim/requests")).json["requests"]] == [2]


async def test_neither_secrets_nor_tokens_are_in_the_journal(visitor: Visitor) -> None:
    token = visitor.headers["Authorization"].removeprefix("Bearer ")
    await visitor.get(f"{AGENTS}?access_token={token}&client_secret=simulator-secret&limit=1")

    reply = await visitor.get("/_sim/requests")

    assert token.encode() not in reply.body
    assert b"simulator-secret" not in reply.body
    assert reply.json["requests"][-1]["query"] == "access_token=...&client_secret=...&limit=1"


async def test_the_journal_keeps_the_newest_and_finds_by_number_still() -> None:
    journal = Journal(capacity=3)
    for number in range(5):
        journal.open(float(number), "GET", PathClass.AGENTS, "/", "")

    assert [entry.seq for entry in journal.entries()] == [3, 4, 5]
    assert [entry.seq for entry in journal.entries(since=1)] == [3, 4, 5]
    assert [entry.seq for entry in journal.entries(since=4)] == [5]
    assert journal.entries(since=5) == []


async def test_a_bad_journal_query_is_refused_by_name(visitor: Visitor) -> None:
    for query, problem in (
        ("since=x", "since: "),
        ("path=x", "path: "),
        ("sinc=1", "sinc: unknown"),
    ):
        reply = await visitor.get(f"/_sim/requests?{query}")
        assert reply.status == 400
        assert problem in reply.json["error"]

"""Campaigns: read, paused and resumed by API clients, and by people behind their backs."""

from datetime import UTC, datetime

import pytest

from unit.simulator.visitor import CAMPAIGN, Visitor


async def test_a_campaign_is_read_by_its_id(visitor: Visitor) -> None:
    reply = await visitor.get(CAMPAIGN)

    assert reply.json == {
        "id": "cmp-1",
        "name": "Campaign 1",
        "status": "RUNNING",
        "updatedTimestamp": "2027-01-15T08:00:00.000Z",
    }


async def test_an_id_is_one_quoted_path_segment(visitor: Visitor) -> None:
    await visitor.put("/_sim/campaigns/a%2Fb%20c%3Ad", {"name": "Odd"})

    assert (await visitor.get("/api/v2/campaigns/a%2Fb%20c%3Ad")).json["id"] == "a/b c:d"
    assert (await visitor.get("/api/v2/campaigns/a/b%20c%3Ad")).status == 404


async def test_a_client_pauses_and_resumes(visitor: Visitor) -> None:
    visitor.wall.seconds += 90

    paused = await visitor.put(CAMPAIGN, {"status": "PAUSED"})

    assert (paused.status, paused.json["status"]) == (200, "PAUSED")
    changed = datetime.fromisoformat(paused.json["updatedTimestamp"])
    assert changed == datetime.fromtimestamp(visitor.wall.seconds, UTC)
    control = (await visitor.get("/_sim/campaigns/cmp-1")).json
    assert control["lastChangedBy"] == "api:simulator"
    assert (await visitor.put(CAMPAIGN, {"status": "RUNNING"})).json["status"] == "RUNNING"


async def test_setting_what_already_is_counts_as_no_change(visitor: Visitor) -> None:
    before = (await visitor.get("/_sim/campaigns/cmp-1")).json
    visitor.wall.seconds += 90

    assert (await visitor.put(CAMPAIGN, {"status": "RUNNING"})).status == 200

    assert (await visitor.get("/_sim/campaigns/cmp-1")).json == before


async def test_a_tenant_may_answer_a_put_with_nothing(visitor: Visitor) -> None:
    await visitor.put("/_sim/put-status", {"status": 204})

    reply = await visitor.put(CAMPAIGN, {"status": "PAUSED"})

    assert (reply.status, reply.body) == (204, b"")
    assert await visitor.campaign_status() == "PAUSED"


@pytest.mark.parametrize(
    "body",
    [{"status": "STOPPED"}, {"status": 1}, {}, ["PAUSED"], "PAUSED", None],
)
async def test_a_put_that_is_not_understood_changes_nothing(visitor: Visitor, body: object) -> None:
    reply = await visitor.call("PUT", CAMPAIGN, json=body)

    assert (reply.status, reply.json["error"]) == (400, "bad_request")
    assert await visitor.campaign_status() == "RUNNING"


async def test_a_put_must_say_that_it_is_json(visitor: Visitor) -> None:
    reply = await visitor.call("PUT", CAMPAIGN, data='{"status": "PAUSED"}')

    assert reply.status == 400
    assert await visitor.campaign_status() == "RUNNING"


async def test_an_unknown_campaign_is_404_in_json(visitor: Visitor) -> None:
    for reply in (
        await visitor.get("/api/v2/campaigns/nope"),
        await visitor.put("/api/v2/campaigns/nope", {"status": "PAUSED"}),
    ):
        assert (reply.status, reply.json["error"]) == (404, "not_found")
        assert "nope" in reply.json["error_description"]


async def test_a_person_changes_a_campaign_to_any_word(visitor: Visitor) -> None:
    await visitor.put(CAMPAIGN, {"status": "PAUSED"})
    visitor.wall.seconds += 5

    reply = await visitor.post("/_sim/campaigns/cmp-1/status", {"status": "ARCHIVED"})

    assert reply.json["lastChangedBy"] == "person"
    seen = await visitor.get(CAMPAIGN)
    assert seen.json["status"] == "ARCHIVED"
    assert seen.json["updatedTimestamp"] == "2027-01-15T08:00:05.000Z"


async def test_a_campaign_that_has_ended_takes_no_change(visitor: Visitor) -> None:
    await visitor.post("/_sim/campaigns/cmp-1/status", {"status": "COMPLETED"})

    reply = await visitor.put(CAMPAIGN, {"status": "RUNNING"})

    assert (reply.status, reply.json["error"]) == (409, "conflict")
    assert await visitor.campaign_status() == "COMPLETED"


async def test_campaigns_are_made_replaced_and_removed_through_the_control_api(
    visitor: Visitor,
) -> None:
    path = "/_sim/campaigns/cmp-2"

    assert (await visitor.put(path, {"name": "Two", "status": "PAUSED"})).status == 201
    assert (await visitor.put(path, {"name": "Zwei"})).status == 200
    assert (await visitor.get("/api/v2/campaigns/cmp-2")).json["name"] == "Zwei"
    assert (await visitor.call("DELETE", path)).status == 204
    assert (await visitor.get("/api/v2/campaigns/cmp-2")).status == 404
    assert (await visitor.call("DELETE", path)).status == 404

"""Which of a campaign's skills may be started and stopped, and what a hostile description of one comes to."""

import json

import pytest

from campaign_throttle.cxone.acd import skills
from campaign_throttle.cxone.acd.skills import (
    CampaignFacts,
    SkillFacts,
    candidates,
    describe,
    describe_inactive,
    read_campaign,
    read_schedule,
    read_skill,
    read_skill_ids,
    select,
)
from campaign_throttle.cxone.errors import CampaignNotFound, InvalidResponse, NothingToControl
from campaign_throttle.cxone.protocol import DialingState, Skill
from campaign_throttle.cxone.transport import Answer

FACTS = CampaignFacts("77", "Spring", active=True)
SKILL = {
    "skillId": 101,
    "skillName": "Sales",
    "isOutbound": True,
    "outboundStrategy": "Personal Connection",
    "agentless": False,
    "isActive": True,
    "isRunning": True,
    "campaignId": 77,
}
#: What can stand where a value of another type is expected.
WRONG = [None, "", "1", "true", 1.5, float("nan"), 10**30, -1, [], {}, [1], {"a": 1}]


def answer(found, status=200):
    return Answer("skill", status, {"content-type": "application/json"}, json.dumps(found).encode())


def skill(**differences):
    return read_skill(answer(SKILL | differences), 101, "77")


# Which skills are controlled


def test_a_personal_connection_skill_with_agents_is_controlled():
    assert skill() == SkillFacts(101, "Sales", running=True, hindrance="")
    assert skill(isRunning=False).running is False


@pytest.mark.parametrize(
    ("differences", "hindrance"),
    [
        ({"isOutbound": False}, "inbound"),
        ({"outboundStrategy": "Manual"}, "not Personal Connection"),
        ({"outboundStrategy": None}, "not Personal Connection"),
        ({"agentless": True}, "agentless"),
        ({"isActive": False}, "inactive"),
        ({"campaignId": 78}, "in another campaign"),
        ({"isOutbound": False, "agentless": True, "isActive": False}, "inbound"),
    ],
)
def test_other_skills_are_not_and_the_reason_is_told(differences, hindrance):
    assert skill(**differences).hindrance == hindrance


@pytest.mark.parametrize("strategy", ["Personal Connection", "PersonalConnection", "PERSONAL CONNECTION"])
def test_personal_connection_is_recognised_as_the_documents_and_as_the_enumeration_write_it(strategy):
    assert skill(outboundStrategy=strategy).hindrance == ""


def test_an_inbound_skill_need_not_have_the_fields_of_an_outbound_one():
    found = {"skillId": 101, "skillName": "Service", "isOutbound": False}
    assert read_skill(answer(found), 101, "77").hindrance == "inbound"


def test_a_skill_that_is_gone_is_left_out():
    assert read_skill(answer({}, 404), 101, "77").hindrance == "not found"


def test_the_campaign_of_a_skill_that_was_just_changed_does_not_matter():
    assert read_skill(answer(SKILL | {"campaignId": 78}), 101).hindrance == ""


def test_what_is_left_out_is_listed_by_id_with_its_reason():
    listed = frozenset({101, 102, 103})
    looked_at = [SkillFacts(103, "", running=False, hindrance="inbound"), SkillFacts(101, "", True, "")]
    found = select(looked_at, listed, frozenset({101, 103, 999}))
    assert [controlled.id for controlled in found.controlled] == [101]
    assert found.left_out == ("103 (inbound)", "999 (not in the campaign)")


def test_skills_that_are_not_asked_for_are_neither_read_nor_spoken_of():
    assert candidates(frozenset({101, 102, 103}), frozenset({102, 999}), "77") == (102,)
    assert candidates(frozenset({103, 101}), frozenset(), "77") == (101, 103)


def test_no_more_skills_are_controlled_than_a_status_has_room_for(monkeypatch):
    monkeypatch.setattr(skills, "CONTROLLED_MAXIMUM", 2)
    looked_at = [SkillFacts(number, "", running=True, hindrance="") for number in (3, 1, 2)]
    found = select(looked_at, frozenset({1, 2, 3}), frozenset())
    assert [controlled.id for controlled in found.controlled] == [1, 2]
    assert found.left_out == ("3 (more than 50 skills)",)


def test_a_campaign_of_absurdly_many_skills_is_not_read_one_by_one():
    listed = frozenset(range(1, 502))
    with pytest.raises(InvalidResponse, match=r"skillIDs"):
        candidates(listed, frozenset(), "77")
    assert candidates(listed, frozenset({5}), "77") == (5,)


# The campaign


def test_a_campaign_runs_while_any_controlled_skill_runs():
    running, stopped = SkillFacts(102, "B", True, ""), SkillFacts(101, "A", False, "")
    found = describe(FACTS, [running, stopped], ("103 (inbound)",), {102, 103})
    assert (found.state, found.word, found.changed_at) == (DialingState.RUNNING, "running", None)
    assert found.skills == (Skill(101, "A", running=False), Skill(102, "B", running=True))
    assert (found.left_out, found.scheduled) == (("103 (inbound)",), (102,))
    assert describe(FACTS, [stopped], (), ()).state is DialingState.PAUSED


def test_a_campaign_that_is_switched_off_is_neither_running_nor_paused():
    found = describe_inactive(CampaignFacts("77", "Spring", active=False))
    assert (found.state, found.word, found.skills) == (DialingState.OTHER, "inactive", ())


def test_nothing_to_control_says_what_was_left_out_and_why():
    with pytest.raises(NothingToControl) as caught:
        describe(FACTS, [], ("103 (inbound)", "104 (agentless)"), ())
    assert "campaign 77" in str(caught.value)
    assert "103 (inbound), 104 (agentless)" in str(caught.value)


def test_a_long_list_of_what_is_left_out_is_cut():
    with pytest.raises(NothingToControl) as caught:
        describe(FACTS, [], tuple(f"{number} (inbound)" for number in range(100, 120)), ())
    assert "109 (inbound) and 10 more" in str(caught.value)


def test_a_campaign_without_skills_says_so():
    with pytest.raises(NothingToControl, match="has no skills"):
        describe(FACTS, [], (), ())


@pytest.mark.parametrize("read", [read_campaign, read_skill_ids])
def test_a_campaign_that_is_not_there(read):
    with pytest.raises(CampaignNotFound, match="campaign 77"):
        read(answer({}, 404), "77")


def test_no_content_is_a_campaign_without_skills():
    assert read_skill_ids(Answer("campaign-skills", 204, {}, b""), "77") == frozenset()


def test_control_characters_of_a_name_are_dropped_and_long_names_cut():
    found = read_campaign(answer({"id": 77, "isActive": True, "name": "a\x1b[2J\nb" + "c" * 5000}), "77")
    assert found.name.startswith("a[2Jb")
    assert len(found.name) == 256
    assert read_campaign(answer({"id": 77, "isActive": True}), "77").name == ""


def test_another_campaign_than_the_one_asked_for_is_not_believed():
    with pytest.raises(InvalidResponse, match="another campaign"):
        read_campaign(answer({"id": 78, "isActive": True}), "77")


# Hostile answers


@pytest.mark.parametrize("field", [name for name in SKILL if name not in ("skillName", "outboundStrategy")])
@pytest.mark.parametrize("wrong", [*WRONG, 1], ids=repr)
def test_a_skill_with_a_field_of_another_type_is_not_believed(field, wrong):
    if wrong == SKILL[field] and type(wrong) is type(SKILL[field]):
        return
    if field == "campaignId" and wrong == 1 and not isinstance(wrong, bool):
        assert skill(campaignId=1).hindrance == "in another campaign"
        return
    with pytest.raises(InvalidResponse):
        skill(**{field: wrong})


@pytest.mark.parametrize("field", [name for name in SKILL if name not in ("skillName", "outboundStrategy")])
def test_a_skill_without_a_field_is_not_believed(field):
    with pytest.raises(InvalidResponse):
        read_skill(answer({name: value for name, value in SKILL.items() if name != field}), 101, "77")


@pytest.mark.parametrize("field", ["skillName", "outboundStrategy"])
@pytest.mark.parametrize("wrong", [1, True, [], {}], ids=repr)
def test_a_text_of_another_type_is_not_believed(field, wrong):
    with pytest.raises(InvalidResponse):
        skill(**{field: wrong})


@pytest.mark.parametrize(
    "found",
    [{}, {"skills": None}, {"skills": {}}, {"skills": [1]}, {"skills": [None]}, {"skills": [{}]}],
    ids=repr,
)
def test_what_is_not_a_list_of_skills_is_not_believed(found):
    with pytest.raises(InvalidResponse):
        read_skill_ids(answer(found), "77")


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_wrong_ids_and_flags_of_a_campaign_are_not_believed(wrong):
    with pytest.raises(InvalidResponse):
        read_skill_ids(answer({"skills": [{"skillId": wrong}]}), "77")
    with pytest.raises(InvalidResponse):
        read_campaign(answer({"id": wrong, "isActive": True}), "77")
    with pytest.raises(InvalidResponse):
        read_campaign(answer({"id": 77, "isActive": wrong}), "77")


# Schedules


@pytest.mark.parametrize("scheduled", [True, False])
def test_a_schedule_that_is_switched_on_counts(scheduled):
    assert read_schedule(answer({"isScheduled": scheduled, "mondayIsActive": True}), 101) is scheduled
    assert read_schedule(answer({"scheduleSettings": {"isScheduled": scheduled}}), 101) is scheduled


@pytest.mark.parametrize(
    "found", [{}, {"isScheduled": "yes"}, {"isScheduled": 1}, {"scheduleSettings": {}}], ids=repr
)
def test_a_schedule_that_does_not_tell_is_unknown(found):
    with pytest.raises(InvalidResponse):
        read_schedule(answer(found), 101)

"""The `ACD` dialect: NICE's published ACD API, as far as dialing goes (cxone.md §2).

Campaigns and skills are read by number; a Personal Connection skill is started and stopped; the agents
are counted per skill or listed with their states. Campaigns whose id is no number aren't seen here.
"""

from collections.abc import Callable, Sequence
from typing import Any

from cxone_simulator.access_keys import ACD_SCOPE
from cxone_simulator.acd_answers import (
    Page,
    asked_fields,
    asked_page,
    dated,
    page_document,
    refusal,
)
from cxone_simulator.acd_rows import (
    BUSINESS_UNIT,
    activity_row,
    campaign_name,
    number_of,
    state_row,
)
from cxone_simulator.acd_setup import NO_SCHEDULE
from cxone_simulator.activity import MEDIA_NAMES
from cxone_simulator.answers import Answer, Refused, json_answer
from cxone_simulator.front_door import Call, Operation
from cxone_simulator.model import Campaign, Skill
from cxone_simulator.simulation import Simulation
from cxone_simulator.traffic import PathClass

#: Where all its paths begin.
ACD_PREFIX = "/incontactapi/"
BASE = f"{ACD_PREFIX}services/{{version}}"


class AcdDialect:
    """Reads one simulation, and starts and stops its skills, as an API client does."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._rows_revision: tuple[int, object] = (-1, None)
        self._rows: dict[tuple[int | None, bool | None], list[Skill]] = {}

    def routes(self) -> Sequence[tuple[str, str, Operation]]:
        """The paths below the API's base, each with its path class."""
        skill = f"{BASE}/skills/{{skill}}"
        campaign = f"{BASE}/campaigns/{{campaign}}"
        # The order matters: `activity` is no skill's id.
        return (
            self._route("GET", f"{BASE}/skills/activity", PathClass.ACD_ACTIVITY, self.activity),
            self._route("GET", f"{BASE}/agents/states", PathClass.ACD_AGENT_STATES, self.states),
            self._route("GET", campaign, PathClass.ACD_CAMPAIGN, self.campaign),
            self._route(
                "GET",
                f"{campaign}/skills",
                PathClass.ACD_CAMPAIGN_SKILLS,
                self.campaign_skills,
            ),
            self._route("GET", skill, PathClass.ACD_SKILL, self.skill),
            self._route(
                "GET",
                f"{skill}/parameters/schedule-settings",
                PathClass.ACD_SCHEDULE,
                self.schedule,
            ),
            self._route("POST", f"{skill}/start", PathClass.ACD_SKILL_START, self.start),
            self._route("POST", f"{skill}/stop", PathClass.ACD_SKILL_STOP, self.stop, _note_force),
        )

    def _route(
        self,
        method: str,
        path: str,
        path_class: PathClass,
        effect: Callable[[Call], Answer],
        note: Callable[[Call], None] | None = None,
    ) -> tuple[str, str, Operation]:
        def served(call: Call) -> Answer:
            version = call.request.match_info["version"]
            if version not in self._simulation.acd.versions:
                raise Refused(self._refusal(404, "NotFound", f"no API version {version}"))
            self._simulation.tenant.skills.settle()
            return dated(effect(call), self._simulation.now())

        operation = Operation(path_class, ACD_SCOPE, served, note, self._refusal)
        return method, path, operation

    # Campaigns and skills

    def campaign(self, call: Call) -> Answer:
        """``GET campaigns/{id}``."""
        campaign = self._campaign(call)
        return json_answer(
            200,
            {
                "id": int(campaign.id),
                "name": campaign.name,
                "divisionId": 1,
                "notes": "",
                "description": "",
                "isActive": campaign.active,
                "lastUpdateTime": campaign.updated_timestamp,
            },
        )

    def campaign_skills(self, call: Call) -> Answer:
        """``GET campaigns/{id}/skills``: all of them, not paged."""
        skills = self._simulation.tenant.skills.of_campaign(self._campaign(call).id)
        rows = [
            {
                "skillId": skill.id,
                "skillName": skill.name,
                "mediaType": skill.media_type,
                "mediaName": MEDIA_NAMES.get(skill.media_type, ""),
            }
            for skill in skills
        ]
        document = {"businessUnitId": BUSINESS_UNIT, "totalRecords": len(rows), "skills": rows}
        return json_answer(200, document)

    def skill(self, call: Call) -> Answer:
        """``GET skills/{id}``."""
        skill = self._skill(call)
        return json_answer(
            200,
            {
                "skillId": skill.id,
                "skillName": skill.name,
                "mediaTypeId": skill.media_type,
                "mediaTypeName": MEDIA_NAMES.get(skill.media_type, ""),
                "isActive": skill.active,
                "campaignId": number_of(skill.campaign_id),
                "campaignName": campaign_name(skill, self._simulation.tenant),
                "isOutbound": skill.outbound,
                "outboundStrategy": skill.outbound_strategy or "",
                "isRunning": skill.running,
                "priorityBlending": skill.priority_blending,
                "agentless": skill.agentless,
                "agentlessPorts": 0,
            },
        )

    def schedule(self, call: Call) -> Answer:
        """``GET skills/{id}/parameters/schedule-settings``: a week, without a time zone."""
        return json_answer(200, {**NO_SCHEDULE, **self._skill(call).schedule})

    def start(self, call: Call) -> Answer:
        """``POST skills/{id}/start``; during a drain it cancels the drain."""
        skill = self._skill(call)
        self._change(lambda: self._simulation.tenant.skills.start(skill, f"api:{call.client_id}"))
        return self._changed()

    def stop(self, call: Call) -> Answer:
        """``POST skills/{id}/stop?force=``: drains, or with ``force=true`` cuts the calls at once."""
        skill = self._skill(call)
        force = _boolean(call.request.rel_url.query.get("force"))
        by = f"api:{call.client_id}"
        self._change(lambda: self._simulation.tenant.skills.stop(skill, by, force=bool(force)))
        return self._changed()

    # Agents

    def activity(self, call: Call) -> Answer:
        """``GET skills/activity?mediaTypeId=&IsOutbound=&skip=&top=&fields=``; 204 without rows.

        ``updatedSince`` is ignored: every answer is a full snapshot.
        """
        query = call.request.rel_url.query
        outbound = _boolean(query.get("IsOutbound", query.get("isOutbound")))
        media_type = query.get("mediaTypeId")
        matching = self._matching(number_of(media_type) if media_type else None, outbound)
        page = asked_page(query, self._simulation.page_cap)
        row = activity_row(asked_fields(query), self._simulation)
        rows = [row(skill) for skill in matching[page.skip : page.skip + page.top]]
        return self._page(call, page, "skillActivity", rows, len(matching))

    def states(self, call: Call) -> Answer:
        """``GET agents/states?fields=&skip=&top=``: all agents, logged-out ones included."""
        query = call.request.rel_url.query
        page, tenant = asked_page(query, self._simulation.page_cap), self._simulation.tenant
        row = state_row(asked_fields(query), self._simulation)
        rows = [row(agent) for agent in tenant.agents(offset=page.skip, limit=page.top)]
        return self._page(call, page, "agentStates", rows, sum(tenant.counts().values()))

    def _page(self, call: Call, page: Page, name: str, rows: list[dict[str, Any]], total: int) -> Answer:
        if not rows:
            return Answer(204, content_type=None)
        own = f"{call.request.scheme}://{call.request.host}"
        base = (self._simulation.acd.next_link_base or own).rstrip("/")
        asked, now = call.request.rel_url, self._simulation.now()
        document = page_document(base, asked, page, name, rows, total=total, now=now)
        return json_answer(200, document)

    def _matching(self, media_type: int | None, outbound: bool | None) -> list[Skill]:
        skills = self._simulation.tenant.skills
        if self._rows_revision != (skills.revision, skills):
            self._rows_revision, self._rows = (skills.revision, skills), {}
        key = media_type, outbound
        if key not in self._rows:
            self._rows[key] = [
                skill
                for skill in skills
                if media_type in (None, skill.media_type) and outbound in (None, skill.outbound)
            ]
        return self._rows[key]

    # What all of them need

    def _campaign(self, call: Call) -> Campaign:
        campaign = self._simulation.tenant.campaign(call.campaign_id)
        if campaign is None or number_of(campaign.id) is None:
            raise Refused(self._refusal(404, "NotFound", f"no campaign {call.campaign_id}"))
        return campaign

    def _skill(self, call: Call) -> Skill:
        text = call.request.match_info["skill"]
        number = number_of(text)
        skill = None if number is None else self._simulation.tenant.skills.get(number)
        if skill is None:
            raise Refused(self._refusal(404, "NotFound", f"no skill {text}"))
        return skill

    def _change(self, change: Callable[[], None]) -> None:
        try:
            change()
        except ValueError as error:
            raise Refused(self._refusal(400, "InvalidRequest", str(error))) from None

    def _changed(self) -> Answer:
        return Answer(self._simulation.acd.change_status, content_type=None)

    def _refusal(self, status: int, error: str, description: str, headers: Any = None) -> Answer:
        body = self._simulation.acd.error_body
        answer = refusal(status, error, description, headers, body=body)
        return dated(answer, self._simulation.now())


def _boolean(text: str | None) -> bool | None:
    return None if text is None else text.strip().lower() == "true"


def _note_force(call: Call) -> None:
    call.entry.forced = bool(_boolean(call.request.rel_url.query.get("force")))

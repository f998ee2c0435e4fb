"""The control API's part for the ACD: its skills, and how its API behaves."""

from collections.abc import Sequence

from aiohttp import web

from cxone_simulator.acd_setup import AcdSettings, SkillChange
from cxone_simulator.control_bodies import (
    NewSkill,
    Route,
    RunningChange,
    bad_request,
    not_found,
    read_body,
)
from cxone_simulator.model import PERSON, Skill
from cxone_simulator.simulation import Simulation
from cxone_simulator.skill_setup import change_skill


class AcdControl:
    """What happens to the skills behind the backs of the tenant's clients."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def routes(self) -> Sequence[Route]:
        """Method, path and handler of each route."""
        return (
            ("GET", "/_sim/acd", self.settings),
            ("PUT", "/_sim/acd", self.change_settings),
            ("GET", "/_sim/skills", self.skills),
            ("GET", "/_sim/skills/{skill}", self.skill),
            ("PUT", "/_sim/skills/{skill}", self.put_skill),
            ("PATCH", "/_sim/skills/{skill}", self.change_skill),
            ("DELETE", "/_sim/skills/{skill}", self.remove_skill),
            ("POST", "/_sim/skills/{skill}/running", self.set_running),
            ("POST", "/_sim/skills/{skill}/release", self.release),
        )

    async def settings(self, _request: web.Request) -> web.Response:
        """How the ACD's API behaves."""
        return web.json_response(_settings_document(self._simulation.acd))

    async def change_settings(self, request: web.Request) -> web.Response:
        """Change the settings that the body names, and leave the others."""
        change = await read_body(request, AcdSettings)
        self._simulation.set_acd(self._simulation.acd.changed(change))
        return web.json_response(_settings_document(self._simulation.acd))

    async def skills(self, _request: web.Request) -> web.Response:
        """All skills."""
        self._simulation.tenant.skills.settle()
        skills = [self._document(skill) for skill in self._simulation.tenant.skills]
        return web.json_response({"skills": skills})

    async def skill(self, request: web.Request) -> web.Response:
        """One skill with its counters."""
        return web.json_response(self._document(self._skill(request)))

    async def put_skill(self, request: web.Request) -> web.Response:
        """Create or replace a skill."""
        body = await read_body(request, NewSkill)
        skill_id = _number(request)
        if body.id not in (None, skill_id):
            raise bad_request(f"id: the path says {skill_id}")
        campaign = self._simulation.tenant.campaign(body.campaign)
        if campaign is None:
            raise not_found("campaign", body.campaign)
        existed = self._simulation.tenant.skills.get(skill_id) is not None
        try:
            skill = self._simulation.put_skill(campaign, body.model_copy(update={"id": skill_id}))
        except ValueError as error:
            raise bad_request(str(error)) from None
        return web.json_response(self._document(skill), status=200 if existed else 201)

    async def change_skill(self, request: web.Request) -> web.Response:
        """Change what the body names of a skill, and leave the rest."""
        skill = self._skill(request)
        change_skill(skill, await read_body(request, SkillChange))
        self._simulation.tenant.skills.reconsider(skill)
        return web.json_response(self._document(skill))

    async def remove_skill(self, request: web.Request) -> web.Response:
        """Remove a skill; its campaign keeps the others."""
        self._simulation.tenant.skills.remove(self._skill(request))
        return web.Response(status=204)

    async def set_running(self, request: web.Request) -> web.Response:
        """Start or stop a skill as a person in CXone's own pages does."""
        change = await read_body(request, RunningChange)
        skill, skills = self._skill(request), self._simulation.tenant.skills
        try:
            if change.running:
                skills.start(skill, PERSON)
            else:
                skills.stop(skill, PERSON, force=change.force)
        except ValueError as error:
            raise bad_request(str(error)) from None
        return web.json_response(self._document(skill))

    async def release(self, request: web.Request) -> web.Response:
        """Let a drain that is held end as soon as the calls in progress have."""
        skill = self._skill(request)
        self._simulation.tenant.skills.release(skill)
        return web.json_response(self._document(skill))

    def _skill(self, request: web.Request) -> Skill:
        skill = self._simulation.tenant.skills.get(_number(request))
        if skill is None:
            raise not_found("skill", request.match_info["skill"])
        self._simulation.tenant.skills.settle()
        return skill

    def _document(self, skill: Skill) -> dict[str, object]:
        return {
            "id": skill.id,
            "name": skill.name,
            "campaign": skill.campaign_id,
            "mediaType": skill.media_type,
            "outbound": skill.outbound,
            "outboundStrategy": skill.outbound_strategy,
            "agentless": skill.agentless,
            "active": skill.active,
            "priorityBlending": skill.priority_blending,
            "running": skill.running,
            "draining": skill.draining,
            "held": skill.held,
            "calls": skill.calls,
            "lastChangedBy": skill.last_changed_by,
            "schedule": dict(skill.schedule),
            "activity": self._simulation.activity.counts(skill),
            "dialed": skill.dialed,
            "answered": skill.answered,
            "abandoned": skill.abandoned,
        }


def _settings_document(settings: AcdSettings) -> dict[str, object]:
    document: dict[str, object] = settings.model_dump(mode="json", by_alias=True)
    return document


def _number(request: web.Request) -> int:
    text = request.match_info["skill"]
    if not text.isascii() or not text.isdigit() or len(text) > 10:
        raise not_found("skill", text)
    return int(text)

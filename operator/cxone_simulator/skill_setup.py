"""Skills of the model from what a scenario or the control API says of them."""

from cxone_simulator.acd_setup import SkillChange, SkillSetup
from cxone_simulator.model import RUNNING, Campaign, Skill


def skill_of(campaign: Campaign, setup: SkillSetup, unused_id: int) -> Skill:
    """A new skill of a campaign; ``unused_id`` is for a setup without an id."""
    skill_id = unused_id if setup.id is None else setup.id
    skill = Skill(
        id=skill_id,
        name=setup.name or f"Skill {skill_id}",
        campaign_id=campaign.id,
        media_type=setup.media_type,
        outbound=setup.outbound,
        outbound_strategy=setup.outbound_strategy if setup.outbound else None,
        agentless=setup.agentless,
        active=setup.active,
        priority_blending=setup.priority_blending,
        drain=None if setup.drain is None else setup.drain.drain(),
        schedule=setup.schedule,
        dialing=campaign.dialing.overridden_by(setup.dialing),
        activity=setup.activity.by_name(),
        activity_at=None if setup.series is None else setup.series.at,
    )
    wanted = campaign.status == RUNNING if setup.running is None else setup.running
    skill.running = skill.can_run and wanted
    return skill


def change_skill(skill: Skill, change: SkillChange) -> None:
    """Change what is told of a skill, and leave the rest."""
    given = change.model_fields_set
    plain = {
        "media_type": change.media_type,
        "outbound": change.outbound,
        "outbound_strategy": change.outbound_strategy,
        "agentless": change.agentless,
        "active": change.active,
        "priority_blending": change.priority_blending,
        "schedule": change.schedule,
        "activity": None if change.activity is None else change.activity.by_name(),
    }
    for name, value in plain.items():
        if name in given and value is not None:
            setattr(skill, name, value)
    if "drain" in given:
        skill.drain = None if change.drain is None else change.drain.drain()
    if "series" in given:
        skill.activity_at = None if change.series is None else change.series.at

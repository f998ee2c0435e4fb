"""What a throttle declares that the API of its tenant has no use for."""

import re

from campaign_throttle.resources.behaviour import Agents, AgentSource
from campaign_throttle.resources.tenant import Api
from campaign_throttle.resources.throttle import CampaignThrottleSpec

ID_PATTERN = re.compile(r"[1-9][0-9]{0,9}")


def misfit(api: Api, spec: CampaignThrottleSpec) -> str | None:
    """What of a throttle's spec the tenant's API has no use for, as a message; None if it fits. Pure."""
    default = Agents()
    agents = spec.agents
    if api is Api.CAMPAIGNS:
        unused = {
            "spec.skillIDs": spec.skill_ids is not None,
            "spec.agents.source": agents.source is not default.source,
            "spec.agents.counter": agents.counter is not default.counter,
            "spec.agents.stateIDs": agents.state_ids != default.state_ids,
            "spec.agents.teamIDs": agents.team_ids is not None,
        }
    else:
        if not ID_PATTERN.fullmatch(spec.campaign_id):
            return "spec.campaignID: of an ACD tenant it is the campaign's number, for example 4711"
        by_state = agents.source is AgentSource.AGENT_STATES
        unused = {
            "spec.agents.states": agents.states != default.states,
            "spec.agents.counter": by_state and agents.counter is not default.counter,
            "spec.agents.stateIDs": not by_state and agents.state_ids != default.state_ids,
            "spec.agents.teamIDs": not by_state and agents.team_ids is not None,
        }
    field = next((name for name, is_unused in unused.items() if is_unused), None)
    if field is None:
        return None
    if api is Api.ACD and field != "spec.agents.states":
        return f"{field}: it has no use with agents.source {agents.source.value}: remove it"
    return (
        f"{field}: an {api.value} tenant has no use for it: remove it"
        if api is Api.ACD
        else (f"{field}: a {api.value} tenant has no use for it: remove it, or name an ACD tenant in tenantRef")
    )

"""Draws docs/images/lunch-break.svg: an hour and a half of the simulator's lunch break, left alone and throttled.

The simulated tenant dials in a closed loop, and the operator's own ``policy.decide`` decides every 30 seconds. Seeded
and on a simulated clock, so that the picture is the same each time; run by ``make generate``.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cxone_simulator
from campaign_throttle import policy
from campaign_throttle.policy import Memory, Observation
from campaign_throttle.resources.throttle import Action, CampaignState, CampaignThrottleSpec
from cxone_simulator.model import AgentState
from cxone_simulator.scenario import Scenario
from cxone_simulator.simulation import Simulation

HERE = Path(__file__).parent
SCENARIO = Path(cxone_simulator.__file__).parent / "scenarios" / "lunch-break.yaml"
SPEC = CampaignThrottleSpec(campaign_id="cmp-1")
START = datetime(2026, 1, 1, 8, tzinfo=UTC)
STEP, STEPS = 30, 180

WIDTH, PANEL, LEFT, TOP, GAP = 860, 150, 60, 56, 64
RIGHT, MOST_AGENTS = 40, 20
INK, QUIET, PAUSED, LINE, LOST = "#24292f", "#6e7781", "#ddf4ff", "#0969da", "#cf222e"


@dataclass
class Run:
    """One run of the scenario: the available agents and whether the campaign was paused, step by step."""

    title: str
    agents: list[int] = field(default_factory=list)
    paused: list[bool] = field(default_factory=list)
    answered: int = 0
    abandoned: int = 0


async def simulate(title: str, *, throttled: bool) -> Run:
    """Run the scenario; under the policy, if it is throttled."""
    simulation = Simulation(Scenario.load(SCENARIO).model_copy(update={"speed": 0}), now=START.timestamp)
    run, memory = Run(title), Memory()
    for number in range(STEPS):
        await simulation.step(STEP)
        campaign = simulation.tenant.campaign("cmp-1")
        assert campaign is not None
        agents = simulation.tenant.count(AgentState.AVAILABLE)
        if throttled:
            now = START + timedelta(seconds=number * STEP)
            state = CampaignState.PAUSED if campaign.status == "PAUSED" else CampaignState.RUNNING
            decision = policy.decide(SPEC, memory, Observation(agents, state), now)
            memory = decision.memory
            if decision.action is not None:
                memory = policy.accepted(memory, decision.action, now)
                status = "PAUSED" if decision.action is Action.PAUSE else "RUNNING"
                simulation.tenant.change_status(campaign, status, "api:operator")
        run.agents.append(agents)
        run.paused.append(campaign.status == "PAUSED")
        run.answered, run.abandoned = campaign.answered, campaign.abandoned
    return run


def draw(runs: list[Run]) -> str:
    """The picture of the runs, one above the other."""
    height = TOP + len(runs) * (PANEL + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
        f'font-size="13" fill="{INK}">',
        "<title>Available agents over an hour and a half with a lunch break, left alone and throttled</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="26" font-size="15" font-weight="bold">Twelve of twenty agents go to lunch</text>',
    ]
    for number, run in enumerate(runs):
        parts += panel(run, TOP + number * (PANEL + GAP))
    return "\n".join([*parts, "</svg>"]) + "\n"


def panel(run: Run, top: int) -> list[str]:
    """One run: thresholds, agents, and where the campaign was paused."""
    across = (WIDTH - LEFT - RIGHT) / (STEPS - 1)

    def x(step: float) -> str:
        return f"{LEFT + step * across:.1f}"

    def y(agents: float) -> str:
        return f"{top + 22 + (PANEL - 22) * (1 - agents / MOST_AGENTS):.1f}"

    rate = run.abandoned / run.answered
    parts = [
        f'<text x="{LEFT}" y="{top + 10}" font-weight="bold">{run.title}</text>',
        f'<text x="{WIDTH - RIGHT}" y="{top + 10}" text-anchor="end" fill="{LOST}">'
        f"{run.abandoned} of {run.answered} answered calls abandoned: {100 * rate:.1f} %</text>",
    ]
    for begin, end in spans(run.paused):
        width = (end - begin) * across
        parts.append(
            f'<rect x="{x(begin)}" y="{y(MOST_AGENTS)}" width="{width:.1f}" height="{PANEL - 22}" fill="{PAUSED}"/>'
        )
        if width > 50:
            middle = LEFT + (begin + end) / 2 * across
            parts.append(f'<text x="{middle:.1f}" y="{top + 38}" text-anchor="middle" fill="{LINE}">paused</text>')
    for threshold, name in ((SPEC.pause_threshold, "pause"), (SPEC.resume_threshold, "resume")):
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(threshold)}" y2="{y(threshold)}" stroke="{QUIET}" '
            'stroke-dasharray="4 4"/>'
        )
        parts.append(
            f'<text x="{LEFT - 6}" y="{y(threshold - 0.5)}" text-anchor="end" fill="{QUIET}" font-size="11">'
            f"{name} {threshold}</text>"
        )
    points = " ".join(f"{x(step)},{y(agents)}" for step, agents in enumerate(run.agents))
    parts.append(f'<polyline points="{points}" fill="none" stroke="{LINE}" stroke-width="1.5"/>')
    for minute in range(0, STEPS * STEP // 60 + 1, 15):
        parts.append(
            f'<text x="{x(min(minute * 60 / STEP, STEPS - 1))}" y="{top + PANEL + 16}" text-anchor="middle" '
            f'fill="{QUIET}" font-size="11">{minute} min</text>'
        )
    return parts


def spans(paused: list[bool]) -> list[tuple[int, int]]:
    """Where a run was paused: first step, and the step after the last."""
    found, begin = [], None
    for step, is_paused in enumerate([*paused, False]):
        if is_paused and begin is None:
            begin = step
        elif not is_paused and begin is not None:
            found.append((begin, min(step, len(paused) - 1)))
            begin = None
    return found


def picture() -> str:
    """The picture as SVG."""
    alone = asyncio.run(simulate("Left alone", throttled=False))
    throttled = asyncio.run(simulate("Throttled, polled every 30 s", throttled=True))
    return draw([alone, throttled])


if __name__ == "__main__":
    (HERE / "lunch-break.svg").write_text(picture(), encoding="utf-8")

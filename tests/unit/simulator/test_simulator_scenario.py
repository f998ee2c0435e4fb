"""Scenario files: what they may say, and how a mistake is told."""

from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic.alias_generators import to_camel

from cxone_simulator import Scenario, ScenarioError
from cxone_simulator.acd_setup import SkillSetup
from cxone_simulator.model import AgentState
from cxone_simulator.scenario import Mode
from cxone_simulator.simulation import Simulation

DOCS = Path(__file__).parents[3] / "docs" / "simulator.md"


def written(folder: Path, document: object) -> Path:
    """A scenario file."""
    path = folder / "scenario.yaml"
    path.write_text(
        document if isinstance(document, str) else yaml.safe_dump(document),
        encoding="utf-8",
    )
    return path


def test_without_a_file_there_are_twenty_agents_and_one_running_campaign() -> None:
    simulation = Simulation(Scenario())

    assert simulation.mode is Mode.LOOP
    assert simulation.tenant.count(AgentState.AVAILABLE) == 20
    assert [(c.id, c.status) for c in simulation.tenant.campaigns()] == [("cmp-1", "RUNNING")]
    assert list(simulation.tokens.clients()) == ["simulator"]


@pytest.mark.parametrize(
    "name",
    ["quiet", "lunch-break", "one-bad-day", "scripted-series", "acd-lunch-break"],
)
async def test_the_scenarios_that_ship_can_be_played(name: str) -> None:
    with as_file(files("cxone_simulator") / "scenarios" / f"{name}.yaml") as path:
        simulation = Simulation(Scenario.load(path))

    await simulation.step(3600)

    campaign = simulation.tenant.campaign("1001" if name.startswith("acd-") else "cmp-1")
    assert campaign is not None
    assert campaign.dialed or simulation.mode is not Mode.LOOP


def test_the_scenario_in_the_docs_is_accepted() -> None:
    blocks = DOCS.read_text(encoding="utf-8").split("```yaml\n")[1:]
    whole = yaml.safe_load(blocks[0].split("```")[0])

    scenario = Scenario.from_document(whole)

    assert set(whole) >= set(Scenario().model_dump(by_alias=True)) - {"series"}
    assert set(whole["acd"]) == set(Scenario().acd.model_dump(by_alias=True))
    assert scenario.breaks[0].repeat_every == 3600


def test_the_acd_scenario_in_the_docs_is_accepted_and_says_all_there_is_to_a_skill() -> None:
    blocks = DOCS.read_text(encoding="utf-8").split("```yaml\n")[1:]
    whole = yaml.safe_load(blocks[1].split("```")[0])

    simulation = Simulation(Scenario.from_document(whole))

    keys = {to_camel(name) for name in SkillSetup.model_fields}
    assert set(whole["campaigns"][0]["skills"][0]) == keys
    assert [skill.running for skill in simulation.tenant.skills] == [True, False]


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({"agnets": 3}, "agnets: unknown key"),
        ({"agents": {"available": 3, "idle": 1}}, "agents.idle: unknown key"),
        ({"agents": 10_001}, "agents: Input should be less than or equal to 10000"),
        ({"agents": [{"id": "a"}, {"id": "a"}]}, "agents: given twice: a"),
        ({"campaigns": [{"name": "No id"}]}, "campaigns.0.id: Field required"),
        ({"campaigns": [{"id": "a"}, {"id": "b"}, {"id": "a"}]}, "campaigns: given twice: a"),
        (
            {"clients": {"me": {"secret": "x", "tokenLifeTime": 5}}},
            "clients.me.tokenLifeTime: unknown key",
        ),
        ({"dialing": {"talk": {"mean": -1}}}, "dialing.talk.mean: "),
        ({"rateLimits": {"agents": {"burst": 0}}}, "rateLimits.agents.burst: "),
        ({"faults": [{"kind": "status", "code": 1000}]}, "faults.0.code: "),
        ({"mode": "series"}, "mode: series needs the key series"),
        ({"series": {}}, "series: give either rows or csv"),
        ({"speed": float("nan")}, "speed: "),
        (["agents"], "Input should be a valid dictionary"),
        ("agents: [", "can't be read: "),
    ],
)
def test_a_mistake_is_told_by_file_and_key(tmp_path: Path, document: object, problem: str) -> None:
    path = written(tmp_path, document)

    with pytest.raises(ScenarioError) as refused:
        Scenario.load(path)

    assert str(refused.value).startswith(f"{path}: ")
    assert any(line.startswith(problem) for line in refused.value.problems), refused.value.problems


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, {"agnets": 3, "speed": -1})

    with pytest.raises(ScenarioError) as refused:
        Scenario.load(path)

    assert len(refused.value.problems) == 2


def test_yamls_bare_off_is_the_word_off(tmp_path: Path) -> None:
    path = written(tmp_path, "rateLimits: {agents: {requestsPerSecond: 1, retryAfter: off}}")

    (limit,) = Scenario.load(path).rate_limits.values()

    assert limit.retry_after == "off"


@pytest.mark.parametrize(
    ("agents", "counts"),
    [
        (3, {"available": 3}),
        (
            {"available": 2, "wrap-up": 1, "offline": 4},
            {"available": 2, "wrap-up": 1, "offline": 4},
        ),
        ([{"id": "ann"}, {"id": "bob", "state": "busy"}], {"available": 1, "busy": 1}),
        (0, {}),
    ],
)
def test_agents_are_a_number_or_counts_or_a_list(agents: object, counts: dict[str, int]) -> None:
    simulation = Simulation(Scenario.from_document({"agents": agents}))

    found = simulation.tenant.counts().items()
    assert {state: number for state, number in found if number} == counts


def test_a_campaigns_own_dialing_changes_only_what_it_says() -> None:
    scenario = Scenario.from_document(
        {
            "dialing": {"callsPerMinute": 7, "talk": 50},
            "campaigns": [{"id": "a", "dialing": {"talk": 90}}],
        }
    )

    (campaign,) = Simulation(scenario).tenant.campaigns()

    assert (campaign.dialing.calls_per_minute, campaign.dialing.talk.mean) == (7, 90)


async def test_a_series_is_read_from_a_csv_file_beside_the_scenario(tmp_path: Path) -> None:
    lines = "second,available,busy,wrap-up\n0,12,8,\n60,3,15,2\n"
    (tmp_path / "day.csv").write_text(lines, encoding="utf-8")
    path = written(tmp_path, {"speed": 0, "series": {"csv": "day.csv"}})

    simulation = Simulation(Scenario.load(path))

    assert simulation.mode is Mode.SERIES
    await simulation.step(60)
    counts: dict[Any, int] = simulation.tenant.counts()
    assert counts == {"available": 3, "busy": 15, "wrap-up": 2, "offline": 0}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "can't be read: "),
        ("time,available\n0,1\n", "the first line must name second and available"),
        ("second,available\n0,1\n9,many\n", "line 3: available: "),
        ("second,available,sick\n0,1,1\n", "line 2: sick: unknown key"),
        ("second,available\n5,1\n5,2\n", "each row's second must be later"),
    ],
)
def test_a_mistake_in_a_csv_file_is_told_by_file_and_line(
    tmp_path: Path,
    text: str | None,
    problem: str,
) -> None:
    if text is not None:
        (tmp_path / "day.csv").write_text(text, encoding="utf-8")

    with pytest.raises(ScenarioError) as refused:
        Scenario.load(written(tmp_path, {"series": {"csv": "day.csv"}}))

    assert "day.csv" in str(refused.value)
    assert problem in str(refused.value)

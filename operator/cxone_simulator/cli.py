"""The command ``simulator``: a simulated CXone tenant in the foreground."""

import asyncio
import signal
from pathlib import Path

import click

from cxone_simulator.clock import MAXIMUM_SPEED
from cxone_simulator.documents import ScenarioError
from cxone_simulator.scenario import Scenario
from cxone_simulator.server import Simulator

_SHIPPED = Path(__file__).parent / "scenarios"
_PORT = click.IntRange(0, 65_535)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=8787,
    show_default=True,
    type=_PORT,
    help="Port; 0 takes a free one.",
)
@click.option("--control-port", type=_PORT, help="A port of its own for the control API (/_sim/).")
@click.option(
    "--scenario",
    metavar="FILE",
    help="Scenario file (YAML), or the name of one that ships: quiet, lunch-break, one-bad-day, "
    "scripted-series, acd-lunch-break. Without it: 20 agents and the running campaign cmp-1.",
)
@click.option(
    "--speed",
    type=click.FloatRange(0, MAXIMUM_SPEED),
    help="Simulated seconds per second, instead of the scenario's; 0 stands still.",
)
def simulator(
    host: str,
    port: int,
    control_port: int | None,
    scenario: str | None,
    speed: float | None,
) -> None:
    """A simulated CXone tenant, to try the operator on without a real one.

    Whoever reaches its control API can do anything to it: keep it on a loopback address or a closed
    network.
    """
    try:
        chosen = Scenario() if scenario is None else Scenario.load(_file(scenario))
    except ScenarioError as error:
        click.echo(str(error), err=True)
        raise SystemExit(2) from None
    if speed is not None:
        chosen = chosen.model_copy(update={"speed": speed})
    try:
        asyncio.run(_serve(chosen, host, port, control_port))
    except ScenarioError as error:
        click.echo(str(error), err=True)
        raise SystemExit(2) from None
    except OSError as error:
        click.echo(f"can't listen on {host}: {error}", err=True)
        raise SystemExit(1) from None


def _file(scenario: str) -> Path:
    """The file of this name; if there is none, the one that ships under the name."""
    ships = _SHIPPED / f"{scenario}.yaml"
    return ships if ships.is_file() and not Path(scenario).exists() else Path(scenario)


async def _serve(scenario: Scenario, host: str, port: int, control_port: int | None) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    async with Simulator.running(scenario, host, port, control_port) as running:
        # click.echo flushes, so that a script can read the port at once.
        click.echo(f"simulator listening on {running.url}")
        if running.control_url != running.url:
            click.echo(f"simulator control API on {running.control_url}/_sim/")
        await ended.wait()

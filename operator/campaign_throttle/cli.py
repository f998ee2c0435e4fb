"""``campaign-throttle``: the commands. What each does is elsewhere; here are its options and its exit codes."""

import asyncio
import sys
from importlib.metadata import entry_points
from typing import Any

import click

from campaign_throttle import __version__
from campaign_throttle.check import check_default_tenant
from campaign_throttle.cluster.connection import ClusterUnavailable
from campaign_throttle.observability import logs
from campaign_throttle.resources import crds as crds_
from campaign_throttle.run import run as run_operator
from campaign_throttle.settings import SettingsError, load_default_tenant, load_operator_settings

EXIT_FAILED, EXIT_USAGE = 1, 2


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="campaign-throttle")
def main() -> None:
    """Pause outbound CXone campaigns while too few agents are available."""


@main.command()
@click.option("--namespace", "-n", "namespaces", multiple=True, help="Watch this namespace only (repeatable).")
@click.option("--metrics-address", metavar="HOST:PORT", help="Serve /metrics here.")
@click.option("--health-address", metavar="HOST:PORT", help="Serve /healthz and /readyz here.")
@click.option("--log-format", type=click.Choice(["text", "json"]), help="How logs are written.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), help="Least level.")
def run(namespaces: tuple[str, ...], **flags: Any) -> None:
    """Run the operator.

    Settings come from these options, else from CAMPAIGN_THROTTLE_* in the environment; the default tenant from
    CXONE_BASE_URL, CXONE_CLIENT_ID and CXONE_CLIENT_SECRET (or the same names with _FILE).
    """
    try:
        settings = load_operator_settings({"namespaces": namespaces or None, **flags})
        tenant = load_default_tenant(settings)
    except SettingsError as error:
        _fail(error.problems, EXIT_USAGE)
    logs.configure(settings.log_format, settings.log_level)
    try:
        asyncio.run(run_operator(settings, tenant))
    except (ClusterUnavailable, OSError) as error:
        _fail([str(error)], EXIT_FAILED)


@main.command()
@click.option("--campaign", required=True, metavar="ID", help="ID of the campaign to read.")
def check(campaign: str) -> None:
    """Read one campaign and count the agents, and say line by line what works and what doesn't.

    Uses the default tenant of the environment, and changes nothing. Exit 1 if anything failed.
    """
    try:
        tenant = load_default_tenant(load_operator_settings({}))
    except SettingsError as error:
        _fail(error.problems, EXIT_USAGE)
    logs.configure("text", "warning")
    sys.exit(0 if asyncio.run(check_default_tenant(tenant, campaign, click.echo)) else EXIT_FAILED)


@main.command()
def crds() -> None:
    """Print the CustomResourceDefinitions."""
    click.echo(crds_.render(), nl=False)


def _fail(problems: list[str], code: int) -> None:
    for problem in problems:
        click.echo(f"campaign-throttle: {problem}", err=True)
    sys.exit(code)


for _command in entry_points(group="campaign_throttle.commands"):
    main.add_command(_command.load(), _command.name)

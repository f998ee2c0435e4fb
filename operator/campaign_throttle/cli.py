"""``campaign-throttle``: the commands. What each does is elsewhere; here are its options and its exit codes."""

import asyncio
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NoReturn

import click

from campaign_throttle import __version__
from campaign_throttle.check import check as check_tenant
from campaign_throttle.cluster.connection import ClusterUnavailable
from campaign_throttle.cxone.errors import CXoneError
from campaign_throttle.declared import TenantNotDeclared, tenant_in_cluster, tenant_in_file
from campaign_throttle.observability import logs
from campaign_throttle.resources import crds as crds_
from campaign_throttle.resources.throttle import TenantKind
from campaign_throttle.run import run as run_operator
from campaign_throttle.settings import SettingsError, load_default_tenant, load_operator_settings
from campaign_throttle.tenants import AccessSource, FixedAccess

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
@click.option(
    "--skill", "skills", type=int, multiple=True, metavar="ID", help="ACD: only this skill (repeatable)."
)
@click.option("--tenant", metavar="NAME", help="A CXoneTenant of the cluster.")
@click.option("--cluster-tenant", metavar="NAME", help="A ClusterCXoneTenant of the cluster.")
@click.option("--namespace", "-n", help="Where the tenant's Secrets are, and a CXoneTenant itself.")
@click.option(
    "--file", "-f", type=click.Path(path_type=Path), help="A file with a tenant, and perhaps its Secret."
)
def check(
    *,
    campaign: str,
    skills: tuple[int, ...],
    tenant: str | None,
    cluster_tenant: str | None,
    namespace: str | None,
    file: Path | None,
) -> None:
    """Read one campaign and count the agents, and say line by line what works and what doesn't.

    Of the default tenant of the environment; of a tenant in the cluster, with your rights; or of one in a file, whose
    credentials come from a Secret in the same file, else from CXONE_CLIENT_ID, CXONE_CLIENT_SECRET,
    CXONE_ACCESS_KEY_ID and CXONE_ACCESS_KEY_SECRET. Changes nothing. Exit 1 if anything failed.
    """
    if sum(choice is not None for choice in (tenant, cluster_tenant, file)) > 1:
        _fail(["--tenant, --cluster-tenant and --file exclude each other"], EXIT_USAGE)
    try:
        settings = load_operator_settings({})
        default = load_default_tenant(settings).access if not (tenant or cluster_tenant or file) else None
    except SettingsError as error:
        _fail(error.problems, EXIT_USAGE)
    logs.configure("text", "warning")

    async def checked() -> bool:
        source: AccessSource | None = FixedAccess(default) if default else None
        if file is not None:
            source = tenant_in_file(file)
        elif name := tenant or cluster_tenant:
            kind = TenantKind.NAMESPACED if tenant else TenantKind.CLUSTER
            source = FixedAccess(await tenant_in_cluster(kind, name, namespace))
        return await check_tenant(source, settings.endpoint_policy, campaign, click.echo, frozenset(skills))

    try:
        sys.exit(0 if asyncio.run(checked()) else EXIT_FAILED)
    except (TenantNotDeclared, ClusterUnavailable, CXoneError) as error:
        _fail([str(error)], EXIT_FAILED)


@main.command()
def crds() -> None:
    """Print the CustomResourceDefinitions."""
    click.echo(crds_.render(), nl=False)


def _fail(problems: list[str], code: int) -> NoReturn:
    for problem in problems:
        click.echo(f"campaign-throttle: {problem}", err=True)
    sys.exit(code)


for _command in entry_points(group="campaign_throttle.commands"):
    main.add_command(_command.load(), _command.name)

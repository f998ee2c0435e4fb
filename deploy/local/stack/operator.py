"""The operator as a process."""

import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from stack.processes import Process
from stack.simulator import CLIENT_ID, CLIENT_SECRET
from stack.waiting import wait_for


class Operator(Process):
    """``campaign-throttle run``, up and ready when this returns.

    Args:
        folder: for its log.
        kubeconfig: whose rights it has.
        tenant: base URL of its default tenant, which must be a simulator; None for none.
        arguments: more of the command line.
        environment: more settings.
    """

    def __init__(
        self,
        folder: Path,
        kubeconfig: Path,
        tenant: str | None,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        settings = {"KUBECONFIG": str(kubeconfig)}
        if tenant is not None:
            settings |= {
                "CXONE_BASE_URL": tenant,
                "CXONE_CLIENT_ID": CLIENT_ID,
                "CXONE_CLIENT_SECRET": CLIENT_SECRET,
                "CAMPAIGN_THROTTLE_ALLOW_INSECURE_HOSTS": tenant.removeprefix("http://"),
            }
        super().__init__(
            *("campaign_throttle", "run"),
            *("--metrics-address", "127.0.0.1:0", "--health-address", "127.0.0.1:0"),
            *arguments,
            log=folder / "operator.log",
            environment=settings | dict(environment or {}),
        )
        self.metrics_url = "http://" + self.logged(r"serving /metrics on (\S+)") + "/metrics"
        self.health_url = "http://" + self.logged(r"serving /healthz, /readyz on (\S+)")
        wait_for(lambda: self.probe("readyz")[0] == 200, "the operator to be ready")

    def probe(self, path: str) -> tuple[int, str]:
        """Status and text of ``healthz`` or ``readyz``."""
        try:
            with urllib.request.urlopen(f"{self.health_url}/{path}", timeout=5) as answer:
                return int(answer.status), answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metric(self, name: str, /, **labels: str) -> float:
        """The sum of a metric's samples with these labels."""
        with urllib.request.urlopen(self.metrics_url, timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        return sum(
            float(line.rsplit(" ", 1)[1])
            for line in lines
            if line.split("{")[0].split(" ")[0] == name and all(label in line for label in wanted)
        )

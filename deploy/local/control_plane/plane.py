"""A control plane on loopback ports: etcd, kube-apiserver and, usually, kube-controller-manager."""

from __future__ import annotations

import json
import logging
import shutil
import ssl
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from control_plane import binaries, commands
from control_plane.cluster import Cluster
from control_plane.credentials import (
    ADMIN,
    CONTROLLER_MANAGER,
    Credentials,
    write_credentials,
    write_kubeconfig,
)
from control_plane.errors import ControlPlaneError, StartError
from control_plane.processes import Component, Keeper, free_ports, is_port_clash

START_SECONDS = 90.0
REQUEST_SECONDS = 5.0
PORT_ATTEMPTS = 5

log = logging.getLogger(__name__)


class ControlPlane(Cluster):
    """Starts a control plane of its own and leaves nothing behind.

    As a context manager, or with `start()` and `stop()`. If this process is killed, a helper
    process ends the components and removes the temporary folder.

    Attributes (besides `Cluster`'s; all there once it has started):
        folder: logs, credentials and data.
        audit_log: where the API server writes, if `audit` was asked for.
        controllers: whether a controller-manager runs.
    """

    audit_log: Path

    def __init__(
        self,
        folder: Path | None = None,
        audit: bool = False,
        controllers: bool = True,
        api_server_flags: Sequence[str] = (),
    ) -> None:
        """Starts nothing yet.

        Args:
            folder: for logs, credentials and data; must be absent or empty, and is kept. None
                means a temporary folder, which `stop()` removes.
            audit: whether to log each write (metadata only, when its response is complete).
            controllers: whether to run kube-controller-manager: without it no namespace goes away,
                nothing is garbage-collected and there are no service accounts but those made by
                hand.
            api_server_flags: more flags for kube-apiserver, after its usual ones.
        """
        self._kept_folder = folder
        self._audit = audit
        self._wants_controllers = controllers
        self._flags = list(api_server_flags)
        self.controllers = False
        self._keeper: Keeper | None = None
        self._components: dict[str, Component] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Starts everything and returns once the API server is ready for use.

        That is: `/readyz` is fine and namespace `default` exists; with controllers its service
        account `default` exists too. Builds the programs first if they are in no cache yet.

        Raises:
            ControlPlaneError: it runs already, or the folder isn't empty.
            BinariesError: the programs can't be had.
            StartError: a component ended or was not ready in time. Nothing is left of the plane.
        """
        if self._keeper is not None:
            raise ControlPlaneError("this control plane runs already")
        found = binaries.ensure()
        self.bin = found.folder
        self.controllers = self._wants_controllers and found.has_controllers
        if self._wants_controllers and not self.controllers:
            log.warning(
                "%s has no kube-controller-manager: the control plane starts without it, so "
                "namespaces are never deleted and there are no service accounts by themselves",
                found.folder,
            )
        for attempt in range(1, PORT_ATTEMPTS + 1):
            try:
                self._start_once()
                return
            except BaseException as error:
                self.stop()
                clash = isinstance(error, StartError) and is_port_clash(error)
                if not clash or attempt == PORT_ATTEMPTS:
                    raise
                self._empty_kept_folder()

    def stop(self) -> None:
        """Ends all components and removes the folder if it is a temporary one.

        Harmless if the plane does not run, or only half.
        """
        keeper, self._keeper = self._keeper, None
        if keeper is None:
            return
        try:
            # Clients of the API server first, then itself, its storage last.
            for component in reversed(self._components.values()):
                component.stop()
        finally:
            self._components.clear()
            # Removes a temporary folder and, if this was interrupted, ends what still runs.
            keeper.close()

    def stop_api_server(self) -> None:
        """Takes the API server away, as in an outage; etcd and its data stay.

        Raises:
            ControlPlaneError: the plane does not run.
        """
        self._require_running()
        component = self._components.pop(commands.API_SERVER, None)
        if component is not None:
            component.stop()

    def start_api_server(self) -> None:
        """Brings the API server back, on the same port and with the same data, and awaits it.

        Raises:
            ControlPlaneError: the plane does not run.
            StartError: it did not come back.
        """
        keeper = self._require_running()
        if commands.API_SERVER in self._components:
            return
        component = self._launch(commands.API_SERVER, self._api_server_command, keeper)
        try:
            component.wait_until(self._is_ready("/readyz"), time.monotonic() + START_SECONDS)
        except StartError:
            self.stop_api_server()
            raise

    def check(self) -> None:
        """Raises StartError if a component has ended by itself."""
        for component in list(self._components.values()):
            component.check()

    def audit_events(self) -> list[dict[str, Any]]:
        """The writes logged so far, oldest first, as `audit.k8s.io/v1` events.

        Raises:
            ControlPlaneError: `audit` was not asked for.
        """
        if not self._audit:
            raise ControlPlaneError("there are audit events only with ControlPlane(audit=True)")
        lines = self.audit_log.read_text().split("\n") if self.audit_log.exists() else [""]
        # What follows the last line feed is still being written.
        return [json.loads(line) for line in lines[:-1]]

    def _start_once(self) -> None:
        self._keeper = keeper = Keeper()
        self.folder = self._make_folder(keeper)
        credentials = write_credentials(self.folder / "credentials")
        etcd_port, peer_port, port = free_ports(3)
        self.url = f"https://127.0.0.1:{port}"
        self.kubeconfig = self._write_kubeconfig(ADMIN, credentials)
        self.audit_log = self.folder / "audit.log"
        self._opener = opener_for(credentials)
        deadline = time.monotonic() + START_SECONDS

        etcd = commands.etcd(self.bin, self.folder / "etcd", etcd_port, peer_port)
        self._api_server_command = [
            *commands.api_server(self.bin, credentials, port, etcd_port, self.controllers),
            *(commands.audit(self.folder, self.audit_log) if self._audit else []),
            *self._flags,
        ]
        self._launch(commands.ETCD, etcd, keeper)
        # It waits for etcd by itself, and reads its configuration meanwhile.
        api_server = self._launch(commands.API_SERVER, self._api_server_command, keeper)
        api_server.wait_until(self._is_ready("/readyz"), deadline)
        awaited = "/api/v1/namespaces/default"
        last = api_server
        if self.controllers:
            kubeconfig = self._write_kubeconfig(CONTROLLER_MANAGER, credentials)
            command = commands.controller_manager(self.bin, credentials, kubeconfig)
            last = self._launch(commands.CONTROLLER_MANAGER, command, keeper)
            awaited += "/serviceaccounts/default"
        last.wait_until(self._is_ready(awaited), deadline)

    def _make_folder(self, keeper: Keeper) -> Path:
        if self._kept_folder is None:
            folder = Path(tempfile.mkdtemp(prefix="control-plane-"))
            keeper.remove(folder)
            return folder
        folder = self._kept_folder.absolute()
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise ControlPlaneError(f"{folder} is not empty: a control plane starts in a new one")
        return folder

    def _empty_kept_folder(self) -> None:
        # It was empty before, so all that it holds is of the failed attempt.
        for path in self.folder.iterdir() if self._kept_folder is not None else ():
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    def _write_kubeconfig(self, user: str, credentials: Credentials) -> Path:
        return write_kubeconfig(
            self.folder / f"{user.rsplit(':', 1)[-1]}.kubeconfig",
            url=self.url,
            authority=credentials.authority.read_bytes(),
            token=credentials.token_of[user],
        )

    def _launch(self, name: str, command: list[str], keeper: Keeper) -> Component:
        component = Component(name, command, self.folder / f"{name}.log", keeper)
        self._components[name] = component
        return component

    def _require_running(self) -> Keeper:
        if self._keeper is None:
            raise ControlPlaneError("this control plane does not run")
        return self._keeper

    def _is_ready(self, path: str) -> Callable[[], bool]:
        def ready() -> bool:
            self.check()
            try:
                with self._opener.open(self.url + path, timeout=REQUEST_SECONDS):
                    return True
            except (urllib.error.URLError, OSError):
                return False

        return ready


def opener_for(credentials: Credentials) -> urllib.request.OpenerDirector:
    """Asks the API server as the admin, past any proxy of the environment."""
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}),
        urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=credentials.authority)),
    )
    opener.addheaders = [("Authorization", f"Bearer {credentials.token_of[ADMIN]}")]
    return opener

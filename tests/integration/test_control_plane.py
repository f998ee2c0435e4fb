"""The control plane under the other integration tests is private, complete, and gone afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import psutil
import pytest

from control_plane import (
    EXISTING_VARIABLE,
    BinariesError,
    ControlPlane,
    ExistingCluster,
    KubectlError,
    StartError,
    binaries,
    open_cluster,
    plane,
    processes,
    recipe,
)
from integration.pace import PATIENCE, wait_for

SOURCE_ROOT = Path(binaries.__file__).resolve().parents[1]
COMPONENTS = {"etcd", "kube-apiserver", "kube-controller-manager"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    began = time.monotonic()
    with ControlPlane(audit=True) as started:
        print(f"the control plane was up in {time.monotonic() - began:.1f} s")
        yield started


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made during this test, here and in the programs that it runs."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def processes_of(folder: Path) -> list[psutil.Process]:
    """All processes of the machine that were started with a file of this folder."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(str(folder) in argument for argument in process.info["cmdline"] or [])
        and process.pid != os.getpid()
    ]


@contextlib.contextmanager
def running_in_background(temporary: Path) -> Iterator[subprocess.Popen[str]]:
    """`python -m control_plane run`, once it has said how to talk to it."""
    with subprocess.Popen(
        [sys.executable, "-m", "control_plane", "run"],
        env={**os.environ, "PYTHONPATH": str(SOURCE_ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            said = list(itertools.takewhile("Ctrl-C stops it.\n".__ne__, process.stdout))
            assert any("export KUBECONFIG=" in line for line in said)
            assert len(processes_of(temporary)) == len(COMPONENTS)
            yield process
        finally:
            process.kill()


def test_listens_on_loopback_addresses_only(running: ControlPlane) -> None:
    listening = {
        Path(process.exe()).name: {
            connection.laddr.ip
            for connection in process.net_connections()
            if connection.status == psutil.CONN_LISTEN
        }
        for process in processes_of(running.folder)
    }
    assert listening == {
        "etcd": {"127.0.0.1"},
        "kube-apiserver": {"127.0.0.1"},
        "kube-controller-manager": set(),
    }


def test_reports_the_version_of_go_mod(running: ControlPlane) -> None:
    reported = json.loads(running.kubectl("version", "-o", "json").stdout)
    assert (
        reported["serverVersion"]["gitVersion"] == reported["clientVersion"]["gitVersion"] == recipe.read().version
    )


def test_its_certificate_passes_strict_checks_of_pythons_clients(running: ControlPlane) -> None:
    authority = running.folder / "credentials" / "ca.crt"
    context = ssl.create_default_context(cafile=authority)
    context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN

    async def get(host: str) -> int:
        url = running.url.replace("127.0.0.1", host)
        async with aiohttp.ClientSession() as session, session.get(url, ssl=context) as response:
            return response.status

    # Refused by the API server, so the handshake was fine.
    assert asyncio.run(get("127.0.0.1")) == asyncio.run(get("localhost")) == 403


def test_a_deleted_namespace_goes_away_with_its_contents(running: ControlPlane) -> None:
    running.kubectl("create", "namespace", "short-lived")
    running.kubectl("create", "configmap", "contents", "-n", "short-lived")
    running.kubectl("delete", "namespace", "short-lived")  # waits for it
    left = running.kubectl("get", "namespace", "short-lived", check=False)
    assert "NotFound" in left.stderr


def test_a_service_account_may_do_no_more_than_its_roles_say(running: ControlPlane) -> None:
    running.kubectl("create", "serviceaccount", "fresh")
    kubeconfig = str(running.kubeconfig_for("default", "fresh"))
    as_fresh = ("--kubeconfig", kubeconfig)
    assert running.kubectl(*as_fresh, "auth", "whoami", "-o", "name", check=False).returncode == 0
    with pytest.raises(KubectlError, match=r"system:serviceaccount:default:fresh.*cannot list"):
        running.kubectl(*as_fresh, "get", "secrets")

    running.kubectl("create", "role", "reader", "--verb=list", "--resource=secrets")
    subject = "--serviceaccount=default:fresh"
    running.kubectl("create", "rolebinding", "fresh", "--role=reader", subject)
    running.kubectl(*as_fresh, "get", "secrets")


def test_each_write_is_audited_once_and_no_read_is(running: ControlPlane) -> None:
    running.kubectl("create", "configmap", "audited")
    running.kubectl("get", "configmap", "audited")
    running.kubectl("delete", "configmap", "audited")

    def events() -> list[tuple[str, str, str]]:
        return [
            (event["verb"], event["user"]["username"], event["stage"])
            for event in running.audit_events()
            if event["objectRef"].get("name") == "audited"
        ]

    # The answer may be here before its line in the log.
    wait_for(lambda: "delete" in [verb for verb, *_ in events()], "the delete in the log")
    assert events() == [
        ("create", "admin", "ResponseComplete"),
        ("delete", "admin", "ResponseComplete"),
    ]


def test_keeps_port_and_data_over_an_outage_of_the_api_server(running: ControlPlane) -> None:
    running.kubectl("create", "configmap", "kept", "--from-literal=a=b")
    running.stop_api_server()
    away = running.kubectl("get", "configmap", "kept", check=False)
    assert "refused" in away.stderr
    running.start_api_server()
    kept = running.kubectl("get", "configmap", "kept", "-o", "jsonpath={.data.a}")
    assert kept.stdout == "b"


def test_an_existing_cluster_is_used_as_it_is(
    running: ControlPlane,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(EXISTING_VARIABLE, str(running.kubeconfig))
    monkeypatch.setenv("KUBECONFIG", "/nonexistent/production")
    with open_cluster() as cluster:
        assert isinstance(cluster, ExistingCluster)
        assert cluster.url == running.url
        kubeconfig = cluster.kubeconfig_for("default", "default")
        whoami = cluster.kubectl("--kubeconfig", str(kubeconfig), "auth", "whoami")
        assert "system:serviceaccount:default:default" in whoami.stdout
    running.kubectl("get", "namespaces")


def test_nothing_is_left_after_stop(temporary: Path) -> None:
    control_plane = ControlPlane()
    control_plane.start()
    names = {Path(process.exe()).name for process in processes_of(temporary)}
    assert names == COMPONENTS
    control_plane.stop()
    control_plane.stop()  # harmless
    assert processes_of(temporary) == []
    assert list(temporary.iterdir()) == []


def test_a_folder_of_the_callers_own_is_kept_with_its_logs(tmp_path: Path) -> None:
    with ControlPlane(tmp_path / "own", controllers=False) as control_plane:
        control_plane.kubectl("get", "namespaces")
    assert processes_of(tmp_path / "own") == []
    assert (tmp_path / "own" / "kube-apiserver.log").stat().st_size > 0


def test_nothing_is_left_after_a_failed_start_and_the_error_has_the_log(temporary: Path) -> None:
    with pytest.raises(StartError, match=r"(?s)kube-apiserver ended with 1.*--no-such-flag"):
        ControlPlane(api_server_flags=["--no-such-flag"]).start()
    assert processes_of(temporary) == []
    assert list(temporary.iterdir()) == []


def test_nothing_is_left_when_a_program_cannot_be_executed(
    temporary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = binaries.ensure().folder
    assets = tmp_path / "assets"
    assets.mkdir()
    for name in ("etcd", "kubectl"):
        (assets / name).symlink_to(real / name)
    broken = assets / "kube-apiserver"
    broken.write_bytes(b"\x7fELF, but not really")
    broken.chmod(0o755)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))
    with pytest.raises(StartError, match="kube-apiserver could not be started"):
        ControlPlane().start()
    assert processes_of(temporary) == []
    assert list(temporary.iterdir()) == []


def test_names_the_program_that_kubebuilder_assets_lacks(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    with pytest.raises(BinariesError, match=f"{tmp_path}/etcd is missing"):
        ControlPlane().start()


def test_the_oracles_are_built_whatever_kubebuilder_assets_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    assert binaries.is_program(binaries.oracles())


@pytest.mark.parametrize("changed", ["go.mod", "go.sum", "main.go"])
def test_a_change_of_the_oracles_is_another_build_of_them_alone(tmp_path: Path, changed: str) -> None:
    folder = shutil.copytree(recipe.ORACLES_FOLDER, tmp_path / "oracles")
    with (folder / changed).open("a") as file:
        file.write("// changed\n")
    assert recipe.read_oracles(folder).digest != recipe.read_oracles().digest
    assert recipe.read_oracles(folder).version == recipe.read_oracles().version
    assert recipe.ORACLES not in recipe.read().packages


def test_starts_without_a_controller_manager_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = binaries.ensure().folder
    for name in binaries.REQUIRED:
        (tmp_path / name).symlink_to(real / name)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    with ControlPlane() as control_plane:
        assert not control_plane.controllers
        control_plane.kubectl("run", "pod", "--image=none")  # no service account needed
    assert "has no kube-controller-manager" in caplog.text


def test_takes_other_ports_if_one_was_taken_meanwhile(
    running: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = int(running.url.rsplit(":", 1)[1])
    answers = [[*processes.free_ports(2), taken], [taken, *processes.free_ports(2)]]

    def ports(count: int) -> list[int]:
        return answers.pop(0) if answers else processes.free_ports(count)

    monkeypatch.setattr(plane, "free_ports", ports)
    with ControlPlane(tmp_path / "own", controllers=False) as control_plane:
        assert answers == []
        assert control_plane.url != running.url
        control_plane.kubectl("get", "namespaces")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_after_run_is_interrupted(temporary: Path, number: signal.Signals) -> None:
    with running_in_background(temporary) as process:
        process.send_signal(number)
        assert process.wait(timeout=PATIENCE) == 0
    assert processes_of(temporary) == []
    assert list(temporary.iterdir()) == []


def test_nothing_is_left_after_an_interrupt_in_the_middle_of_a_start(temporary: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "control_plane", "run"],
        env={**os.environ, "PYTHONPATH": str(SOURCE_ROOT)},
        stdout=subprocess.DEVNULL,
    )
    wait_for(lambda: bool(processes_of(temporary)), "a component runs")
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=PATIENCE) == 0
    assert processes_of(temporary) == []
    assert list(temporary.iterdir()) == []


def test_nothing_is_left_when_the_owner_is_killed(temporary: Path) -> None:
    with running_in_background(temporary) as process:
        process.kill()
    wait_for(lambda: processes_of(temporary) == [], "the components have ended")
    wait_for(lambda: list(temporary.iterdir()) == [], "the folder is gone")

"""Child processes: each in its own group with its own log, ended by pid and never left behind."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from control_plane.errors import StartError, last_lines

TERMINATE_SECONDS = 5.0
POLL_SECONDS = 0.05

# Below the ports that Linux and macOS hand to outgoing connections (from 32768 and 49152), so
# that nothing takes the API server's port while a test has it stopped.
PORTS = range(20000, 30000)


class Keeper:
    """The helper process that cleans up after this one if this one can't: see keeper.py."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", Path(__file__).with_name("keeper.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            text=True,
            start_new_session=True,
        )

    def watch(self, pid: int) -> None:
        """End this process when the owner is gone."""
        self._tell({"watch": pid})

    def forget(self, pid: int) -> None:
        """Leave this process alone: it has ended."""
        self._tell({"forget": pid})

    def remove(self, folder: Path) -> None:
        """Remove this folder when the owner is gone."""
        self._tell({"remove": str(folder)})

    def close(self) -> None:
        """Lets the helper do what is left to do, usually nothing, and waits for its end."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()

    def _tell(self, command: dict[str, int | str]) -> None:
        assert self._process.stdin is not None
        # Without its helper the plane still works and still stops in an orderly way.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()


class Component:
    """One running program of the plane."""

    def __init__(self, name: str, command: list[str], log: Path, keeper: Keeper) -> None:
        """Starts it.

        Args:
            name: for errors, e.g. `etcd`.
            command: program and arguments.
            log: gets its output, appended.
            keeper: is told of it.

        Raises:
            StartError: the program can't be executed at all.
        """
        self.name = name
        self.log = log
        self._keeper = keeper
        with log.open("ab") as output:
            try:
                self.process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=log.parent,
                    process_group=0,
                )
            except OSError as error:
                raise StartError(name, f"could not be started ({error})", "") from error
        keeper.watch(self.process.pid)

    def check(self) -> None:
        """Raises StartError if it has ended."""
        code = self.process.poll()
        if code is not None:
            raise StartError(self.name, f"ended with {code}", last_lines(self.log))

    def wait_until(self, ready: Callable[[], bool], deadline: float) -> None:
        """Polls until `ready()`.

        Args:
            ready: asks the component.
            deadline: on `time.monotonic()`.

        Raises:
            StartError: it ended, or the deadline passed.
        """
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise StartError(self.name, "did not become ready in time", last_lines(self.log))
            time.sleep(POLL_SECONDS)

    def terminate(self) -> None:
        """Asks it to end; `stop` waits for that."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        """Ends it: SIGTERM, then SIGKILL after a few seconds. Harmless if it has ended."""
        self.terminate()
        try:
            self.process.wait(timeout=TERMINATE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._keeper.forget(self.process.pid)


def free_ports(count: int) -> list[int]:
    """That many loopback ports that nobody listens on right now."""
    with contextlib.ExitStack() as held:
        ports: list[int] = []
        for port in random.sample(PORTS, len(PORTS)):
            probe = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                ports.append(port)
            if len(ports) == count:
                return ports
    raise OSError(f"no {count} free ports on 127.0.0.1 in {PORTS}")


def is_port_clash(error: StartError) -> bool:
    """Whether a component ended since another process took its port."""
    return "address already in use" in error.log

"""Ends what a control plane started if the process that owns it is gone, however it went.

Run as a program of its own (see `processes.Keeper`), with one JSON command a line on stdin:
`{"watch": PID}`, `{"forget": PID}` and `{"remove": FOLDER}`. At the end of the input, which the
kernel brings about even when the owner got a SIGKILL, it kills every process still watched and
then removes the folder.

The kernel's PR_SET_PDEATHSIG would need no helper, but it fires when the *thread* that started a
child ends, which for a plane started in a worker thread is long before the tests end.

Only the standard library, and nothing of this package: it runs with `python -I -S`.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
import time

END_SECONDS = 10.0


def main() -> None:
    """Takes commands until the owner is gone, then cleans up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    watched: dict[int, int | None] = {}
    folder = None
    for line in sys.stdin:
        command = json.loads(line)
        if (pid := command.get("watch")) is not None:
            with contextlib.suppress(ProcessLookupError):
                watched[pid] = descriptor_of(pid)
        if (pid := command.get("forget")) in watched:
            close(watched.pop(pid))
        folder = command.get("remove", folder)
    kill_all(watched)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def descriptor_of(pid: int) -> int | None:
    """Means this very process even if the number is used again; None where there is no such thing.

    Raises:
        ProcessLookupError: it has ended and its owner knows.
    """
    return os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None


def close(descriptor: int | None) -> None:
    """Closes a descriptor, if it is one."""
    if descriptor is not None:
        os.close(descriptor)


def kill_all(watched: dict[int, int | None]) -> None:
    """Kills all and waits for their end: nobody is left to whom an orderly one would matter."""
    send(watched, signal.SIGKILL)
    deadline = time.monotonic() + END_SECONDS
    while send(watched, 0) and time.monotonic() < deadline:
        time.sleep(0.02)


def send(watched: dict[int, int | None], number: int) -> bool:
    """Sends a signal (0: none) to all that still run; whether any does."""
    alive = False
    for pid, descriptor in watched.items():
        with contextlib.suppress(ProcessLookupError):
            if descriptor is None:
                os.kill(pid, number)
            else:
                signal.pidfd_send_signal(descriptor, number)
            alive = True
    return alive


if __name__ == "__main__":
    main()

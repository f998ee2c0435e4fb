"""Child processes of this project, with a log file each, ended by pid."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from stack.waiting import wait_for

START_SECONDS = 90.0
STOP_SECONDS = 10.0


class ProcessEnded(Exception):
    """A process ended before it was up; the message has the end of its log."""


class Process:
    """One child process.

    Args:
        module: the Python module to run, and its arguments.
        log: where its output goes.
        environment: what is added to the environment; nothing else of ours that could leak in is passed on.
    """

    def __init__(self, *module: str, log: Path, environment: Mapping[str, str] | None = None) -> None:
        self.log = log
        self._log_begins = log.stat().st_size if log.exists() else 0
        kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "TMPDIR") if key in os.environ}
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-u", "-m", *module],
                env=kept | dict(environment or {}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process ID."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def logged(self, pattern: str) -> str:
        """The first group of the first line in its log that matches; waits for it.

        Raises:
            ProcessEnded: it ended without.
        """

        def found() -> str | None:
            match = re.search(pattern, self.text())
            if match is None and not self.running:
                raise ProcessEnded(f"exit code {self._process.returncode}:\n{self.text()[-2000:]}")
            return match.group(1) if match else None

        answer = wait_for(found, f"{pattern!r} in {self.log}", seconds=START_SECONDS)
        assert answer is not None
        return answer

    def text(self) -> str:
        """Its log so far."""
        return self.log.read_bytes()[self._log_begins :].decode(errors="replace")

    def stop(self) -> int:
        """SIGTERM, and SIGKILL if that is not enough. Returns the exit code (negative: the signal)."""
        if self.running:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                return self.kill()
        return self._process.wait()

    def kill(self) -> int:
        """SIGKILL, as a crash would end it."""
        if self.running:
            os.kill(self.pid, signal.SIGKILL)
        return self._process.wait()

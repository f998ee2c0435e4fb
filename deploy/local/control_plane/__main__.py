"""`python -m control_plane build` and `python -m control_plane run`."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from control_plane import ControlPlane, ControlPlaneError, binaries

CHECK_SECONDS = 0.5


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit code: 0, or 1 after an error that was shown."""
    parser = argparse.ArgumentParser(prog="control_plane", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="build what is missing; print the folder as the last line")
    run_parser = commands.add_parser("run", help="run a control plane until Ctrl-C or SIGTERM")
    run_parser.add_argument("--folder", type=Path, help="keep logs and data in this empty folder")
    run_parser.add_argument("--audit", action="store_true", help="log each write to audit.log")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, interrupt)
    # A shell starts a background job with SIGINT ignored.
    signal.signal(signal.SIGINT, interrupt)
    try:
        if options.command == "build":
            folder = binaries.ensure().folder
            binaries.oracles()
            print(folder)
        else:
            run(ControlPlane(options.folder, options.audit))
    except ControlPlaneError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130 if options.command == "build" else 0
    return 0


def run(plane: ControlPlane) -> None:
    """Runs a plane until a KeyboardInterrupt.

    Raises:
        KeyboardInterrupt: after Ctrl-C or SIGTERM, when nothing is left.
        ControlPlaneError: it didn't start, or a component ended by itself.
    """
    began = time.monotonic()
    try:
        plane.start()
        print(
            f"""Kubernetes runs at {plane.url}, up in {time.monotonic() - began:.1f} s.
Logs and data: {plane.folder}

  export KUBECONFIG={plane.kubeconfig}
  {plane.bin / "kubectl"} get namespaces

Ctrl-C stops it.""",
            flush=True,
        )
        while True:
            plane.check()
            time.sleep(CHECK_SECONDS)
    finally:
        # A second Ctrl-C would only leave the cleaning up to the helper.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        plane.stop()


def interrupt(number: int, frame: FrameType | None) -> None:
    """Makes SIGTERM the same as Ctrl-C."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())

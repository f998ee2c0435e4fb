"""``python -m cxone_simulator``."""

from cxone_simulator.cli import simulator

simulator()

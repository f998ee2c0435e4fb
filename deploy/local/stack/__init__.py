"""The parts around the control plane, as real processes: the operator and the simulated CXone tenant.

The demo and the integration tests run on the same ones.
"""

from stack.operator import Operator
from stack.processes import ProcessEnded
from stack.simulator import Simulator
from stack.waiting import wait_for

__all__ = ["Operator", "ProcessEnded", "Simulator", "wait_for"]

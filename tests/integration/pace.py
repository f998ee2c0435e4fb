"""How fast the operator of a test polls, and how long a test waits for what must come."""

import functools

import stack

#: So that an interval of a second is kept.
FAST = {"CAMPAIGN_THROTTLE_MINIMUM_INTERVAL": "1s"}
#: In seconds. Only who fails waits that long, so it is enough for a machine that is busy with other things.
PATIENCE = 60.0

#: ``stack.wait_for`` with the patience of a test.
wait_for = functools.partial(stack.wait_for, seconds=PATIENCE)

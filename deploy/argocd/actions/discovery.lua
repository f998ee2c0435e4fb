-- A suspended throttle is not polled, so there is nothing to reconcile.
local suspended = obj.spec.suspend == true
local actions = {}
actions["suspend"] = {["disabled"] = suspended}
actions["resume"] = {["disabled"] = not suspended}
actions["reconcile"] = {["disabled"] = suspended}
return actions

-- The health of a CampaignThrottle, or of a tenant, read from its conditions (docs/status.md) in the order of kstatus.
-- A throttle that holds its campaign paused for lack of agents is Healthy: that was asked for.
local status = obj.status or {}
local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end
local ready = conditions["Ready"]

local function is_true(type)
  return conditions[type] ~= nil and conditions[type].status == "True"
end

local hs = {}
if obj.metadata.deletionTimestamp ~= nil then
  hs.status = "Progressing"
  hs.message = "being deleted"
  return hs
end
if ready == nil or status.observedGeneration ~= obj.metadata.generation then
  -- Ready's message, if there is one, speaks of an older spec.
  hs.status = "Progressing"
  hs.message = "waiting for the operator to act on generation " .. obj.metadata.generation
  return hs
end

hs.message = ready.message
if is_true("Stalled") or ready.status == "False" then
  -- Also while it is retried: an outage that lasts must reach whoever watches for Degraded.
  hs.status = "Degraded"
elseif is_true("Reconciling") then
  hs.status = "Progressing"
elseif obj.spec.suspend or ready.reason == "Suspended" then
  hs.status = "Suspended"
elseif ready.status == "True" then
  hs.status = "Healthy"
else
  hs.status = "Progressing"
end
return hs

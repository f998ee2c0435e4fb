-- Polls at once; status.lastHandledReconcileAt echoes the value. Argo CD has no global os.
local os = require("os")
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["campaignthrottle.io/reconcile-requested-at"] = os.date("!%Y-%m-%dT%H:%M:%SZ")
return obj

-- Polls again. It resumes the throttle, not the campaign: the thresholds decide about that.
obj.spec.suspend = false
return obj

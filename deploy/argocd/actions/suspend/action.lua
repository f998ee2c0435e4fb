-- No polls and no actions from now on; the campaign stays as it is.
obj.spec.suspend = true
return obj

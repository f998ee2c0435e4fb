"""The custom resources: pydantic models, from which the CRDs in ``crds/`` are printed."""

GROUP = "campaignthrottle.io"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
FINALIZER = f"{GROUP}/finalizer"
RECONCILE_ANNOTATION = f"{GROUP}/reconcile-requested-at"

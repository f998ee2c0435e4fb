"""Writes argocd-cm.yaml and helm-values.yaml, which hold the Lua scripts of this folder: `python generate.py`.

A test holds them equal to what this writes.
"""

from pathlib import Path
from textwrap import indent

FOLDER = Path(__file__).parent
THROTTLE = "campaignthrottle.io_CampaignThrottle"
#: Their health is read as a throttle's is; there is nothing that Argo CD could do about them.
TENANTS = ("campaignthrottle.io_CXoneTenant", "campaignthrottle.io_ClusterCXoneTenant")
ACTIONS = ("suspend", "resume", "reconcile")
NOTICE = "# Generated from the .lua files beside it by generate.py: change those.\n"


def files() -> dict[str, str]:
    """The generated files: text by name."""
    data = "".join(_block(key, text) for key, text in settings().items())
    config_map = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: argocd-cm\ndata:\n"
    return {
        "argocd-cm.yaml": NOTICE + config_map + indent(data, "  "),
        "helm-values.yaml": NOTICE + "configs:\n  cm:\n" + indent(data, "    "),
    }


def settings() -> dict[str, str]:
    """The settings for argocd-cm: text by key."""
    definitions = "".join(
        f"  - name: {name}\n" + indent(_block("action.lua", _read(f"actions/{name}/action.lua")), "    ")
        for name in ACTIONS
    )
    actions = _block("discovery.lua", _read("actions/discovery.lua")) + "definitions:\n" + definitions
    return {
        **{f"resource.customizations.health.{kind}": _read("health.lua") for kind in (THROTTLE, *TENANTS)},
        f"resource.customizations.actions.{THROTTLE}": actions,
    }


def _read(path: str) -> str:
    return (FOLDER / path).read_text()


def _block(key: str, text: str) -> str:
    """A YAML key whose value is a block of text."""
    return f"{key}: |\n" + indent(text, "  ")


if __name__ == "__main__":
    for name, text in files().items():
        (FOLDER / name).write_text(text)

"""What Argo CD does with the scripts of deploy/argocd, in Lua and with the library that it gives them.

After util/lua/lua.go of Argo CD: Lua 5.1 with the base library, `table`, and an `os` of two functions that only
`require` gives; the object as the global `obj`; a null is no entry; an empty table comes back as an empty list,
which is mended where the object had a map.
"""

from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml
from lupa import lua51

FOLDER = Path(__file__).parents[1] / "deploy/argocd"
KEY = "resource.customizations.{}.campaignthrottle.io_CampaignThrottle"

SANDBOX = """
    local safe_os = {date = os.date, time = os.time}
    local table = table
    debug.setmetatable("", nil)  -- or ("x"):upper() would reach the string library
    local base = {"assert", "error", "getmetatable", "ipairs", "next", "pairs", "pcall", "rawequal", "rawget",
      "rawset", "select", "setmetatable", "tonumber", "tostring", "type", "unpack", "xpcall"}
    local kept = {table = table}
    for _, name in ipairs(base) do kept[name] = _G[name] end
    kept.require = function(name)
      if name == "os" then return safe_os end
      error("module " .. name .. " not found")
    end
    kept._G = kept
    local loadstring, setfenv, assert = loadstring, setfenv, assert
    return function(script, obj)
      kept.obj = obj
      return setfenv(assert(loadstring(script)), kept)()
    end
"""


class ArgoCD:
    """The settings of a ConfigMap at work.

    Args:
        data: of argocd-cm.
    """

    def __init__(self, data: dict[str, str]) -> None:
        self.health_lua = data[KEY.format("health")]
        actions = yaml.safe_load(data[KEY.format("actions")])
        self.discovery_lua: str = actions["discovery.lua"]
        self.action_lua: dict[str, str] = {one["name"]: one["action.lua"] for one in actions["definitions"]}

    @classmethod
    def as_shipped(cls) -> "ArgoCD":
        """With deploy/argocd/argocd-cm.yaml."""
        return cls(yaml.safe_load((FOLDER / "argocd-cm.yaml").read_text())["data"])

    def health(self, obj: dict[str, Any]) -> tuple[str, str]:
        """Status and message."""
        found = run(self.health_lua, obj)
        assert set(found) == {"status", "message"}
        return found["status"], found["message"]

    def enabled_actions(self, obj: dict[str, Any]) -> set[str]:
        """The actions that a user is offered."""
        found = run(self.discovery_lua, obj)
        assert set(found) == set(self.action_lua)
        return {name for name, action in found.items() if not action["disabled"]}

    def act(self, name: str, obj: dict[str, Any]) -> dict[str, Any]:
        """The object as the action wants it."""
        wanted: dict[str, Any] = mended(run(self.action_lua[name], obj), obj)
        return wanted


def run(script: str, obj: dict[str, Any]) -> Any:
    """What a script returns for an object.

    Raises:
        lua51.LuaError: it failed.
    """
    lua = lua51.LuaRuntime(register_eval=False, register_builtins=False)
    return from_lua(lua.execute(SANDBOX)(script, to_lua(lua, deepcopy(obj))))


def to_lua(lua: Any, value: Any) -> Any:
    if isinstance(value, dict):
        return lua.table_from({key: to_lua(lua, item) for key, item in value.items() if item is not None})
    if isinstance(value, list):
        return lua.table_from([to_lua(lua, item) for item in value])
    return value


def from_lua(value: Any) -> Any:
    if lua51.lua_type(value) != "table":
        return value
    entries = dict(value.items())
    if list(entries) == list(range(1, len(entries) + 1)):
        return [from_lua(item) for item in entries.values()]
    return {key: from_lua(item) for key, item in entries.items()}


def mended(new: Any, old: Any) -> Any:
    """An empty list is the empty map again that it was."""
    if isinstance(new, dict) and isinstance(old, dict):
        return {key: mended(value, old.get(key)) for key, value in new.items()}
    if isinstance(new, list) and isinstance(old, list):
        return [mended(*pair) for pair in zip(new, old, strict=True)]
    return {} if new == [] and isinstance(old, dict) else new


def merge_patch(live: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """What Argo CD sends after an action: the difference, as a merge patch (RFC 7386)."""
    patch: dict[str, Any] = {key: None for key in live if key not in wanted}
    for key, value in wanted.items():
        if isinstance(value, dict) and isinstance(live.get(key), dict):
            if inner := merge_patch(live[key], value):
                patch[key] = inner
        elif key not in live or live[key] != value:
            patch[key] = value
    return patch

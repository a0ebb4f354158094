"""Compares a recording with the reference, step by step, and reads the list of differences that have a reason."""
import fnmatch
import importlib.util
import json
import tomllib
from pathlib import Path

# The steps that belong to what is built, in the order of the table.
GROUPS = (
    "admin. root. brands. auth. page. schema. users user group victim plain token. flow. flowbinding. cert. prompt. policybinding. policy. policy.expression policy.password policy.reputation "
    "stage.identification stage.password stage.user_login stage.user_write stage.prompt stage.consent stage.deny stage.captcha stage.email "
    "stage.authenticator/totp stage.authenticator/validate stages. totp. pwchange. scope oauth2. application. brand. "
    "login. session. oidc. authorize. code. userinfo."
).split()
SHARE = 0.85
# Flows and what belongs to them.
FLOWS = ("stage.", "policy.", "policybinding.", "flow.", "flowbinding.", "login.", "session.", "totp.", "pwchange.", "prompt.")
# 97 % but for one step: an address that was typed is no longer answered by its user name (finding 15 of the red team).
FLOWS_SHARE = 0.968


def judge(folder):
    """The module diff.py of the reference without its last line, which would run it: its notion of equal is the contract."""
    source = (folder / "diff.py").read_text()
    spec = importlib.util.spec_from_loader("wire_diff", loader=None)
    module = importlib.util.module_from_spec(spec)
    exec(compile(source.removesuffix("\nmain()\n") + "\n", "diff.py", "exec"), module.__dict__)
    return module


def group_of(name):
    """The longest prefix that fits: `userinfo.` is not a `user`."""
    return max((g for g in GROUPS if name.startswith(g)), key=len, default=None)


def differences(diff, want, got):
    """What differs in one step, one line each; empty when identical."""
    if got is None:
        return ["the step is missing"]
    found = []
    if want["status"] != got["status"]:
        found.append(f"status {want['status']} -> {got['status']}")
    for name in sorted(set(want["headers"]) | set(got["headers"])):
        if want["headers"].get(name) != got["headers"].get(name):
            found.append(f"header {name}: {want['headers'].get(name)!r} -> {got['headers'].get(name)!r}")
    a, b = diff.flat(want["body"]), diff.flat(got["body"])
    for key in a:
        if key not in b:
            found.append(f"missing {key}")
        elif a[key][0] != b[key][0]:
            found.append(f"type {key}: {a[key][0]} -> {b[key][0]}")
        elif not diff.alike(a[key][1], b[key][1]):
            found.append(f"value {key}: {a[key][1]!r} -> {b[key][1]!r}")
    return found + [f"extra {key}" for key in b if key not in a]


def steps(path):
    return {step["name"]: step for step in json.loads(Path(path).read_text())["steps"]}


class Reasons:
    """differences.toml: step name or pattern -> reason. An exact name wins over a pattern."""

    def __init__(self, path):
        self.by_pattern = tomllib.loads(path.read_text())
        self.used = set()

    def of(self, name):
        found = name if name in self.by_pattern else next((p for p in self.by_pattern if fnmatch.fnmatchcase(name, p)), None)
        if found:
            self.used.add(found)
        return self.by_pattern.get(found)

    def stale(self):
        return sorted(set(self.by_pattern) - self.used)

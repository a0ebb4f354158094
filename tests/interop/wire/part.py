"""The recorded wire of the reference, made again against this server. Skips itself where the recording is not beside the repository."""
import json
import subprocess
import sys

from support.processes import ROOT, plain_environment
from support.server import Signet

from . import compare

REFERENCE = ROOT.parent / "shared" / "wire"
HERE = ROOT / "tests" / "interop" / "wire"
OUT = ROOT / "target" / "wire"
NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def record(database, name):
    """Runs the scenario against a fresh server; the recording's path."""
    OUT.mkdir(parents=True, exist_ok=True)
    out = OUT / f"{name}.json"
    with Signet("wire", database) as server:
        command = [sys.executable, "-B", REFERENCE / "scenario.py", server.base, server.token, out]
        done = subprocess.run(command, env=plain_environment({}), capture_output=True, text=True, timeout=600)
        (OUT / f"{name}.log").write_text(done.stdout + done.stderr)
        for line in done.stderr.splitlines():
            print(f"         {line}")
        if done.returncode != 0:
            raise RuntimeError(f"the scenario ended with {done.returncode}\n{done.stderr[-1500:]}\n{server.child.tail()}")
        # The recording was made on port 9000 and keeps it where an address is encoded twice.
        out.write_text(out.read_text().replace(f"127.0.0.1%3A{server.http}", "127.0.0.1%3A9000"))
    return out


def table(results):
    """Markdown, one row a group and a last row for all; `results`: database -> group -> (identical, steps)."""
    databases = list(results)
    rows = ["| group | steps | " + " | ".join(NAMES[d] for d in databases) + " |", "|---|---:|" + "---:|" * len(databases)]
    for group in (*compare.GROUPS, None):
        cells = []
        for counts in results.values():
            same, steps = counts.get(group, (0, 0)) if group else map(sum, zip(*counts.values()))
            cells.append(f"{same} ({100 * same / max(1, steps):.0f} %)")
        if steps:
            name = f"`{group}`" if group else "**all**"
            rows.append(f"| {name} | {steps} | " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def run(report, database, *, database_name, update):
    if not (REFERENCE / "scenario.py").exists():
        report.skip("../shared/wire is not beside this repository, so there is no recording to compare with")
        return
    diff = compare.judge(REFERENCE)
    want, got = compare.steps(REFERENCE / "reference.json"), compare.steps(record(database, database_name))
    reasons = compare.Reasons(HERE / "differences.toml")
    counts, unlisted, details, flows = {}, [], [], []
    for name, step in want.items():
        group = compare.group_of(name)
        if group is None:
            continue
        same, steps = counts.get(group, (0, 0))
        found = compare.differences(diff, step, got.get(name))
        counts[group] = (same + (not found), steps + 1)
        if name.startswith(compare.FLOWS):
            flows.append(not found)
        if found:
            reason = reasons.of(name)
            details.append(f"{name} ({step['method']} {step['path']})  {reason or 'NO REASON'}\n" + "".join(f"    {line}\n" for line in found[:8]) + (f"    … {len(found) - 8} more\n" if len(found) > 8 else ""))
            if not reason:
                unlisted.append(f"{name}: {found[0]}" + (f" (and {len(found) - 1} more)" if len(found) > 1 else ""))
    (OUT / f"{database_name}.differences.txt").write_text("".join(details))
    print(table({database_name: counts}))
    same, steps = map(sum, zip(*counts.values()))
    report.passed += same
    report.check(same / steps >= compare.SHARE, f"{same} of {steps} steps are identical ({100 * same / steps:.1f} %; at least {100 * compare.SHARE:.0f} % wanted)")
    share = sum(flows) / max(1, len(flows))
    report.check(share >= compare.FLOWS_SHARE, f"{sum(flows)} of {len(flows)} steps of flows are identical ({100 * share:.1f} %; at least {100 * compare.FLOWS_SHARE:.0f} % wanted)")
    report.check(not unlisted, f"every difference has its reason in differences.toml ({len(unlisted)} without)", "\n".join(unlisted))
    if len(unlisted) > 20:
        print(f"         … all of them in {OUT / database_name}.differences.txt")
    if update:
        write(counts, database_name)
    shares = json.loads((HERE / "shares.json").read_text())
    fallen = [f"{g}: {counts.get(g, (0, 0))[0]} identical, {least} before" for g, least in shares.items() if counts.get(g, (0, 0))[0] < least]
    report.check(not fallen, "no group fell below shares.json", "\n".join(fallen))
    for pattern in reasons.stale():
        print(f"         note: nothing differs any more for {pattern!r} in differences.toml")


def write(counts, database_name):
    """Keeps this run: the least identical steps of each group over the databases, and the table of docs/wire.md."""
    OUT.joinpath(f"{database_name}.counts.json").write_text(json.dumps(counts))
    results = {d: {g: tuple(c) for g, c in json.loads(OUT.joinpath(f"{d}.counts.json").read_text()).items()} for d in NAMES if OUT.joinpath(f"{d}.counts.json").exists()}
    shares = {g: min(r.get(g, (0, 0))[0] for r in results.values()) for g in compare.GROUPS if any(g in r for r in results.values())}
    (HERE / "shares.json").write_text(json.dumps(shares, indent=2) + "\n")
    page = ROOT / "docs" / "wire.md"
    head = page.read_text().split("<!-- table -->")[0] if page.exists() else "# The wire\n\n"
    page.write_text(f"{head}<!-- table -->\n{table(results)}")

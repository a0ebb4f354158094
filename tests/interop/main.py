"""Clients that we did not write, and hard stops, against a release server on both databases."""
import argparse
import importlib
import sys
import time
import traceback
from contextlib import nullcontext
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Not this folder itself: a part is named like the PyPI package that it tests.
sys.path[0] = str(HERE.parent)

from support.postgres import Cluster  # noqa: E402
from support.report import Report  # noqa: E402

# part -> the databases that it runs on
PARTS = {"connections": ("sqlite",), "openid_client": ("sqlite", "postgresql"), "oidc_provider": ("sqlite", "postgresql"), "authentik_client": ("sqlite", "postgresql"), "fido2_client": ("sqlite", "postgresql"), "pyotp_client": ("sqlite",), "maxmind_files": ("sqlite",), "kill9": ("sqlite",), "kill_jobs": ("sqlite", "postgresql"), "wire": ("sqlite", "postgresql")}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"{', '.join(PARTS)}; without one: all but wire")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), help="only this one")
    parser.add_argument("--update", action="store_true", help="wire: write shares.json and docs/wire.md from this run")
    options = parser.parse_args()
    names = options.parts or [name for name in PARTS if name != "wire"]
    if unknown := set(names) - set(PARTS):
        parser.error(f"no such part: {', '.join(unknown)}")
    report = Report(names[0].replace("_", "-") if len(names) == 1 else "interop")
    databases = [d for d in ("sqlite", "postgresql") if options.database in (None, d)]
    wants_cluster = any("postgresql" in PARTS[name] for name in names) and "postgresql" in databases
    with Cluster() if wants_cluster else nullcontext() as cluster:
        for name in names:
            part = importlib.import_module(f"interop.{name}.part")
            for database in (d for d in PARTS[name] if d in databases):
                report.heading(f"{name} on {database}")
                began = time.monotonic()
                try:
                    settings = cluster.database(f"{name}_{database}") if database == "postgresql" else None
                    extra = {"update": options.update, "database_name": database} if name == "wire" else {}
                    if name == "kill_jobs" and settings:
                        # A second installation: its secret key is another one.
                        extra = {"second": cluster.database(f"{name}_second")}
                    part.run(report, settings, **extra)
                except Exception as error:  # a part that stops is a failure; the next one still runs
                    report.fail(f"{name} on {database} ran to its end", "".join(traceback.format_exception(error)[-4:]))
                print(f"   {time.monotonic() - began:.0f} s", flush=True)
    return report.close()


if __name__ == "__main__":
    sys.exit(main())

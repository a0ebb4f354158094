"""Starts a server as a stranger does, without any set-up variable, and Apache beside it; then the browser takes over."""
import os
import secrets
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent)]

from apache import Apache  # noqa: E402
from support.report import Report  # noqa: E402
from support.server import Signet  # noqa: E402


def main():
    report = Report("browser")
    shots = Path(os.environ.get("SIGNET_SHOTS") or tempfile.mkdtemp(prefix="signet-shots-"))
    shots.mkdir(parents=True, exist_ok=True)
    client = {"client_id": "apache-" + secrets.token_hex(4), "client_secret": secrets.token_hex(24)}
    with Signet("browser", bootstrap=False) as server, Apache(f"{server.base}/application/o/apache/", **client) as apache:
        env = {"APACHE_URL": apache.url, "CLIENT_ID": client["client_id"], "CLIENT_SECRET": client["client_secret"], "SHOTS": shots, "ONLY": " ".join(sys.argv[1:])}
        report.node(HERE / "run.mjs", server.node_environment(env), "the browser")
        if report.failed:
            print(f"Apache said:\n{apache.log()}\nThe server said:\n{server.child.tail()}")
    print(f"   screenshots: {shots}")
    return report.close()


if __name__ == "__main__":
    sys.exit(main())

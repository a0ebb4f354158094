"""Starts a server as a stranger does, without any set-up variable, and Apache beside it; then the browser takes over."""
import os
import secrets
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent)]

from apache import Apache  # noqa: E402
from support.api import Api  # noqa: E402
from support.mailbox import Mailbox  # noqa: E402
from support.oidc_provider import OidcProvider, new_source  # noqa: E402
from support.report import Report  # noqa: E402
from support.processes import ROOT, Folder, plain_environment  # noqa: E402
from support.server import Signet  # noqa: E402


# The journeys of run.mjs, and the parts with a server of their own; all others are those of flows.mjs.
APPLICATION = {"journey", "withoutScript", "tour"}
OWN = {"gallery", "attack", "sources", "live"}


def flows(report, shots, only):
    """Sign-in flows of every kind: a server with the example flows, a mail server, at most two sessions for each person."""
    with Folder("mail") as folder, Mailbox(folder / "letters") as mailbox:
        settings = {
            "AUTHENTIK_EMAIL__HOST": "127.0.0.1",
            "AUTHENTIK_EMAIL__PORT": mailbox.port,
            "AUTHENTIK_EMAIL__FROM": "signet@example.test",
            "AUTHENTIK_SESSION_SECURITY__CONCURRENT_SESSIONS": 2,
        }
        with Signet("flows", settings) as server:
            for example in ("login-2fa", "login-passwordless", "recovery-email", "enrollment-email-verification", "enrollment-invitation", "enterprise-sso"):
                done = server.command("apply_blueprint", f"example/flow-{example}.yaml")
                report.check(done.returncode == 0, f"the example {example} can be applied", done.stdout + done.stderr)
            # Passkeys belong to a name, not to a number.
            base = server.base.replace("127.0.0.1", "localhost")
            env = {"SIGNET_URL": base, "MAILS": mailbox.folder, "SHOTS": shots, "ONLY": only}
            report.node(HERE / "flows.mjs", server.node_environment(env), "the flows in the browser")
            if report.failed:
                print(f"The server said:\n{server.child.tail()}")


def gallery(report):
    """Every page with sample data."""
    with Folder("gallery") as folder:
        # Built by `make test`; alone: cargo build --profile quick --ignore-rust-version --workspace --examples
        made = subprocess.run([ROOT / "target/quick/examples/gallery", folder], cwd=ROOT, capture_output=True, text=True)
        if report.check(made.returncode == 0, "the gallery is written", made.stderr):
            report.node(HERE / "gallery.mjs", plain_environment({"GALLERY": folder}), "the gallery in the browser")


def application(report, shots, only):
    """A real application: first run, sign-in, consent, sign-out, and a tour of the pages."""
    client = {"client_id": "apache-" + secrets.token_hex(4), "client_secret": secrets.token_hex(24)}
    with Signet("browser", bootstrap=False) as server, Apache(f"{server.base}/application/o/apache/", **client) as apache:
        env = {"APACHE_URL": apache.url, "CLIENT_ID": client["client_id"], "CLIENT_SECRET": client["client_secret"], "SHOTS": shots, "ONLY": only}
        report.node(HERE / "run.mjs", server.node_environment(env), "the browser")
        if report.failed:
            print(f"Apache said:\n{apache.log()}\nThe server said:\n{server.child.tail()}")


def attack(report, shots):
    """A sign-in while passwords are tried from the same address: a server of its own, since the others would be asked too."""
    limit = 5
    with Signet("attack", {"AUTHENTIK_THROTTLE__PROOF_OF_WORK": limit}) as server:
        env = {"SHOTS": shots, "PROOF_OF_WORK": limit}
        report.node(HERE / "attack.mjs", server.node_environment(env), "the sign-in under attack in the browser")
        if report.failed:
            print(f"The server said:\n{server.child.tail()}")


def sources(report, shots):
    """People of another server: npm oidc-provider behind two generic OpenID sources, one of which refuses names that are taken."""
    slugs = ("client_secret_basic", "client_secret_post-strict")
    with Signet("sources") as server:
        base, api = server.base.replace("127.0.0.1", "localhost"), Api(server)
        with OidcProvider(base, slugs) as issuer:
            made = [
                new_source(api, issuer, slugs[0], name="Up Company", promoted=True),
                new_source(api, issuer, slugs[1], "post_body", name="Strict Company", user_matching_mode="username_deny"),
            ]
            stage = api.call("GET", "/stages/identification/?name=default-authentication-identification")["results"][0]
            api.call("PATCH", f"/stages/identification/{stage['pk']}/", sources=[one["pk"] for one in made], show_source_labels=True)
            env = {"SIGNET_URL": base, "SHOTS": shots, "ISSUER": issuer}
            report.node(HERE / "sources.mjs", server.node_environment(env), "the sources in the browser")
        if report.failed:
            print(f"The server said:\n{server.child.tail()}")


def live(report):
    """Open pages while sessions end and the server stops: it is started again, as a service manager does."""
    over = threading.Event()
    with Signet("live") as server:
        def keep():
            while not over.wait(0.05):
                if not server.child.alive():
                    server.start()

        keeper = threading.Thread(target=keep)
        keeper.start()
        try:
            env = {"SIGNET_URL": server.base.replace("127.0.0.1", "localhost"), "SIGNET_PID": server.child.process.pid}
            report.node(HERE / "live.mjs", server.node_environment(env), "open pages in the browser")
        finally:
            over.set()
            keeper.join()
        if report.failed:
            print(f"The server said:\n{server.child.tail()}")


def main():
    report = Report("browser")
    shots = Path(os.environ.get("SIGNET_SHOTS") or tempfile.mkdtemp(prefix="signet-shots-"))
    shots.mkdir(parents=True, exist_ok=True)
    only = set(sys.argv[1:])
    everything = not only
    if everything or "gallery" in only:
        gallery(report)
    if everything or "attack" in only:
        attack(report, shots)
    if everything or "sources" in only:
        sources(report, shots)
    if everything or "live" in only:
        live(report)
    only -= OWN
    if everything or only - APPLICATION:
        flows(report, shots, " ".join(only - APPLICATION))
    if everything or only & APPLICATION:
        application(report, shots, " ".join(only & APPLICATION))
    print(f"   screenshots: {shots}")
    return report.close()


if __name__ == "__main__":
    sys.exit(main())

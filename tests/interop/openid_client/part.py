"""openid-client (npm) against a provider of each kind."""
import json
from pathlib import Path

from support.api import Api
from support.server import Signet

KINDS = (
    # name, client type, key kind, algorithm of the id_token, explicit consent
    ("node-es256", "confidential", "ec", "ES256", False),
    ("node-rs256", "confidential", "rsa", "RS256", True),
    ("node-hs256", "confidential", None, "HS256", False),
    ("node-public", "public", "ec", "ES256", True),
)


def run(report, database):
    with Signet("openid-client", database) as server:
        api = Api(server)
        apps = []
        for slug, client_type, key, algorithm, explicit in KINDS:
            app = api.application(slug, ["http://localhost:9/callback"], logout_uris=["http://localhost:9/goodbye"], explicit=explicit, client_type=client_type, key=key)
            if client_type == "public":
                app["client_secret"] = None
            apps.append(app | {"algorithm": algorithm})
        report.node(Path(__file__).with_name("run.mjs"), server.node_environment({"SIGNET_APPS": json.dumps(apps)}), "openid-client")

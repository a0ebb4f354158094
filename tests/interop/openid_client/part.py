"""openid-client (npm) against a provider of each kind."""
import json
from pathlib import Path

from support.api import Api
from support.server import Signet

KINDS = (
    # name, client type, key kind, algorithm of the id_token, explicit consent, sign-out everywhere
    ("node-es256", "confidential", "ec", "ES256", False, False),
    ("node-rs256", "confidential", "rsa", "RS256", True, True),
    ("node-hs256", "confidential", None, "HS256", False, True),
    ("node-public", "public", "ec", "ES256", True, False),
)
# The provider's flow ends this application's tokens only; the general one also the session here.
END = {False: "default-provider-invalidation-flow", True: "default-invalidation-flow"}


def run(report, database):
    with Signet("openid-client", database) as server:
        api = Api(server)
        apps = []
        for slug, client_type, key, algorithm, explicit, everywhere in KINDS:
            app = api.application(slug, ["http://localhost:9/callback"], logout_uris=["http://localhost:9/goodbye"], explicit=explicit, invalidation=END[everywhere], client_type=client_type, key=key)
            if client_type == "public":
                app["client_secret"] = None
            apps.append(app | {"algorithm": algorithm, "everywhere": everywhere})
        report.node(Path(__file__).with_name("run.mjs"), server.node_environment({"SIGNET_APPS": json.dumps(apps)}), "openid-client")

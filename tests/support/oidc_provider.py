"""oidc-provider (npm) as the server of a source, on loopback."""
from pathlib import Path

from .processes import Child, Folder, free_ports, listens, plain_environment, wait_for

SECRET = "a secret of the interop tests, 0123456789"


class OidcProvider:
    """`with OidcProvider(base, clients) as issuer:` serves the sources of the server at `base` whose slugs are `clients`."""

    def __init__(self, base, clients):
        (port,) = free_ports(1)
        self.port = port
        self.issuer = f"http://127.0.0.1:{port}"
        self.folder = Folder("oidc-provider")
        script, redirect = Path(__file__).with_suffix(".mjs"), f"{base}/source/oauth/callback/{{slug}}/"
        self.child = Child(["node", script, port, redirect, *clients], self.folder.path / "log", plain_environment({}))

    def __enter__(self):
        wait_for(lambda: listens(self.port), 30, "oidc-provider")
        return self.issuer

    def __exit__(self, *_):
        self.child.stop()
        self.folder.__exit__()


def new_source(api, issuer, slug, method="basic_auth", **more):
    """The generic OpenID source of this server, with the default flows."""
    settings = {
        "name": f"Up by {slug}", "slug": slug, "provider_type": "openidconnect", "consumer_key": slug, "consumer_secret": SECRET,
        "oidc_well_known_url": f"{issuer}/.well-known/openid-configuration", "authorization_code_auth_method": method,
        "authentication_flow": api.flow("default-source-authentication"), "enrollment_flow": api.flow("default-source-enrollment"),
    }
    return api.call("POST", "/sources/oauth/", **settings | more)

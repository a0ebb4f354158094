"""The administrator's side over plain HTTP: objects by the API and sign-in by the flow executor."""
import re
import secrets
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import requests

from .processes import wait_for

SCOPES = ("openid", "email", "profile", "offline_access")


class Api:
    def __init__(self, server):
        self.base = server.base
        self.server = server
        self.http = requests.Session()
        self.http.headers["Authorization"] = f"Bearer {server.token}"

    def call(self, method, path, **body):
        answer = self.http.request(method, f"{self.base}/api/v3{path}", timeout=30, **({"json": body} if body else {}))
        if answer.status_code >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:400]}")
        return answer.json() if answer.content else None

    def flow(self, slug):
        return self.call("GET", f"/flows/instances/{slug}/")["pk"]

    def scopes(self, names=SCOPES):
        found = self.call("GET", "/propertymappings/provider/scope/?page_size=100")["results"]
        by_name = {m["scope_name"]: m["pk"] for m in found if m.get("managed")}
        return [by_name[name] for name in names]

    def signing_key(self, kind=None):
        """A key of the first start; it is made in the background, so this waits. `kind`: rsa or ec."""
        found = []

        def look():
            found[:] = [k for k in self.call("GET", "/crypto/certificatekeypairs/?has_key=true")["results"] if kind in (None, k.get("key_type"))]
            return found

        wait_for(look, 60, f"a signing key ({kind or 'any'})")
        return found[0]["pk"]

    def application(self, slug, redirect_uris, *, logout_uris=(), explicit=False, client_type="confidential", key="ec", scopes=SCOPES, invalidation="default-provider-invalidation-flow", **extra):
        """An application with an OAuth2 provider: {slug, client_id, client_secret, issuer, provider}."""
        consent = "explicit" if explicit else "implicit"
        uris = [{"matching_mode": "strict", "url": u, "redirect_uri_type": "authorization"} for u in redirect_uris]
        uris += [{"matching_mode": "strict", "url": u, "redirect_uri_type": "logout"} for u in logout_uris]
        provider = self.call(
            "POST", "/providers/oauth2/",
            name=slug, client_id=f"{slug}-{secrets.token_hex(4)}", client_secret=secrets.token_hex(24), client_type=client_type, redirect_uris=uris,
            authorization_flow=self.flow(f"default-provider-authorization-{consent}-consent"), invalidation_flow=self.flow(invalidation),
            property_mappings=self.scopes(scopes), signing_key=self.signing_key(key) if key else None, grant_types=["authorization_code", "refresh_token"], **extra,
        )
        self.call("POST", "/core/applications/", name=slug.replace("-", " ").title(), slug=slug, provider=provider["pk"])
        return {"slug": slug, "client_id": provider["client_id"], "client_secret": provider["client_secret"], "issuer": f"{self.base}/application/o/{slug}/", "provider": provider["pk"]}


class Person:
    """Somebody with a cookie jar who signs in by the flow executor."""

    def __init__(self, base):
        self.base = base
        self.http = requests.Session()

    def step(self, flow, query="", body=None):
        """One call of the executor; follows its redirects to itself; the challenge."""
        url = f"{self.base}/api/v3/flows/executor/{flow}/?query={quote(query, safe='')}"
        # With a live session the server wants proof that one of its own pages sends this.
        proof = {"X-authentik-CSRF": self.http.cookies["authentik_csrf"], "Referer": self.base + "/"} if "authentik_csrf" in self.http.cookies else {}
        answer = self.http.request("POST" if body is not None else "GET", url, json=body, headers=proof if body is not None else {}, allow_redirects=False, timeout=30)
        for _ in range(10):
            if answer.status_code != 302:
                break
            answer = self.http.get(requests.compat.urljoin(url, answer.headers["location"]), allow_redirects=False, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def sign_in(self, username, password, flow="default-authentication-flow", query=""):
        challenge = self.step(flow, query)
        for _ in range(8):
            component = challenge["component"]
            if component == "xak-flow-redirect":
                return challenge["to"]
            if challenge.get("response_errors") or component in ("ak-stage-access-denied", "ak-stage-flow-error"):
                raise RuntimeError(f"sign-in ended at {component}: {challenge}")
            answers = {"ak-stage-identification": {"uid_field": username}, "ak-stage-password": {"password": password}, "ak-stage-user-login": {"remember_me": False}}
            challenge = self.step(flow, query, {"component": component, **answers[component]})
        raise RuntimeError("sign-in did not end")

    def authorize(self, app, redirect_uri, scope="openid email profile offline_access", **parameters):
        """The way through the authorize endpoint and its flow with a live session; the code."""
        query = {"client_id": app["client_id"], "redirect_uri": redirect_uri, "response_type": "code", "scope": scope, "state": "s", **parameters}
        target = f"{self.base}/application/o/authorize/?{urlencode(query)}"
        for _ in range(8):
            if target.startswith(redirect_uri):
                return parse_qs(urlsplit(target).query)["code"][0]
            parts = urlsplit(target)
            if flow := re.match(r"/if/flow/([\w-]+)/", parts.path):
                if "authentik_csrf" not in self.http.cookies:
                    self.http.get(f"{self.base}/if/user/", timeout=30)
                challenge = self.step(flow[1], parts.query)
                if challenge["component"] == "ak-stage-consent":
                    challenge = self.step(flow[1], parts.query, {"component": "ak-stage-consent", "token": challenge["token"]})
                target = challenge["to"]
            else:
                answer = self.http.get(requests.compat.urljoin(self.base, target), allow_redirects=False, timeout=30)
                if answer.status_code not in (302, 303):
                    raise RuntimeError(f"authorize answered {answer.status_code}: {answer.text[:300]}")
                target = answer.headers["location"]
            target = requests.compat.urljoin(self.base, target)
        raise RuntimeError("authorize did not come to its end")

"""oidc-provider (npm) as the server of a source: enrolment, sign-in, link, unlink, a denied match, with both ways of client authentication."""
import re
from urllib.parse import urljoin

import requests

from support.api import Api
from support.oidc_provider import OidcProvider, new_source
from support.server import Signet

METHODS = {"client_secret_basic": "basic_auth", "client_secret_post": "post_body"}
BASIC, POST = METHODS


def run(report, database):
    with Signet("oidc-provider", database) as server, OidcProvider(server.base, METHODS) as issuer:
        api = Api(server)
        for slug, method in METHODS.items():
            new_source(api, issuer, slug, method, group_matching_mode="name_link")
        start = {slug: f"{server.base}/source/oauth/login/{slug}/" for slug in METHODS}

        ada, page = visit(f"{start[BASIC]}?next=/if/user/security/", "ada")
        report.check(who(server, ada) == "ada", "enrolment: a newcomer has an account", page.text[:300])
        report.check(page.url == f"{server.base}/if/user/security/", "enrolment: and comes to where they wanted", page.url)
        groups = api.call("GET", "/core/users/?username=ada")["results"][0]["groups_obj"]
        report.check("crew" in [group["name"] for group in groups], "enrolment: groups follow", groups)
        again, _ = visit(start[BASIC], "ada")
        report.check(who(server, again) == "ada", "sign-in: the same account", who(server, again))
        known = ada.get(start[BASIC], timeout=30)
        report.check("Who are you" not in known.text and who(server, ada) == "ada", "sign-in: with a session there nothing is asked", known.url)

        # The second source knows nobody here, and "ada" is taken.
        api.call("PATCH", f"/sources/oauth/{POST}/", user_matching_mode="username_deny")
        denied, page = visit(start[POST], "ada")
        report.check(page.status_code == 403 and "connect" in page.text and not who(server, denied), "denied match: told, and not signed in", page.status_code)
        events = api.call("GET", "/events/events/?action=login_failed&ordering=-created")["results"]
        report.check(events and events[0]["context"].get("matching_mode") == "username_deny", "denied match: an event has the mode", events[:1])

        page = post(server, ada, start[POST], {})
        to = re.search(re.escape(issuer) + r"[^\"<]+", page.text)
        report.check(to, "link: the form leads to the server", page.text[:200])
        page = choose(ada, ada.get(to.group(0).replace("&amp;", "&"), timeout=30), "ada")
        report.check(page.status_code == 200 and "Connected since" in page.text, "link: the settings show it", page.url)
        fresh, _ = visit(start[POST], "ada")
        report.check(who(server, fresh) == "ada", "link: the connected account signs in", who(server, fresh))
        mine = ada.get(f"{server.base}/api/v3/sources/user_connections/oauth/?source__slug={POST}", timeout=30).json()["results"]
        report.check([one["identifier"] for one in mine] == ["number-of-ada"], "link: by the subject of the ID token", mine)

        post(server, ada, f"{server.base}/if/user/security/", {"act": "disconnect", "id": mine[0]["pk"]})
        gone, page = visit(start[POST], "ada")
        report.check(page.status_code == 403 and not who(server, gone), "unlink: it does not sign in any more", page.status_code)
        report.check(who(server, ada) == "ada", "unlink: the session goes on", who(server, ada))
        still, _ = visit(start[BASIC], "ada")
        report.check(who(server, still) == "ada", "unlink: the other connection stays", who(server, still))


def visit(start, name):
    """A new browser that goes to the source and is `name` there; the browser, and its last page."""
    browser = requests.Session()
    return browser, choose(browser, browser.get(start, timeout=30), name)


def choose(browser, page, name):
    link = re.search(rf'href="([^"]+\?as={name})"', page.text)
    return browser.get(urljoin(page.url, link.group(1)), timeout=30) if link else page


def post(server, browser, url, form):
    page = browser.get(f"{server.base}/if/user/security/", timeout=30).text
    csrf = re.search(r'name="csrf" value="([^"]+)"', page).group(1)
    return browser.post(url, data={"csrf": csrf, **form}, timeout=30)


def who(server, browser):
    answer = browser.get(f"{server.base}/api/v3/core/users/me/", timeout=30)
    return answer.json()["user"]["username"] if answer.ok else None

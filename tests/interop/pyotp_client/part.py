"""pyotp (PyPI) as the authenticator app: it reads our address, its codes are ours, for every hash and length."""
import time

import pyotp
from support.api import Api, Person
from support.server import Signet

LOGIN, SETUP = "default-authentication-flow", "default-authenticator-totp-setup"
FORM, VALIDATE = "ak-stage-authenticator-totp", "ak-stage-authenticator-validate"
SHAPES = (("SHA1", "6", 30), ("SHA256", "8", 30), ("SHA512", "6", 60))


def sign_in(server):
    """A new browser after name and password; what it is asked."""
    person = Person(server.base)
    person.step(LOGIN)
    person.step(LOGIN, body={"component": "ak-stage-identification", "uid_field": "akadmin"})
    return person, person.step(LOGIN, body={"component": "ak-stage-password", "password": server.password})


def run(report, database):
    with Signet("pyotp", database) as server:
        api = Api(server)
        stage = next(s for s in api.call("GET", "/stages/authenticator/totp/?page_size=100")["results"])
        apps = []
        for algorithm, digits, period in SHAPES:
            kind = f"{algorithm}, {digits} digits, {period} s"
            api.call("PATCH", f"/stages/authenticator/totp/{stage['pk']}/", algorithm=algorithm, digits=digits, period=period)
            person, seen = sign_in(server)
            if apps:
                # The last device's code of the next step: that of this step was used when it was set up.
                seen = person.step(LOGIN, body={"component": VALIDATE, "code": apps[-1].at(int(time.time()) + apps[-1].interval)})
            report.check(seen["component"] == "xak-flow-redirect", f"{kind}: signed in with what is there", seen)
            person.http.get(server.base + "/if/user/", timeout=30)
            challenge = person.step(SETUP)
            app = pyotp.parse_uri(challenge["config_url"])
            report.check((app.interval, app.digits, app.digest().name.upper()) == (period, int(digits), algorithm), f"{kind}: pyotp reads the address", challenge)
            wrong = person.step(SETUP, body={"component": FORM, "code": app.at(int(time.time()) + 5 * period)})
            code = app.now()
            done = person.step(SETUP, body={"component": FORM, "code": code})
            report.check("response_errors" in wrong and done["component"] == "xak-flow-redirect", f"{kind}: its code now is right, a later one is not", (wrong, done))
            apps.append(app)
            person, _ = sign_in(server)
            used = person.step(LOGIN, body={"component": VALIDATE, "code": code})
            report.check("response_errors" in used, f"{kind}: the code that set it up signs nobody in", used)

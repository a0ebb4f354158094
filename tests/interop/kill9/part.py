"""SIGKILL in the middle of a storm of code exchanges, again and again, on SQLite.

What was answered must be there afterwards: a code that a redirect carried can be exchanged, a refresh token that was answered works.
A code that was exchanged must not be accepted a second time. The server must be ready within three seconds without help.
"""
import os
import random
import threading
import time

import requests

from support.api import Api, Person
from support.server import Signet

ROUNDS = int(os.environ.get("SIGNET_KILLS", "100"))
WORKERS = 6
READY_WITHIN = 3.0
CALLBACK = "http://localhost:9/callback"
# A round checks at most this many grants of each kind, so that the whole run stays short.
SAMPLE = 40


class Storm:
    """Workers that sign in to an application as fast as the server allows, until it dies."""

    def __init__(self, base, app, cookies):
        self.base, self.app, self.cookies = base, app, cookies
        self.lock = threading.Lock()
        self.given = []  # codes that a redirect carried and nobody has sent yet
        self.sent = []  # codes that were sent to the token endpoint without an answer
        self.grants = []  # (code, refresh token) of an answered exchange
        self.refreshed = []  # (old, new) refresh tokens of an answered refresh
        self.refreshing = []  # refresh tokens that were sent without an answer
        self.wrong = []
        self.over = False

    def token(self, http, **form):
        return http.post(f"{self.base}/application/o/token/", data=form, auth=(self.app["client_id"], self.app["client_secret"]), timeout=10)

    def exchange(self, http, code):
        return self.token(http, grant_type="authorization_code", code=code, redirect_uri=CALLBACK)

    def refresh(self, http, token):
        return self.token(http, grant_type="refresh_token", refresh_token=token)

    def work(self):
        person = Person(self.base)
        person.http.cookies.update(self.cookies)
        http = requests.Session()
        while not self.over:
            try:
                code = person.authorize(self.app, CALLBACK)
            except (requests.RequestException, OSError):
                return
            except Exception as error:  # an answer that is no redirect is a finding, also shortly before the end
                with self.lock:
                    self.wrong.append(f"authorize: {error}")
                return
            if random.random() < 0.1:
                with self.lock:
                    self.given.append(code)
                continue
            with self.lock:
                self.sent.append(code)
            try:
                answer = self.exchange(http, code)
                grant = answer.json()
            except (requests.RequestException, ValueError, OSError):
                return
            with self.lock:
                if answer.status_code != 200:
                    self.wrong.append(f"exchange: {answer.status_code} {answer.text[:200]}")
                    continue
                self.sent.remove(code)
                self.grants.append((code, grant["refresh_token"]))
            if random.random() < 0.2:
                with self.lock:
                    self.refreshing.append(grant["refresh_token"])
                    self.grants.remove((code, grant["refresh_token"]))
                try:
                    answer = self.refresh(http, grant["refresh_token"])
                    new = answer.json()["refresh_token"]
                except (requests.RequestException, ValueError, KeyError, OSError):
                    return
                with self.lock:
                    self.refreshing.remove(grant["refresh_token"])
                    self.refreshed.append((grant["refresh_token"], new))

    def run(self, server, seconds):
        """Storms for about `seconds`, kills the server in the middle, waits for the workers."""
        workers = [threading.Thread(target=self.work) for _ in range(WORKERS)]
        for worker in workers:
            worker.start()
        time.sleep(seconds)
        server.kill()
        self.over = True
        for worker in workers:
            worker.join()

    def verify(self, wrong):
        """After the restart; appends what is not as promised."""
        http = requests.Session()
        some = lambda items: random.sample(items, min(len(items), SAMPLE))  # noqa: E731

        def expect(answer, good, what):
            if answer.status_code not in good or answer.status_code == 400 and answer.json().get("error") != "invalid_grant":
                wrong.append(f"{what}: {answer.status_code} {answer.text[:200]}")

        for code in some(self.given):
            expect(self.exchange(http, code), (200,), "a code that was given out is lost")
            expect(self.exchange(http, code), (400,), "a code was accepted twice")
        for code in self.sent:
            expect(self.exchange(http, code), (200, 400), "a code in flight")
            expect(self.exchange(http, code), (400,), "a code in flight was accepted twice")
        for code, token in some(self.grants):
            expect(self.refresh(http, token), (200,), "an acknowledged refresh token is lost")
            expect(self.refresh(http, token), (400,), "a used refresh token was accepted twice")
            expect(self.exchange(http, code), (400,), "an exchanged code was accepted twice")
        for old, new in some(self.refreshed):
            expect(self.refresh(http, new), (200,), "an acknowledged rotated refresh token is lost")
            expect(self.refresh(http, old), (400,), "a rotated refresh token was accepted twice")
        for token in self.refreshing:
            expect(self.refresh(http, token), (200, 400), "a refresh in flight")


def run(report, database):
    with Signet("kill9", database) as server:
        app = Api(server).application("storm", [CALLBACK])
        person = Person(server.base)
        person.sign_in("akadmin", server.password)
        cookies = person.http.cookies.get_dict()
        starts, counts, wrong = [], {"grants": 0, "given": 0, "in flight": 0, "refreshed": 0}, []
        for number in range(ROUNDS):
            storm = Storm(server.base, app, cookies)
            storm.run(server, random.uniform(0.15, 1.2))
            try:
                starts.append(server.start(seconds=20))
            except RuntimeError as error:
                wrong.append(f"round {number + 1}: {error}")
                break
            storm.verify(storm.wrong)
            wrong += [f"round {number + 1}: {text}" for text in storm.wrong]
            counts["grants"] += len(storm.grants)
            counts["given"] += len(storm.given)
            counts["in flight"] += len(storm.sent) + len(storm.refreshing)
            counts["refreshed"] += len(storm.refreshed)
            if len(wrong) > 20:
                break
        report.check(len(starts) == ROUNDS, f"{ROUNDS} kills and restarts", f"{len(starts)} of {ROUNDS}")
        report.check(counts["grants"] > ROUNDS and counts["in flight"] > 0, "the storm was one: " + ", ".join(f"{v} {k}" for k, v in counts.items()))
        report.check(not wrong, "no acknowledged grant lost, no code accepted twice", "\n".join(wrong))
        if starts:
            report.check(max(starts) <= READY_WITHIN, f"ready again within {READY_WITHIN:.0f} s: at worst {max(starts):.2f} s, mostly {sorted(starts)[len(starts) // 2]:.2f} s")
        me = person.http.get(f"{server.base}/api/v3/core/users/me/", timeout=10)
        report.check(me.status_code == 200, "the session of the start still lives", me.text[:200])

"""SIGKILL of whoever carries jobs out, in the middle of mail, of messages about ended sessions and of a sweep.

What was acknowledged is done after the next start (on PostgreSQL: by another worker, when the lease ends). A letter that was sent twice
has the same Message-ID both times; what a job writes is written once.
"""
import base64
import email
import json
import os
import random
import sqlite3
import threading
import time
from collections import Counter, defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import requests

from support.api import Api, Person
from support.mailbox import Mailbox
from support.processes import Child, Folder, free_ports, plain_environment, wait_for
from support.server import BINARY, Signet

ROUNDS = int(os.environ.get("SIGNET_JOB_KILLS", "5"))
PEOPLE = 12
EXPIRED = 20_000


class SlowMailbox(Mailbox):
    """Keeps a letter, and then takes a moment to say so: a kill in between sends it again."""

    def keep(self, sender, to, letter):
        time.sleep(random.uniform(0, 0.05))
        super().keep(sender, to, letter)
        time.sleep(random.uniform(0, 0.05))

    def handle_error(self, *_):
        """A client that was killed in the middle is no error here."""

    def letters(self):
        """Recipient and Message-ID of each."""
        found = []
        for path in sorted(self.folder.glob("*.eml")):
            head = email.message_from_bytes(path.read_bytes())
            found.append((head["To"], head["Message-ID"]))
        return found


class Worker:
    """`signet worker` beside a server that carries no jobs out."""

    def __init__(self, server):
        self.server = server
        self.child = None

    def start(self):
        env = self.server.env | {"AUTHENTIK_LISTEN__METRICS": f"127.0.0.1:{free_ports(1)[0]}"}
        self.child = Child([BINARY, "worker"], self.server.folder.path / "worker.log", plain_environment(env), cwd=self.server.folder.path)

    def kill(self):
        self.child.kill()


def ask(api, people, answered, unanswered, over):
    """Asks for letters until the server is gone."""
    while not over.is_set():
        person = random.choice(people)
        try:
            answer = api.http.post(f"{api.base}/api/v3/stages/email/send/", json={"user": person["pk"], "template": "email/setup.html"}, timeout=10)
        except (requests.RequestException, OSError):
            unanswered[person["email"]] += 1
            return
        if answer.status_code == 204:
            answered[person["email"]] += 1
        time.sleep(random.uniform(0, 0.02))


def mail(report, database, name):
    with Folder("mailbox") as folder, SlowMailbox(folder) as box:
        settings = {"AUTHENTIK_EMAIL__HOST": "127.0.0.1", "AUTHENTIK_EMAIL__PORT": box.port, "AUTHENTIK_WEB__BASE_URL": "http://id.example.test"}
        if database:
            settings |= {"AUTHENTIK_WORKER__EMBEDDED": "false"}
        with Signet("kill-jobs", (database or {}) | settings) as server:
            worker = Worker(server) if database else server
            if database:
                worker.start()
            api = Api(server)
            people = [api.call("POST", "/core/users/", username=f"p{n}", name=f"P {n}", email=f"p{n}@example.test") for n in range(PEOPLE)]
            answered, unanswered = Counter(), Counter()
            for _ in range(ROUNDS):
                over = threading.Event()
                asking = threading.Thread(target=ask, args=(api, people, answered, unanswered, over))
                asking.start()
                time.sleep(random.uniform(0.4, 1.2))
                worker.kill()
                over.set()
                asking.join()
                worker.start()
            try:
                # A lease of a killed worker ends after 30 seconds.
                wait_for(lambda: all(len({i for to, i in box.letters() if person in to}) >= count for person, count in answered.items()), 90, "every letter")
            except TimeoutError:
                pass
            time.sleep(2)
            letters = box.letters()
            wrong = []
            for person in people:
                ids = [i for to, i in letters if person["email"] in to]
                least, most = answered[person["email"]], answered[person["email"]] + unanswered[person["email"]]
                if not least <= len(set(ids)) <= most:
                    wrong.append(f"{person['email']}: {len(set(ids))} letters, {least} to {most} were asked for")
            copies = Counter(i for _, i in letters)
            total, twice = sum(answered.values()), sum(1 for count in copies.values() if count > 1)
            report.check(total > ROUNDS * 5, f"{name}: {total} letters were acknowledged, {ROUNDS} kills, {twice} came twice")
            report.check(not wrong, f"{name}: none is lost, none is made twice", "\n".join(wrong))
            report.check(all(count <= 1 + ROUNDS for count in copies.values()), f"{name}: copies come from kills only", str(copies.most_common(3)))
            if database:
                worker.child.stop()


class Application(ThreadingHTTPServer):
    """An application that is told of ended sessions, and takes a moment for it: a kill in between tells it again."""

    daemon_threads = True

    def __init__(self):
        told = self.told = defaultdict(set)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
                claims = payload(form["logout_token"][0])
                time.sleep(random.uniform(0, 0.05))
                told[claims["sid"]].add(claims["jti"])
                time.sleep(random.uniform(0, 0.05))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        """A client that was killed in the middle is no error here."""


def payload(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def end_sessions(api, over):
    """Ends one session after another until the server is gone."""
    while not over.is_set():
        try:
            for session in api.call("GET", "/core/authenticated_sessions/?user__username=told")["results"]:
                api.call("DELETE", f"/core/authenticated_sessions/{session['uuid']}/")
        except (requests.RequestException, OSError, RuntimeError):
            return
        time.sleep(0.02)


def sign_outs(report, database, name):
    with Application() as listener:
        settings = {"AUTHENTIK_WORKER__EMBEDDED": "false"} if database else {}
        with Signet("kill-sign-outs", (database or {}) | settings) as server:
            worker = Worker(server) if database else server
            if database:
                worker.start()
            api = Api(server)
            callback = "http://localhost:9/callback"
            app = api.application("told", [callback], logout_uri=f"http://127.0.0.1:{listener.server_port}/")
            user = api.call("POST", "/core/users/", username="told", name="T", email="t@example.test")
            api.call("POST", f"/core/users/{user['pk']}/set_password/", password="Engine-1843-kill")
            began = set()
            for _ in range(ROUNDS):
                for _ in range(4):
                    person = Person(server.base)
                    person.sign_in("told", "Engine-1843-kill")
                    code = person.authorize(app, callback, scope="openid")
                    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": callback, "client_id": app["client_id"], "client_secret": app["client_secret"]}
                    tokens = requests.post(f"{server.base}/application/o/token/", data=form, timeout=30).json()
                    began.add(payload(tokens["id_token"])["sid"])
                over = threading.Event()
                ending = threading.Thread(target=end_sessions, args=(api, over))
                ending.start()
                time.sleep(random.uniform(0.02, 0.3))
                worker.kill()
                over.set()
                ending.join()
                worker.start()
            for session in api.call("GET", "/core/authenticated_sessions/?user__username=told")["results"]:
                api.call("DELETE", f"/core/authenticated_sessions/{session['uuid']}/")
            try:
                wait_for(lambda: began <= set(listener.told), 90, "every session")
            except TimeoutError:
                pass
            time.sleep(1)
            told = dict(listener.told)
            report.check(len(began) == ROUNDS * 4 and set(told) == began, f"{name}: of {len(began)} ended sessions the application heard of each, {ROUNDS} kills", f"{len(told)} were told")
            report.check(all(len(ids) == 1 for ids in told.values()), f"{name}: what is told twice is the same message")
            if database:
                worker.child.stop()


def sweep(report):
    """The sweep of a table with many expired rows is killed again and again."""
    kind = "authentik.core.tasks.clean_expired_models"
    with Signet("kill-sweep", {"AUTHENTIK_WORKER__SCHEDULER_INTERVAL": "seconds=1"}) as server:
        server.child.stop()
        file = server.data / "signet.sqlite"

        def rows(sql, *values):
            with sqlite3.connect(file, timeout=30) as db:
                return db.execute(sql, values).fetchall()

        later = int((time.time() + 86_400) * 1_000_000)
        with sqlite3.connect(file) as db:
            db.executemany("INSERT INTO attempt (name, used, until) VALUES (?, 1, 1)", ((f"expired {n}",) for n in range(EXPIRED)))
            db.executemany("INSERT INTO attempt (name, used, until) VALUES (?, 1, ?)", ((f"good {n}", later) for n in range(500)))
        rows("UPDATE schedule SET next_run = 1 WHERE kind = ?", kind)
        counts = []
        for _ in range(3):
            server.start()
            began = time.monotonic()
            while time.monotonic() - began < 20:
                (left,), = rows("SELECT count(*) FROM attempt WHERE name LIKE 'expired %'")
                if left < (counts[-1] if counts else EXPIRED):
                    break
                time.sleep(0.02)
            server.kill()
            (left,), = rows("SELECT count(*) FROM attempt WHERE name LIKE 'expired %'")
            counts.append(left)
        report.check(counts[-1] > 0 and counts == sorted(counts, reverse=True), f"the sweep was killed in the middle: {counts} of {EXPIRED} rows were left")
        server.start()
        done = lambda: rows("SELECT state, attempts FROM job WHERE kind = ? AND state = 'done'", kind)  # noqa: E731
        wait_for(done, 120, "the end of the sweep")
        (left,), = rows("SELECT count(*) FROM attempt WHERE name LIKE 'expired %'")
        (good,), = rows("SELECT count(*) FROM attempt WHERE name LIKE 'good %'")
        report.check((left, good) == (0, 500), "every expired row is gone, and no other", f"{left} expired, {good} good")
        jobs = rows("SELECT state, attempts FROM job WHERE kind = ?", kind)
        report.check(jobs == [("done", 4)], "one job, begun again after each kill", str(jobs))


def run(report, database, second=None):
    name = "PostgreSQL" if database else "SQLite"
    mail(report, database, name)
    sign_outs(report, second, name)
    if not database:
        sweep(report)

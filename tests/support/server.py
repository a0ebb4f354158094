"""A release server on loopback with a data folder of its own."""
import os
import secrets
import shutil
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from .processes import ROOT, Child, Folder, free_ports, plain_environment, wait_for

BINARY = Path(os.environ.get("SIGNET_BINARY") or ROOT / "target/quick/signet")


class Signet:
    """`with Signet() as server:` is a started, ready server; `database` are settings of a PostgreSQL database."""

    def __init__(self, name="server", database=None, bootstrap=True):
        if not BINARY.exists():
            raise SystemExit(f"{BINARY} is missing: make build")
        self.folder = Folder(name)
        self.http, self.https, self.metrics = free_ports(3)
        self.base = f"http://127.0.0.1:{self.http}"
        self.data = self.folder.path / "data"
        self.log = self.folder.path / "server.log"
        self.password = "Interop-" + secrets.token_hex(8)
        self.token = secrets.token_hex(30)
        self.env = {
            "SIGNET_DATA_DIR": self.data,
            "AUTHENTIK_LISTEN__HTTP": f"127.0.0.1:{self.http}",
            "AUTHENTIK_LISTEN__HTTPS": f"127.0.0.1:{self.https}",
            "AUTHENTIK_LISTEN__METRICS": f"127.0.0.1:{self.metrics}",
            **(database or {}),
        }
        if bootstrap:
            self.env |= {"AUTHENTIK_BOOTSTRAP_PASSWORD": self.password, "AUTHENTIK_BOOTSTRAP_TOKEN": self.token, "AUTHENTIK_BOOTSTRAP_EMAIL": "akadmin@example.test"}
        self.child = None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.child:
            self.child.stop()
        if keep := os.environ.get("SIGNET_KEEP_LOGS"):
            Path(keep).mkdir(parents=True, exist_ok=True)
            if self.log.exists():
                shutil.copy(self.log, Path(keep) / f"{self.folder.path.name}.log")
        self.folder.__exit__()

    def start(self, seconds=60):
        """Starts it and waits until it is ready; the seconds that it took."""
        self.data.mkdir(exist_ok=True)
        self.child = Child([BINARY, "server"], self.log, plain_environment(self.env), cwd=self.folder.path)
        try:
            return wait_for(self.ready, seconds, "the server is ready")
        except TimeoutError as error:
            raise RuntimeError(f"{error}\n{self.child.tail()}") from error

    def ready(self):
        if not self.child.alive():
            raise RuntimeError(f"the server ended with code {self.child.process.returncode}\n{self.child.tail()}")
        return self.status("/-/health/ready/") in (200, 204)

    def status(self, path):
        try:
            with urllib.request.urlopen(self.base + path, timeout=5) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def kill(self):
        self.child.kill()

    def command(self, *arguments):
        """Runs another command of the binary on the same data."""
        return subprocess.run([BINARY, *arguments], env=plain_environment(self.env), cwd=self.folder.path, capture_output=True, text=True, timeout=120)

    def node_environment(self, extra=None):
        return plain_environment({"SIGNET_URL": self.base, "SIGNET_TOKEN": self.token, "SIGNET_PASSWORD": self.password, **(extra or {})})

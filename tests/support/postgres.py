"""A private PostgreSQL cluster in a temporary folder, on a free loopback port."""
import glob
import os
import secrets
import shutil
import subprocess
from pathlib import Path

from .processes import Child, Folder, free_ports, listens, plain_environment, wait_for


def binaries():
    """The newest PostgreSQL that Debian installed."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda p: int(p.split("/")[4]))
    if not found:
        raise SystemExit("PostgreSQL is missing: scripts/setup-debian.sh installs it")
    return Path(found[-1])


class Cluster:
    """`with Cluster() as cluster: cluster.database("x")` gives the settings of a fresh database."""

    def __enter__(self):
        self.folder = Folder("postgres")
        path = self.folder.path
        # PostgreSQL refuses to run as root.
        self.user = "postgres" if os.geteuid() == 0 else None
        self.password = secrets.token_hex(16)
        self.port = free_ports(1)[0]
        (path / "password").write_text(self.password)
        if self.user:
            for item in (path, path / "password"):
                shutil.chown(item, self.user, self.user)
        as_user = {"user": self.user, "group": self.user, "extra_groups": []} if self.user else {}
        env = plain_environment({"LC_ALL": "C.UTF-8", "HOME": path})
        subprocess.run(
            [binaries() / "initdb", "-D", path / "data", "-U", "signet", "-A", "scram-sha-256", f"--pwfile={path}/password", "-E", "UTF8", "--no-sync"],
            check=True, stdout=subprocess.DEVNULL, env=env, cwd=path, **as_user,
        )
        options = {"port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": path, "max_connections": 100}
        command = [binaries() / "postgres", "-D", path / "data"] + [part for k, v in options.items() for part in ("-c", f"{k}={v}")]
        self.child = Child(command, path / "log", env, cwd=path, user=self.user)
        try:
            wait_for(lambda: listens(self.port) and self.query("postgres", "select 1"), 30, "PostgreSQL")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        # SIGINT is the fast shutdown: it does not wait for clients to leave.
        if self.child.alive():
            self.child.process.send_signal(2)
            try:
                self.child.process.wait(15)
            except subprocess.TimeoutExpired:
                pass
        self.child.stop()
        self.folder.__exit__()

    def query(self, database, sql):
        env = plain_environment({"PGPASSWORD": self.password})
        command = [binaries() / "psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "signet", "-d", database, "-Atqc", sql]
        return subprocess.run(command, env=env, capture_output=True, text=True).returncode == 0

    def database(self, name):
        """Makes an empty database; the settings by which the server finds it."""
        if not self.query("postgres", f'create database "{name}"'):
            raise RuntimeError(f"the database {name} could not be made")
        prefix = "AUTHENTIK_POSTGRESQL__"
        return {prefix + "HOST": "127.0.0.1", prefix + "PORT": self.port, prefix + "NAME": name, prefix + "USER": "signet", prefix + "PASSWORD": self.password, prefix + "SSLMODE": "disable"}

"""Children that are always ended, by their own id."""
import os
import random
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def free_ports(count):
    """`count` different loopback ports that nobody listens on now. They lie below the range from which the system gives ports to
    connections, so that they are still free when a server is started again."""
    held = []
    try:
        while len(held) < count:
            held.append(socket.socket())
            try:
                held[-1].bind(("127.0.0.1", random.randrange(20000, 32000)))
            except OSError:
                held.pop().close()
        return [s.getsockname()[1] for s in held]
    finally:
        for s in held:
            s.close()


def wait_for(probe, seconds, what):
    """Calls `probe` until it returns something true; the seconds that it took."""
    began = time.monotonic()
    while True:
        if probe():
            return time.monotonic() - began
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(0.01)


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def plain_environment(extra):
    """Only what any program needs, so that a setting of the person who runs the tests cannot change them."""
    keep = {k: os.environ[k] for k in ("PATH", "HOME", "LANG", "TZ") if k in os.environ}
    return keep | {k: str(v) for k, v in extra.items()}


class Folder:
    """A temporary folder that goes away with the block."""

    def __init__(self, name):
        self.path = Path(tempfile.mkdtemp(prefix=f"signet-{name}-"))

    def __enter__(self):
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


class Child:
    """One process in the foreground, its output in a file."""

    def __init__(self, command, log, env, cwd=None, user=None):
        as_user = {"user": user, "group": user, "extra_groups": []} if user else {}
        self.log = Path(log)
        self.output = open(self.log, "ab")
        self.process = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.output, env=env, cwd=cwd, **as_user)

    def alive(self):
        return self.process.poll() is None

    def kill(self):
        """SIGKILL, at once."""
        self.process.kill()
        self.process.wait()
        self.output.close()

    def stop(self, seconds=20):
        """SIGTERM and a wait; SIGKILL when it does not end. Returns the exit code."""
        if self.alive():
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.output.close()
        return self.process.returncode

    def tail(self, lines=25):
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""

"""Counts checks and prints them as they happen."""
import json
import re
import subprocess
import sys
import time


class Report:
    def __init__(self, name):
        self.name = name
        self.passed = 0
        self.failed = 0
        self.skipped = False
        self.began = time.monotonic()

    def heading(self, text):
        print(f"-- {text}", flush=True)

    def ok(self, what):
        self.passed += 1
        print(f"   ok    {what}", flush=True)

    def fail(self, what, detail=""):
        self.failed += 1
        print(f"   FAIL  {what}", flush=True)
        for line in str(detail).splitlines()[:20]:
            print(f"         {line}", flush=True)

    def check(self, good, what, detail=""):
        if good:
            self.ok(what)
        else:
            self.fail(what, detail)
        return bool(good)

    def skip(self, why):
        """Nothing to do here: said, and not counted."""
        self.skipped = True
        print(f"   skipped: {why}", flush=True)

    def node(self, script, env, what):
        """Runs a Node script that prints `ok <text>` and `FAIL <text>` lines and counts them."""
        seen, failed = self.passed + self.failed, self.failed
        process = subprocess.Popen(["node", str(script)], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in process.stdout:
            line = line.rstrip()
            if match := re.match(r"(ok|FAIL)\s+(.*)", line):
                (self.ok if match[1] == "ok" else self.fail)(match[2])
            else:
                print(f"         {line}", flush=True)
        if (process.wait() != 0 and self.failed == failed) or self.passed + self.failed == seen:
            self.fail(f"{what} ran to its end", f"exit code {process.returncode}")

    def close(self):
        """The closing line that scripts/test.sh reads; returns the exit code."""
        print(f"{self.name}: {self.passed} passed, {self.failed} failed", flush=True)
        return 0 if self.failed == 0 and (self.passed > 0 or self.skipped) else 1


def short(value, limit=400):
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= limit else text[:limit] + " …"


def die(message):
    print(message, file=sys.stderr)
    raise SystemExit(2)

"""A mail server on loopback that takes every letter and keeps it as a file."""
import socketserver
import threading
from pathlib import Path


class _Talk(socketserver.StreamRequestHandler):
    timeout = 30

    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")

    def handle(self):
        sender, to = "", []
        self.say("220 localhost ready")
        while line := self.rfile.readline():
            word, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
            word = word.upper()
            if word in ("HELO", "EHLO"):
                self.say("250 localhost")
            elif word == "MAIL":
                sender, to = rest, []
                self.say("250 ok")
            elif word == "RCPT":
                to.append(rest)
                self.say("250 ok")
            elif word == "DATA":
                self.say("354 go on")
                self.server.keep(sender, to, self.letter())
                self.say("250 kept")
            elif word == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok" if word in ("RSET", "NOOP") else "502 not here")

    def letter(self):
        lines = []
        while (line := self.rfile.readline()) and line.rstrip(b"\r\n") != b".":
            lines.append(line[1:] if line.startswith(b"..") else line)
        return b"".join(lines)


class Mailbox(socketserver.ThreadingTCPServer):
    """`with Mailbox(folder) as box:` listens on `box.port` and writes `0001.eml`, `0002.eml`, … into the folder."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, folder):
        super().__init__(("127.0.0.1", 0), _Talk)
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = self.server_address[1]
        self.lock = threading.Lock()
        self.count = 0

    def keep(self, sender, to, letter):
        with self.lock:
            self.count += 1
            head = f"X-Envelope-From: {sender}\r\n" + "".join(f"X-Envelope-To: {one}\r\n" for one in to)
            # The name last: whoever looks finds whole letters only.
            part = self.folder / f"{self.count:04}.part"
            part.write_bytes(head.encode() + letter)
            part.rename(self.folder / f"{self.count:04}.eml")

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

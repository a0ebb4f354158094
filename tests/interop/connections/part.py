"""Connections that stay open: an answer given before the request's body came must not cost the client its next request."""
import socket
import time

from support.server import Signet

PATHS = (
    "/no-such/", "/if/flow/default-authentication-flow/", "/static/dist/no-such.js", "/-/health/live/", "/-/metrics/",
    "/api/v3/no/such/", "/api/v3/core/users/", "/api/v3/flows/executor/no-such/", "/application/o/token/", "/application/o/no-such/jwks/",
)


def ask(connection, method, path, body=b"", pause=0.0):
    """One request, its body sent after a pause; (status, whether the server closes)."""
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode())
    time.sleep(pause)
    connection.sendall(body)
    answer = b""
    while b"\r\n\r\n" not in answer:
        if not (part := connection.recv(65536)):
            raise ConnectionError("closed without an answer")
        answer += part
    head, rest = answer.split(b"\r\n\r\n", 1)
    head = head.decode("latin-1").lower()
    length = next((int(line.split(":")[1]) for line in head.splitlines() if line.startswith("content-length:")), 0)
    while len(rest) < length:
        rest += connection.recv(65536)
    return int(head.split()[1]), "\nconnection: close" in head


def run(report, database):
    with Signet("connections", database) as server:
        for path in PATHS:
            with socket.create_connection(("127.0.0.1", server.http), timeout=10) as connection:
                try:
                    status, closes = ask(connection, "POST", path, b'{"name": "late"}', pause=0.05)
                    again = None if closes else ask(connection, "GET", "/-/health/live/")[0]
                    report.check(status < 500 and again in (None, 200), f"POST {path}: {status}, then the next request", f"{again}")
                except OSError as error:
                    report.fail(f"POST {path}, then the next request", error)

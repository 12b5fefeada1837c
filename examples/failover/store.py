#!/usr/bin/env python3
"""A stand-in for a database with a primary and a standby, and its client.

It keeps everything in memory. The primary sends each write to the standby before it confirms the write.

    store.py primary HOST PORT STANDBY_HOST STANDBY_PORT
    store.py standby HOST PORT
    store.py promote HOST PORT
    store.py client NAME FILE HOST PORT STANDBY_HOST STANDBY_PORT
    store.py verify FILE HOST PORT
"""

import socket
import socketserver
import sys
import time


class Link:
    """A connection to a server, which is made again after an error."""

    def __init__(self, host, port):
        self.address = (host, int(port))
        self.file = None

    def ask(self, line):
        """The answer to a line; an error that is an OSError if there is none."""
        try:
            if self.file is None:
                self.file = socket.create_connection(self.address, timeout=1).makefile("rw")
            self.file.write(line + "\n")
            self.file.flush()
            answer = self.file.readline()
            if not answer:
                raise ConnectionError("the connection was closed")
            return answer.strip()
        except OSError:
            self.file = None
            raise


def serve(host, port, standby):
    """Answers `set KEY VALUE`, `get KEY` and `promote`."""
    values = {}
    state = {"writable": standby is not None}

    def answer(words, link):
        if words[0] == "get":
            return values.get(words[1], "missing")
        if words[0] == "promote":
            state["writable"] = True
            return "ok"
        if words[0] == "set" and not state["writable"]:
            return "this is a standby"
        # `copy` comes from the primary.
        values[words[1]] = words[2]
        return link.ask("copy " + " ".join(words[1:])) if link else "ok"

    class Connection(socketserver.StreamRequestHandler):
        def handle(self):
            link = standby and Link(*standby)
            try:
                for line in self.rfile:
                    self.wfile.write((answer(line.decode().split(), link) + "\n").encode())
            except OSError:
                pass  # The client or the standby is gone; the connection is closed.

    socketserver.ThreadingTCPServer.allow_reuse_address = True
    socketserver.ThreadingTCPServer.daemon_threads = True
    with socketserver.ThreadingTCPServer((host, int(port)), Connection) as server:
        print("listening on", host, port, flush=True)
        server.serve_forever()


def client(name, path, servers):
    """Writes until it is stopped. The file gets each confirmed key with the time since the one before."""
    links = [Link(*server) for server in servers]
    confirmed, used, has_moved, last = 0, 0, False, time.monotonic()
    with open(path, "w", buffering=1) as record:
        while True:
            key = f"{name}-{confirmed + 1}"
            try:
                is_confirmed = links[used].ask(f"set {key} value-of-{key}") == "ok"
            except OSError:
                is_confirmed = False
            if not is_confirmed:
                used = 1 - used
                time.sleep(0.005)
                continue
            now = time.monotonic()
            confirmed += 1
            record.write(f"{key} {now - last:.6f}\n")
            if confirmed == 100:
                print("100 writes are confirmed", flush=True)
            if used == 1 and not has_moved:
                print(f"writes are confirmed again after {now - last:.3f} s", flush=True)
                has_moved = True
            last = now
            time.sleep(0.001)


def verify(path, server):
    """Looks for each confirmed key."""
    link = Link(*server)
    keys = [line.split()[0] for line in open(path)]
    lost = sum(link.ask(f"get {key}") != f"value-of-{key}" for key in keys)
    print(f"of {len(keys)} confirmed writes, {lost} are lost")
    return 1 if lost or not keys else 0


def main():
    match sys.argv[1:]:
        case ["primary", host, port, *standby] if len(standby) == 2:
            serve(host, port, standby)
        case ["standby", host, port]:
            serve(host, port, None)
        case ["promote", host, port]:
            print(Link(host, port).ask("promote"))
        case ["client", name, path, host, port, *standby] if len(standby) == 2:
            client(name, path, [(host, port), standby])
        case ["verify", path, host, port]:
            return verify(path, (host, port))
        case _:
            sys.exit(__doc__)
    return 0


sys.exit(main())

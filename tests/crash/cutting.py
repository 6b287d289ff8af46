"""A TCP proxy in front of a PostgreSQL server's Unix socket that spoils chosen COMMITs."""
import selectors
import socket
import struct
import threading

PASS = 'pass'
BEFORE = 'before'  # the connection is cut, the COMMIT never arrives
AFTER = 'after'  # it arrives, then the connection is cut
ANSWERED = 'answered'  # it arrives and is answered, then the connection is cut
SWALLOW = 'swallow'  # it arrives, and nothing that the server says comes back; the connection stays

COMMIT = b'Q' + struct.pack('!I', 11) + b'COMMIT\0'
RESET = struct.pack('ii', 1, 0)
PIECE = 1 << 16


class Proxy:
    """`decide(number)` is asked at each COMMIT that comes as a message of its own, from 1, what becomes of it. It does not
    understand TLS."""

    def __init__(self, server, decide=lambda number: PASS):
        self.server, self.decide = str(server), decide
        self.commits = 0
        self.links = set()
        self.selector = selectors.DefaultSelector()
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        self.waker, self.woken = socket.socketpair()
        self.selector.register(self.listener, selectors.EVENT_READ, self._accept)
        self.selector.register(self.woken, selectors.EVENT_READ)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def environment(self, cluster, database):
        return {**cluster.environment(database), 'PGHOST': '127.0.0.1', 'PGPORT': str(self.port)}

    def close(self):
        self.waker.close()
        self.thread.join()
        for link in list(self.links):
            link.cut()
        self.listener.close()
        self.woken.close()
        self.selector.close()

    def _run(self):
        while True:
            for key, _ in self.selector.select():
                if key.fileobj is self.woken:
                    return
                if key.fileobj.fileno() >= 0:  # else its link was cut a moment ago
                    key.data()

    def _accept(self):
        client, _ = self.listener.accept()
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(self.server)
        except OSError:
            server.close()
            client.close()
        else:
            Link(self, client, server)


class Link:
    """One connection. Every other one ends by a reset: a cut wire and a closed socket are not the same to a client."""

    def __init__(self, proxy, client, server):
        self.proxy, self.client, self.server = proxy, client, server
        self.fate = PASS
        proxy.links.add(self)
        proxy.selector.register(client, selectors.EVENT_READ, self._from_client)
        proxy.selector.register(server, selectors.EVENT_READ, self._from_server)

    def cut(self):
        if self.proxy.commits % 2:
            self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        for side in (self.client, self.server):
            self.proxy.selector.unregister(side)
            side.close()
        self.proxy.links.remove(self)

    def _from_client(self):
        try:
            data = self.client.recv(PIECE)
            if data == COMMIT:
                self.proxy.commits += 1
                self.fate = self.proxy.decide(self.proxy.commits)
            if data and self.fate != BEFORE:
                self.server.sendall(data)
            if not data or self.fate in (BEFORE, AFTER):
                self.cut()
        except OSError:
            self.cut()

    def _from_server(self):
        try:
            data = self.server.recv(PIECE)
            if not data or self.fate == ANSWERED:
                self.cut()
            elif self.fate != SWALLOW:
                self.client.sendall(data)
        except OSError:
            self.cut()

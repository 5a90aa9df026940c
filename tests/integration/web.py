"""Servers of the tests' own, on threads of the test: what they got is kept, what they answer is up to the test.

A Web is a context manager; `seen` holds every request that it got, in the order in which they came.
"""
import contextlib
import http.server
import ssl
import threading
import urllib.parse


class Request:
    """One request: method, path, query, headers, body; afterwards also status, and sent (bytes of the body)."""

    def __init__(self, handler, body):
        self.handler, self.body = handler, body
        self.method, self.headers = handler.command, handler.headers
        self.path, _, query = handler.path.partition("?")
        self.query = urllib.parse.parse_qs(query)
        self.status, self.sent = None, 0

    @property
    def form(self):
        """The fields of a form that was posted."""
        return {k: v[0] for k, v in urllib.parse.parse_qs(self.body.decode(), keep_blank_values=True).items()}

    def head(self, status, headers=()):
        """The status line and these headers alone."""
        self.status = status
        self.handler.send_response(status)
        for name, value in dict(headers).items():
            for one in value if isinstance(value, (list, tuple)) else [value]:
                self.handler.send_header(name, str(one))
        self.handler.end_headers()

    def write(self, data):
        if self.method != "HEAD":
            self.handler.wfile.write(data)
            self.sent += len(data)

    def reply(self, status, body=b"", headers=()):
        headers = {"Content-Type": "application/json", "Content-Length": len(body), **dict(headers)}
        self.head(status, {k: v for k, v in headers.items() if v is not None})
        self.write(body)

    def break_off(self):
        """Nothing more comes, and the connection ends."""
        self.handler.close_connection = True

    def __repr__(self):
        return "%s %s %s -> %s, %d bytes" % (self.method, self.path, self.headers.get("Range", ""), self.status, self.sent)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 120

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (ConnectionError, ssl.SSLError, TimeoutError):       # a client that went away, which is often the point
            self.close_connection = True

    def serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = Request(self, body)
        self.server.web.seen.append(request)
        self.server.web.answer(request)

    do_GET = do_HEAD = do_POST = do_CONNECT = serve

    def log_message(self, *_):
        pass

    def finish(self):
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            super().finish()


class Listener(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address, web, tls):
        self.web, self.tls = web, tls
        super().__init__(address, Handler)

    def finish_request(self, request, client_address):
        if self.tls:        # on the connection's own thread
            request = self.tls.wrap_socket(request, server_side=True)
        super().finish_request(request, client_address)

    def shutdown_request(self, request):
        with contextlib.suppress(OSError):
            super().shutdown_request(request)

    def handle_error(self, request, client_address):
        self.web.problems.append((client_address, threading.current_thread().name))


class Web:
    """tls: an ssl.SSLContext. Derive from it, or give `answer`, which gets each Request."""

    def __init__(self, answer=None, host="127.0.0.1", name="localhost", tls=None):
        self.seen, self.problems = [], []
        if answer:
            self.answer = answer
        self.listener = Listener((host, 0), self, tls)
        self.port = self.listener.server_address[1]
        self.address = "%s:%d" % (name, self.port)
        self.url = "%s://%s" % ("https" if tls else "http", self.address)
        self.thread = threading.Thread(target=self.listener.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def answer(self, request):
        request.reply(404)

    def stop(self):
        self.listener.shutdown()
        self.listener.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def server_context(cert, key, client_ca=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    if client_ca:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context

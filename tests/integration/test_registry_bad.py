"""A registry that does wrong: each time one line that names it and says what to do, the exit code of its class, and a store in which
the next run, with a registry that does right, finds nothing wrong.

Failures that may pass are tried again for 15 seconds: those cases wait side by side.
"""
import json
import os
import socket
import struct
import threading

import judge
import mkimage
import network
import samples
from fake_registry import (PAGE, FakeRegistry, Spoiled, cut, endless, errors, other_bytes, page, redirect, reply, reset)
from mkimage import Image, Layer
from registries import RegistryCase, storage
from web import Web

BLOB, MANIFEST, ANY = r"/blobs/", r"/manifests/", r"/v2/"


def together(works):
    """Functions on threads of their own; the first exception is raised."""
    failed = []

    def guarded(work):
        try:
            work()
        except BaseException as e:      # noqa: raised again below
            failed.append(e)
    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


def longer(status, headers, body):
    return status, headers, body + b"more"


def shorter(status, headers, body):
    return status, headers, body[:-7]


def resets(rq, _):
    """The connection is torn down, not closed."""
    rq.handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    rq.break_off()
    rq.handler.connection.close()


def garbage(rq, _):
    """No HTTP."""
    rq.handler.wfile.write(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")
    rq.break_off()


def long_header(rq, _):
    rq.reply(200, b"{}", {"X-Long": "x" * 60_000, "X-Longer": "y" * 60_000})


class BadCase(RegistryCase):
    def setUp(self):
        super().setUp()
        self.from_layout = self.layout(samples.image("gzip", "zstd", "gzip"))
        self.expected = self.of_layout(self.from_layout)

    def fake(self, *rules, **kw):
        server = self.served(FakeRegistry({"test/image": self.from_layout}, **kw))
        for rule in rules:
            server.on(*rule[:2], times=rule[2] if len(rule) > 2 else None)
        return server

    def once(self, server, folder, *args, **kw):
        os.makedirs(folder, exist_ok=True)
        out = os.path.join(folder, "out.ext4")
        done = judge.o2r("snapshot", server.address + "/test/image:latest", "-o", out, "--size=min", "--platform=linux/amd64",
                         "--cache", os.path.join(folder, "cache"), *args, **kw)
        return done, out

    def bad(self, name, server, code, words=(), *args, **kw):
        """Refused; then with a server that does right the image comes, from the same store."""
        folder = self.path(name)
        done, out = self.once(server, folder, *args, **kw)
        self.assertEqual(done.returncode, code, "%s: %s" % (name, done.stderr))
        lines = judge.problems(done.stderr)
        self.assertEqual((len(lines), lines[0][:5]), (1, "o2r: "), done.stderr)
        for word in (server.address, *words):
            self.assertIn(word, lines[0], name)
        self.assertNotIn("\x1b", done.stderr)
        self.assertFalse(os.path.exists(out), name)
        self.sound(folder, name)
        self.good(name, server, *args, **kw)
        return lines[0]

    def good(self, name, server, *args, **kw):
        server.behave()
        done, out = self.once(server, self.path(name), *args, **kw)
        self.assertEqual((done.returncode, judge.sha256(out) if done.returncode == 0 else None), (0, self.expected), "%s: %s" % (name, done.stderr))
        self.sound(self.path(name), name)
        os.unlink(out)

    def sound(self, folder, name):
        for digest, path in storage(os.path.join(folder, "cache"), "blobs").items():
            self.assertEqual(judge.sha256(path), digest, name)

    def passes(self, name, server, *args):
        """It comes all the same."""
        done, out = self.once(server, self.path(name), *args)
        self.assertEqual(done.returncode, 0, "%s: %s" % (name, done.stderr))
        self.assertEqual(judge.sha256(out), self.expected)
        self.sound(self.path(name), name)


class Answers(BadCase):
    def test_statuses(self):
        for name, pattern, rule, code, words in (
                ("denied", MANIFEST, errors(403, "DENIED", "requested access to the resource is denied"), 4, ["denied"]),
                ("unauthorized", MANIFEST, errors(401, "UNAUTHORIZED", WWW_Authenticate='Basic realm="r"'), 4, ["--creds"]),
                ("strange-challenge", MANIFEST, errors(401, "UNAUTHORIZED", WWW_Authenticate="Negotiate"), 4, []),
                ("no-challenge", MANIFEST, errors(401, "UNAUTHORIZED"), 4, []),
                ("unknown", MANIFEST, errors(404, "MANIFEST_UNKNOWN", "manifest unknown"), 3, ["latest"]),
                ("no-such-blob", BLOB, errors(404, "BLOB_UNKNOWN", "blob unknown"), 3, ["sha256:"]),
                ("denied-blob", BLOB, errors(403, "DENIED", "no"), 4, []),
                ("teapot", MANIFEST, errors(418, "TEAPOT", "short and stout"), 1, ["418"]),
                ("gone", MANIFEST, reply(410), 1, ["410"]),
                ("rate", MANIFEST, errors(429, "TOOMANYREQUESTS", "You have reached your pull rate limit", Retry_After=0, RateLimit_Limit="100;w=21600",
                                          RateLimit_Remaining="0;w=21600"), 1, ["429", "100", "limit"]),
                ("unavailable", MANIFEST, errors(503, "UNAVAILABLE", "later", Retry_After=0), 1, ["503"]),
                ("unavailable-blob", BLOB, reply(502, PAGE, Retry_After=0), 1, ["502"]),
                ("control", MANIFEST, errors(400, "X", "\x1b[2Jred\nline"), 1, ["400"])):
            with self.subTest(name):
                self.bad(name, self.fake((pattern, rule)), code, words)

    def test_that_pass(self):
        """What is tried again."""
        for status in (408, 429, 500, 502, 503, 504):
            with self.subTest(status):
                rule = errors(status, "LATER", Retry_After=0)
                self.passes("status-%d" % status, self.fake((MANIFEST, rule, 2), (BLOB, rule, 3)))

    def test_no_registry(self):
        for name, pattern, rule, code, words in (
                ("page", ANY, page(), 6, ["not"]),
                ("page-404", ANY, page(404), 3, []),
                ("page-403", ANY, page(403), 4, []),
                ("page-for-blobs", BLOB, page(), 6, ["sha256:"]),
                ("garbage", ANY, garbage, 1, []),
                ("long-header", ANY, long_header, 1, []),
                ("login-page", ANY, redirect("/login"), 3, [])):
            with self.subTest(name):
                self.bad(name, self.fake((pattern, rule)), code, words)

    def test_documents(self):
        def put(text):
            return reply(200, text, Content_Type=mkimage.MANIFEST["oci"])
        for name, text, code, words in (
                ("20-mb", b'{"x":"%s"}' % (b"x" * 20_000_000), 6, ["manifest=N"]), ("empty", b"", 6, []), ("cut", b'{"schemaVersion":2,', 6, []),
                ("list", b"[]", 6, []), ("deep", b"[" * 10_000, 6, []), ("binary", os.urandom(1000), 6, []),
                ("twice", b'{"layers":[],"layers":[]}', 6, ["twice"]), ("schema-1", b'{"schemaVersion":1,"fsLayers":[]}', 1, ["schema 1"]),
                ("both", b'{"schemaVersion":2,"manifests":[],"layers":[],"config":{}}', 6, [])):
            with self.subTest(name):
                self.bad(name, self.fake((MANIFEST, put(text))), code, words)
        with self.subTest("endless"):
            self.bad("endless", self.fake((MANIFEST, endless(b" " * 65536))), 6, ["manifest=N"])
        with self.subTest("endless error"):
            self.bad("endless-error", self.fake((MANIFEST, lambda rq, _: endless_error(rq))), 1, ["418"])

    def test_other_manifest_by_digest(self):
        """What was asked for by digest has to have it."""
        other = self.layout(samples.small())
        server = self.fake()
        digest = "sha256:" + "1" * 64
        with open(os.path.join(other, "index.json")) as f:
            path = os.path.join(other, "blobs", *json.load(f)["manifests"][0]["digest"].split(":"))
        with open(path, "rb") as f:
            server.on(MANIFEST, reply(200, f.read(), Content_Type=mkimage.MANIFEST["oci"], Docker_Content_Digest=digest))
        self.fails("%s/test/image@%s" % (server.address, digest), code=6, words=[digest])


def endless_error(rq):
    rq.head(418, {"Content-Type": "text/plain"})
    rq.break_off()
    while rq.sent < 1 << 26:
        rq.write(b"x" * 65536)


class Blobs(BadCase):
    def test_bytes(self):
        """Of a layer, and of the config."""
        for what, pattern in (("layer", r"/blobs/" + self.layers()[0]), ("config", r"/blobs/" + self.facts["manifests"][0]["config"])):
            digest = pattern.split("/")[-1]
            for name, rule, words in (
                    ("other", other_bytes(), [digest]), ("other-last", other_bytes(-1), [digest]), ("too-long", Spoiled(longer), []),
                    ("too-short", Spoiled(shorter), []), ("empty", Spoiled(lambda s, h, b: (s, h, b"")), []), ("endless", endless(), []),
                    ("too-long-unsaid", Spoiled(longer, length=None), []), ("created", Spoiled(lambda s, h, b: (204, h, b"")), None),
                    ("nonsense", reply(200, b"{}"), [])):
                with self.subTest(what, name=name):
                    self.bad(what + name, self.fake((pattern, rule)), 6 if words is not None else 1, [*words, "try again"] if words is not None else ())

    def test_wrong_ranges(self):
        """A resumed blob gets another part than was asked for, or says so."""
        def shifted(by, total=0):
            def change(status, headers, body):
                if status != 206:
                    return status, headers, body
                first, end, size = map(int, headers["Content-Range"].removeprefix("bytes ").replace("/", "-").split("-"))
                return status, {**headers, "Content-Range": "bytes %d-%d/%d" % (first + by, end + by, size + total)}, body
            return Spoiled(change)
        self.from_layout = self.layout(Image([Layer().file("large", samples.noise(3_000_000))]))
        self.expected = self.of_layout(self.from_layout)
        pattern = "/blobs/" + self.layers()[0]
        for name, rule in (("shifted", shifted(10)), ("back", shifted(-10)), ("other-total", shifted(0, 5)),
                           ("nonsense", Spoiled(lambda s, h, b: (s, {**h, "Content-Range": "bytes all"}, b))),
                           ("none", Spoiled(lambda s, h, b: (s, {k: v for k, v in h.items() if k != "Content-Range"}, b))),
                           ("other-bytes", other_bytes())):
            with self.subTest(name):
                # the first answer ends in the middle, after more than a mebibyte; the next ones are wrong
                server = self.fake((pattern, cut(1_500_000), 1), (pattern, rule))
                self.bad(name, server, 6)

    def test_that_pass(self):
        """A server without ranges, one that breaks off, and one that says less than it could."""
        self.from_layout = self.layout(Image([Layer().file("large", samples.noise(5_000_000)).file("n%d" % i, b"") for i in range(3)]))
        self.expected = self.of_layout(self.from_layout)
        whole = Spoiled(lambda s, h, b: (s, h, b), length=None)
        for name, rules, ranges in (("no-ranges", [(BLOB, cut(2_000_000), 1)], False), ("breaks", [(BLOB, cut(1_200_000), 3)], True),
                                    ("no-length", [(BLOB, whole)], True)):
            with self.subTest(name):
                self.passes(name, self.fake(*rules, ranges=ranges))


class Connections(BadCase):
    def test_redirects(self):
        web = self.served(Web(lambda rq: rq.reply(302, b"", {"Location": rq.path + "x"})))
        for name, pattern, rule, code, words in (
                ("loop", MANIFEST, redirect(lambda path: path), 1, ["redirect"]), ("loop-elsewhere", BLOB, redirect(web.url + "/"), 1, ["redirect"]),
                ("file", BLOB, redirect("file:///etc/passwd"), 1, []), ("ftp", BLOB, redirect("ftp://localhost/x"), 1, []),
                ("no-place", BLOB, reply(307), None, []), ("bad-place", BLOB, redirect("http://"), 1, [])):
            with self.subTest(name):
                server = self.fake((pattern, rule))
                if code is None:
                    done, _ = self.once(server, self.path(name))
                    self.assertIn(done.returncode, (1, 6), done.stderr)
                    self.assertIn(server.address, done.stderr)
                else:
                    self.bad(name, server, code, words)

    def test_refused(self):
        with socket.socket() as s:      # a port where nobody listens, as long as we hold it
            s.bind(("127.0.0.1", 0))
            address = "localhost:%d" % s.getsockname()[1]
            self.fails(address + "/test/image", code=1, words=["nobody listens"])

    def test_waiting(self):
        """What may pass is tried again, with pauses, and then given up."""
        space = network.Network()
        self.addCleanup(space.close)

        def unresolved():
            done = space.o2r("digest", "registry.example.com/test/image", "--no-cache")
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertRegex(done.stderr, r"\Ao2r: [^\n]*registry\.example\.com[^\n]*\n\Z")

        def unreachable():
            done = space.o2r("digest", "198.51.100.1/test/image", "--no-cache")
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertRegex(done.stderr, r"\Ao2r: [^\n]*198\.51\.100\.1[^\n]*\n\Z")
        servers = {name: self.fake((pattern, rule)) for name, pattern, rule in (
            ("reset", ANY, resets), ("closed", MANIFEST, reset), ("closed-blob", BLOB, reset), ("cut", BLOB, cut(1000)), ("cut-manifest", MANIFEST, cut(20)),
            ("cut-everywhere", ANY, cut(1)))}
        works = [lambda name=name, server=server: self.bad(name, server, 1) for name, server in servers.items()]
        passing = {name: self.fake((pattern, rule, 1)) for name, pattern, rule in (
            ("reset-once", MANIFEST, resets), ("closed-once", MANIFEST, reset), ("blob-once", BLOB, resets), ("cut-once", BLOB, cut(1000)))}
        works += [lambda name=name, server=server: self.passes(name, server) for name, server in passing.items()]
        together([unresolved, unreachable, *works])

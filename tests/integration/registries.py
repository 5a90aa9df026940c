"""Debian's docker-registry in its modes, and what the tests of registries share: a home of their own, images pushed, logs read.

A server never outlives the test: it is stopped by a cleanup, and the kernel kills it when the test dies.
"""
import collections
import contextlib
import http.client
import json
import os
import re
import signal
import ssl
import subprocess
import time
import urllib.parse

import judge
import viewing

ACCESS = re.compile(r'^\S+ - \S+ \[[^]]*\] "(\w+) (\S+) [^"]*" (\d+) (\d+) "', re.M)
LISTENING = re.compile(r'msg="listening on [^"]*:(\d+)')
LOOPBACK = "127.0.0.1"

# what of the environment speaks to container tools, and to what transfers files
FOREIGN = ("DOCKER_CONFIG", "DOCKER_AUTH_CONFIG", "REGISTRY_AUTH_FILE", "CONTAINERS_REGISTRIES_CONF", "XDG_CONFIG_HOME", "SSL_CERT_FILE",
           "SSL_CERT_DIR", "CURL_CA_BUNDLE", *(name for word in ("http", "https", "no", "all") for name in (word + "_proxy", word.upper() + "_PROXY")))

Access = collections.namedtuple("Access", "method path status bytes")


class Registry:
    """docker-registry; address is HOST:PORT. auth: the `auth` part of its configuration; tls: (certificate, key);
    client_ca: who signs the certificates of clients, which are wanted then, and client: one of these with its key, for the
    test itself; wrap: a command that runs it; more: other parts of the configuration."""

    def __init__(self, folder, name="localhost", host=LOOPBACK, auth=None, tls=None, client_ca=None, client=None, wrap=(), more=None):
        os.makedirs(folder, exist_ok=True)
        self.client = client
        self.folder, self.name, self.host, self.wrap, self.port = folder, name, host, list(wrap), 0
        self.log, self.child = os.path.join(folder, "log"), None
        self.http = {}
        if tls:
            self.http["tls"] = {"certificate": tls[0], "key": tls[1], **({"clientcas": [client_ca]} if client_ca else {})}
        self.config = {"version": "0.1", "log": {"level": "info", "accesslog": {"disabled": False}},
                       "storage": {"filesystem": {"rootdirectory": os.path.join(folder, "storage")}},
                       "compatibility": {"schema1": {"enabled": True}},
                       "validation": {"manifests": {"urls": {"allow": ["^https?://"]}}}, **(more or {})}
        if auth:
            self.config["auth"] = auth
        self.start()

    def start(self):
        """Again on the same port, after a stop."""
        path, begun = os.path.join(self.folder, "config.yml"), os.path.getsize(self.log) if os.path.exists(self.log) else 0
        with open(path, "w") as f:      # what is JSON is YAML
            json.dump({**self.config, "http": {"addr": "%s:%d" % (self.host, self.port), **self.http}}, f)
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen([*self.wrap, "setpriv", "--pdeathsig", "KILL", "docker-registry", "serve", path],
                                          stdin=subprocess.DEVNULL, stdout=log, stderr=log)

        def listening():
            """the registry listens"""
            with open(self.log, errors="backslashreplace") as f:
                f.seek(begun)
                text = f.read()
            assert self.child.poll() is None, "docker-registry ended: %s" % text
            return LISTENING.search(text)
        self.port = int(viewing.wait_for(listening)[1])
        self.address = "%s:%d" % (self.name, self.port)

    def stop(self):
        if self.child:
            self.child.kill()
            self.child.wait()
            self.child = None

    def connection(self):
        """A way in for the test itself, which trusts it."""
        if "tls" not in self.http:
            return http.client.HTTPConnection(self.host, self.port, timeout=60)
        context = ssl._create_unverified_context()      # noqa: it is on loopback
        if self.client:
            context.load_cert_chain(*self.client)
        return http.client.HTTPSConnection(self.host, self.port, timeout=60, context=context)

    def requests(self):
        """All that was asked for so far (GET): a request of our own is the last one in the log, and is left out."""
        mark = "/v2/mark-%s/tags/list" % os.urandom(6).hex()
        with contextlib.closing(self.connection()) as c:
            c.request("GET", mark)
            c.getresponse().read()

        def logged():
            """the registry's log is complete"""
            with open(self.log, errors="backslashreplace") as f:
                found = [Access(m[1], m[2], int(m[3]), int(m[4])) for m in ACCESS.finditer(f.read())]
            return found if any(a.path == mark for a in found) else None
        viewing.wait_for(logged)
        time.sleep(0.05)        # who was served before it may be noted after it
        return [a for a in logged() if a.method == "GET" and "/v2/mark-" not in a.path]

    def put(self, name, layout, tag="latest", index=None):
        """Push the image of a layout byte by byte as it stands there, documents and blobs; index: an entry's number. Its digest."""
        with open(os.path.join(layout, "index.json")) as f:
            entries = json.load(f)["manifests"]
        entry = entries[index or 0]
        self.put_manifest(name, layout, entry, tag)
        return entry["digest"]

    def put_manifest(self, name, layout, desc, tag=None):
        with open(os.path.join(layout, "blobs", *desc["digest"].split(":")), "rb") as f:
            data = f.read()
        value = json.loads(data)
        for inner in value.get("manifests", ()):
            self.put_manifest(name, layout, inner)
        for blob in [value["config"], *value["layers"]] if "config" in value else ():
            path = os.path.join(layout, "blobs", *blob["digest"].split(":"))
            if os.path.exists(path):
                self.put_blob(name, path, blob["digest"])
        with contextlib.closing(self.connection()) as c:
            c.request("PUT", "/v2/%s/manifests/%s" % (name, tag or desc["digest"]), data,
                      {"Content-Type": value.get("mediaType") or desc["mediaType"]})
            reply = c.getresponse()
            assert reply.status == 201, reply.read()

    def put_blob(self, name, path, digest):
        with contextlib.closing(self.connection()) as c:
            c.request("POST", "/v2/%s/blobs/uploads/" % name)
            reply = c.getresponse()
            reply.read()
            where = urllib.parse.urlsplit(reply.headers["Location"])
            with open(path, "rb") as f:
                c.request("PUT", "%s?%s&digest=%s" % (where.path, where.query, urllib.parse.quote(digest)), f,
                          {"Content-Type": "application/octet-stream", "Content-Length": str(os.path.getsize(path))})
                reply = c.getresponse()
                assert reply.status == 201, reply.read()


def skopeo(*args):
    return judge.run("skopeo", *args)


def storage(cache, kind):
    """name -> path of the files of a kind in a cache folder: blobs, names, partial; without what stands beside them."""
    folder = os.path.join(cache, kind, "sha256")
    return {name: os.path.join(folder, name) for name in sorted(os.listdir(folder)) if "." not in name} if os.path.isdir(folder) else {}


class RegistryCase(judge.Case):
    """Each case has a HOME of its own, and no proxies, credentials or settings but those that it makes."""

    GATE = False        # a pull for each mount: test_registry.py has the views

    def setUp(self):
        super().setUp()
        self.home = self.path("home")
        os.mkdir(self.home, 0o700)
        kept = {name: os.environ.get(name) for name in ("HOME", *FOREIGN)}
        self.addCleanup(lambda: [os.environ.pop(n, None) if v is None else os.environ.__setitem__(n, v) for n, v in kept.items()])
        for name in FOREIGN:
            os.environ.pop(name, None)
        os.environ["HOME"] = self.home
        self.write("home/.config/containers/registries.conf", "")       # not the machine's
        self.cache = self.path("cache")

    def write(self, name, text):
        """A file below the case's folder; its path."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb" if isinstance(text, bytes) else "w") as f:
            f.write(text)
        return path

    def registry(self, name="registry", **kw):
        found = Registry(self.path(name), **kw)
        self.addCleanup(found.stop)
        return found

    def served(self, web):
        """A Web of web.py that is stopped afterwards."""
        self.addCleanup(web.stop)
        return web

    def pushed(self, registry, layout, name="test/image", tag="latest", *options):
        """The reference of a layout's image, pushed by skopeo."""
        reference = "%s/%s:%s" % (registry.address, name, tag)
        skopeo("copy", "--quiet", "--preserve-digests", "--dest-tls-verify=false", *options, "oci:" + layout, "docker://" + reference)
        return reference

    def put(self, registry, layout, name="test/image", tag="latest"):
        registry.put(name, layout, tag)
        return "%s/%s:%s" % (registry.address, name, tag)

    def o2r(self, *args, code=0, cache=True, **kw):
        """The command with the case's cache folder."""
        done = judge.o2r(*args, *(["--cache", self.cache] if cache else []), **kw)
        self.assertEqual(done.returncode, code, "%s\n%s" % (" ".join(map(str, args)), done.stderr))
        return done

    def image(self, reference, *args, **kw):
        """SHA-256 of what `snapshot` makes of a reference."""
        out, self.info = self.snapshot(reference, "--size=min", "--cache", self.cache, *args, **kw)
        digest = judge.sha256(out)
        os.unlink(out)
        return digest

    def of_layout(self, layout, *args, **kw):
        """The same of a layout, without any cache."""
        out, _ = self.snapshot(layout, "--size=min", "--no-cache", *args, **kw)
        digest = judge.sha256(out)
        os.unlink(out)
        return digest

    def same(self, reference, layout, *args, **kw):
        """A snapshot of the registry's image is that of the layout, byte for byte; and the store holds nothing that is wrong."""
        self.assertEqual(self.image(reference, *args, **kw), self.of_layout(layout, **kw))
        self.whole()

    def blobs(self):
        return storage(self.cache, "blobs")

    def whole(self):
        """Every blob of the store is what its name says."""
        for name, path in self.blobs().items():
            self.assertEqual(judge.sha256(path), name)

    def fails(self, reference, *args, code, words=(), **kw):
        """Refused with one line that names the registry; the line."""
        line = self.refused(reference, "--cache", self.cache, *args, code=code, words=[*words, reference.split("/")[0]], **kw)
        self.whole()
        return line

    def layers(self):
        """The digests of the layers of the layout made last."""
        return [layer["digest"] for layer in self.facts["manifests"][0]["layers"]]


def fetched(requests):
    """digest -> bytes, of the blobs that a log says were sent."""
    found = collections.Counter()
    for rq in requests:
        match = re.search(r"/blobs/(sha256:\w+)$", rq.path)
        if match and rq.method == "GET" and rq.status in (200, 206):
            found[match[1]] += rq.bytes if isinstance(rq, Access) else rq.sent
    return found


def killed(child):
    """By SIGKILL, at once; whether it was still running."""
    if child.poll() is not None:
        return False
    child.send_signal(signal.SIGKILL)
    child.wait()
    return True

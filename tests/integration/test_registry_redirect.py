"""Where requests go: blobs that are elsewhere, proxies, and what registries.conf says."""
import os
import time

import judge
import network
import samples
from certificates import Authority
from fake_registry import FakeRegistry, Spoiled, cut, errors, redirect, reply
from mkimage import Image, Layer
from registries import RegistryCase, fetched
from web import Web, server_context


class RedirectCase(RegistryCase):
    def setUp(self):
        super().setUp()
        self.from_layout = self.layout(samples.image("gzip"))
        self.expected = self.of_layout(self.from_layout)

    def fake(self, **kw):
        return self.served(FakeRegistry({"test/image": self.from_layout}, **kw))

    def pull(self, reference, *args, code=0, words=(), run=judge.o2r, **kw):
        self.cache = self.new(".cache")
        done = run("snapshot", reference, "-o", self.path("out.ext4"), "--force", "--size=min", "--platform=linux/amd64", "--cache", self.cache, *args, **kw)
        self.assertEqual(done.returncode, code, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
        if code == 0:
            self.assertEqual(judge.sha256(self.path("out.ext4")), self.expected)
            self.whole()
        return done.stderr


class Redirects(RedirectCase):
    def test_blobs_elsewhere(self):
        """As registries do that keep them in an object store: another host, relative places, several steps."""
        store = self.fake(host="127.0.0.2", name="127.0.0.2")
        for where in (lambda path: store.url + path, lambda path: "//%s%s" % (store.address, path)):
            server = self.fake().on("/blobs/", redirect(where))
            store.seen.clear()
            self.pull(server.address + "/test/image:latest")
            self.assertEqual(set(fetched(store.seen)), {*self.layers(), self.facts["manifests"][0]["config"]})
        # where it leads is another matter each time: nothing is remembered of it
        server = self.fake().on("/blobs/", lambda rq, registry: redirect(rq.path + "?step=%d" % (len(rq.query) and int(rq.query["step"][0]) + 1))(rq, registry)
                                if not rq.query or int(rq.query["step"][0]) < 4 else NotImplemented)
        self.pull(server.address + "/test/image:latest")

    def test_ranges_go_along(self):
        """A broken blob is asked for at the registry again, which may send us elsewhere by now."""
        self.from_layout = self.layout(Image([Layer().file("f", samples.noise(3_000_000))]))
        self.expected = self.of_layout(self.from_layout)
        store, other = self.fake(), self.fake()
        store.on("/blobs/" + self.layers()[0], cut(2_000_000), times=1)
        where = [store.url, other.url]
        server = self.fake().on("/blobs/" + self.layers()[0], lambda rq, registry: redirect((where.pop(0) if len(where) > 1 else where[0]) + rq.path)(rq, registry))
        self.pull(server.address + "/test/image:latest")
        self.assertTrue(any("Range" in rq.headers for rq in other.seen))

    def test_https_to_http(self):
        authority = Authority(self.path("authority"))
        tls = server_context(*authority.issue("server"))
        plain = self.fake()
        server = self.fake(tls=tls).on("/blobs/", redirect(lambda path: plain.url + path))
        with open(authority.crt) as f:
            certs = os.path.dirname(self.write("certs/ca.crt", f.read()))
        line = self.pull(server.address + "/test/image:latest", "--cert-dir", certs, code=1, words=[server.address, "http"])
        self.assertEqual(plain.seen, [], line)
        # from http to https that is verified, and from https to https
        secure = self.fake(tls=tls)
        first = self.fake().on("/blobs/", redirect(lambda path: secure.url + path))
        self.pull(first.address + "/test/image:latest", code=4, words=["certificate", secure.address])
        for first in (self.fake(), self.fake(tls=tls)):
            first.on("/blobs/", redirect(lambda path: secure.url + path))
            self.pull(first.address + "/test/image:latest", "--cert-dir", certs)      # the authority is the registry's, and of its storage

    def test_loop(self):
        server = self.fake().on("/manifests/", redirect(lambda path: path))
        self.pull(server.address + "/test/image:latest", code=1, words=["redirect", server.address])
        self.assertLessEqual(len([rq for rq in server.seen if rq.method == "GET"]), 12)


class Proxies(RedirectCase):
    def setUp(self):
        super().setUp()
        self.network = network.Network()
        self.addCleanup(self.network.close)
        self.server = self.served(self.network.inside(lambda: FakeRegistry({"test/image": self.from_layout}, host=network.ADDRESS, name="registry.example.com")))
        self.reference = self.server.address + "/test/image:latest"
        self.proxy = self.served(self.network.inside(lambda: Web(self.pass_on)))

    def pass_on(self, rq):
        """An http proxy: it gets whole URLs, and answers as the registry."""
        rq.path = rq.path.removeprefix("http://" + self.server.address)
        self.server.answer(rq)

    def test_used(self):
        """In either case of the name; a host that is only known to the proxy."""
        for name in ("http_proxy", "HTTP_PROXY"):
            with self.subTest(name):
                self.proxy.seen.clear()
                self.pull(self.reference, "--insecure", env={name: "http://" + self.proxy.address, "https_proxy": "http://" + self.proxy.address}, run=self.network.o2r)
                self.assertTrue(any("/manifests/" in rq.path for rq in self.proxy.seen))
        self.assertEqual(self.server.seen, [])

    def test_not_for_loopback(self):
        server, proxy = self.fake(), self.served(Web())
        env = {name: proxy.url for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")}
        self.pull(server.address + "/test/image:latest", env=env)
        self.assertEqual(proxy.seen, [])

    def test_exceptions(self):
        reference = "%s:%d/test/image:latest" % (network.ADDRESS, self.server.port)
        for exception in (network.ADDRESS, "192.0.2.0/24", "*", "example.com,192.0.2.77:%d" % self.server.port):
            with self.subTest(exception):
                self.proxy.seen.clear()
                self.pull(reference, "--insecure", env={"http_proxy": self.proxy.url, "https_proxy": self.proxy.url, "NO_PROXY": exception}, run=self.network.o2r)
                self.assertEqual(self.proxy.seen, [])

    def test_https_by_connect(self):
        """Only the name of the host and what TLS carries."""
        self.proxy.answer = lambda rq: rq.reply(403)
        line = self.pull("registry.example.com/test/image", env={"HTTPS_PROXY": self.proxy.url}, code=4, run=self.network.o2r)
        self.assertEqual([(rq.method, rq.path) for rq in self.proxy.seen][:1], [("CONNECT", "registry.example.com:443")], line)


class RegistriesConf(RedirectCase):
    def conf(self, text):
        return self.write("home/.config/containers/registries.conf", text)

    def test_blocked(self):
        server = self.fake()
        path = self.conf('[[registry]]\nprefix = "%s/test"\nblocked = true\n' % server.address)
        self.pull(server.address + "/test/image:latest", code=4, words=[server.address, "blocked"])
        self.assertEqual(server.seen, [])
        os.unlink(path)
        self.write("other.conf", '[[registry]]\nlocation = "%s"\nblocked = true\n' % server.address)
        self.pull(server.address + "/test/image:latest", code=4, words=["blocked"], env={"CONTAINERS_REGISTRIES_CONF": self.path("other.conf")})

    def test_mirrors(self):
        """In their order; one that does not have it, or does not answer, is passed over."""
        for name, rule in (("has it", None), ("404", errors(404, "NAME_UNKNOWN")), ("500", reply(500)), ("page", reply(200, b"<html>"))):
            with self.subTest(name):
                server, mirror = self.fake(), self.fake()
                mirror.images = {"cache/image": self.from_layout}
                if rule:
                    mirror.on("/v2/", rule)
                self.conf('[[registry]]\nlocation = "%s/test"\n[[registry.mirror]]\nlocation = "localhost:1/none"\n'
                          '[[registry.mirror]]\nlocation = "%s/cache"\n' % (server.address, mirror.address))
                self.pull(server.address + "/test/image:latest")
                self.assertTrue(mirror.seen)
                self.assertEqual(server.seen == [], rule is None)

    def test_mirror_that_lies(self):
        """By digest it can do no harm."""
        server, mirror = self.fake(), self.fake()
        mirror.on("/v2/", reply(200, b'{"schemaVersion":2}'))
        self.conf('[[registry]]\nlocation = "%s"\n[[registry.mirror]]\nlocation = "%s"\n' % (server.address, mirror.address))
        self.pull("%s/test/image@%s" % (server.address, self.facts["manifests"][0]["digest"]))
        self.assertTrue(mirror.seen and server.seen)

    def lying(self, image):
        """Layers of the mirror have one other byte at their ends, and come slowly; the reference."""
        layout = self.layout(image)
        server, mirror = (self.served(FakeRegistry({"test/image": layout})) for _ in range(2))
        spoil = Spoiled(lambda status, headers, body: (status, headers, body[:-1] + bytes([body[-1] ^ 1])))

        def slowly(rq, registry):
            whole = rq.write
            rq.write = lambda data: [(whole(data[at:at + (1 << 17)]), time.sleep(0.02)) for at in range(0, len(data), 1 << 17)]
            spoil(rq, registry)
        for digest in self.layers():
            mirror.on("/blobs/" + digest, slowly)
        self.conf('[[registry]]\nlocation = "%s"\n[[registry.mirror]]\nlocation = "%s"\n' % (server.address, mirror.address))
        return layout, server.address + "/test/image:latest"

    def test_mirror_that_spoils_all_layers(self):
        """Which are on their way at the same time: each is fetched anew from the registry."""
        layout, reference = self.lying(Image([Layer().file("f%d" % i, samples.noise(600000, i)) for i in range(4)], codec="gzip"))
        self.same(reference, layout)

    def test_wrong_twice(self):
        """The kept blob is damaged and the mirror's is wrong, while both are read."""
        layout, reference = self.lying(Image([Layer().file("f", samples.noise(3 << 20, 1))], codec="gzip"))
        digest = self.layers()[0]
        folder = os.path.join(self.cache, "blobs/sha256")
        with open(os.path.join(layout, "blobs", *digest.split(":")), "rb") as f:
            data = f.read()
        self.o2r("digest", reference)       # makes the cache folder
        self.write("cache/blobs/" + digest.replace(":", "/"), data[:-1] + bytes([data[-1] ^ 1]))
        self.assertIn(digest[7:], os.listdir(folder))
        self.same(reference, layout)

    def test_digest_only(self):
        server, mirror = self.fake(), self.fake()
        self.conf('[[registry]]\nlocation = "%s"\n[[registry.mirror]]\nlocation = "%s"\npull-from-mirror = "digest-only"\n' % (server.address, mirror.address))
        self.pull(server.address + "/test/image:latest")
        self.assertFalse([rq for rq in mirror.seen if rq.path.endswith("/latest")])
        mirror.seen.clear()
        self.pull("%s/test/image@%s" % (server.address, self.facts["manifests"][0]["digest"]))
        self.assertTrue([rq for rq in mirror.seen if "/manifests/" in rq.path])

    def test_rewritten(self):
        server = self.fake()
        self.conf('[[registry]]\nprefix = "registry.example.com/team"\nlocation = "%s/test"\n' % server.address)
        self.pull("registry.example.com/team/image:latest")

    def test_drop_ins(self):
        server = self.fake()
        self.write("home/.config/containers/registries.conf.d/10-block.conf", '[[registry]]\nlocation = "%s"\nblocked = true\n' % server.address)
        self.pull(server.address + "/test/image:latest", code=4, words=["blocked"])

    def test_damaged(self):
        server = self.fake()
        path = self.conf('unqualified-search-registries = ["docker.io"]\n\n[[registry]\n')
        self.pull(server.address + "/test/image:latest", code=6, words=[path, "3"])

    def test_credentials_of_a_mirror_are_its_own(self):
        server, mirror = self.fake(), self.fake()
        mirror.on("/v2/", errors(401, "UNAUTHORIZED", WWW_Authenticate='Basic realm="r"'))
        self.conf('[[registry]]\nlocation = "%s"\n[[registry.mirror]]\nlocation = "%s"\n' % (server.address, mirror.address))
        self.pull(server.address + "/test/image:latest", "--creds=alice:secret")
        self.assertEqual([rq for rq in mirror.seen if "Authorization" in rq.headers], [])

"""Certificates: authorities that are known and unknown, clients that must show who they are, and what insecure means."""
import os
import shutil

import judge
import network
import samples
from certificates import Authority
from fake_registry import FakeRegistry
from registries import RegistryCase
from web import server_context


class Tls(RegistryCase):
    def setUp(self):
        super().setUp()
        self.from_layout = self.layout(samples.small())
        self.authority = Authority(self.path("authority"))
        self.pair = self.authority.issue("server")

    def server(self, name="tls", **kw):
        """A registry that speaks TLS; its image's reference."""
        registry = self.registry(name, tls=self.pair, **kw)
        self.address = registry.address
        return self.put(registry, self.from_layout)

    def certs(self, folder, *files):
        """A folder of copies: (name, source)."""
        path = self.path(folder)
        os.makedirs(path, exist_ok=True)
        for name, source in files:
            shutil.copy(source, os.path.join(path, name))
        return path

    def test_authority(self):
        reference = self.server()
        self.same(reference, self.from_layout, "--cert-dir", self.certs("certs", ("ca.crt", self.authority.crt)))
        for where in (".config/containers", ):
            self.cache = self.new(".cache")
            folder = self.certs("home/%s/certs.d/%s" % (where, self.address), ("any.crt", self.authority.crt))
            self.same(reference, self.from_layout)
            shutil.rmtree(folder)
        # of another port, or none: not for this registry
        self.cache = self.new(".cache")
        self.certs("home/.config/containers/certs.d/localhost", ("ca.crt", self.authority.crt))
        self.certs("home/.config/containers/certs.d/localhost:1", ("ca.crt", self.authority.crt))
        self.fails(reference, code=4, words=["certificate"])

    def test_system_authorities(self):
        """As other programs are told of them."""
        self.same(self.server(), self.from_layout, env={"SSL_CERT_FILE": self.authority.crt})

    def test_unknown_authority(self):
        reference, other = self.server(), Authority(self.path("other"), "another authority")
        self.fails(reference, code=4, words=["certificate", "--cert-dir"])
        self.fails(reference, "--cert-dir", self.certs("certs", ("ca.crt", other.crt)), code=4, words=["certificate"])
        self.fails(reference, "--tls-verify=true", code=4, words=["certificate"])

    def test_wrong_name(self):
        """A certificate of a known authority for another host."""
        self.pair = self.authority.issue("elsewhere", ["registry.example.com"])
        self.fails(self.server(), "--cert-dir", self.certs("certs", ("ca.crt", self.authority.crt)), code=4, words=["certificate"])

    def test_insecure(self):
        reference = self.server()
        for option in ("--insecure", "--tls-verify=false"):
            with self.subTest(option):
                self.cache = self.new(".cache")
                self.same(reference, self.from_layout, option)

    def test_clients(self):
        client = self.authority.issue("client")
        reference = self.server(client_ca=self.authority.crt, client=client)
        ca, cert, key = ("ca.crt", self.authority.crt), ("me.cert", client[0]), ("me.key", client[1])
        self.same(reference, self.from_layout, "--cert-dir", self.certs("all", ca, cert, key))
        self.cache = self.new(".cache")
        self.certs("home/.config/containers/certs.d/" + self.address, ca, cert, key)
        self.same(reference, self.from_layout)
        self.cache = self.new(".cache")
        self.fails(reference, "--cert-dir", self.certs("none", ca), code=4, words=["certificate"])
        other = Authority(self.path("other authority")).issue("client")
        self.fails(reference, "--cert-dir", self.certs("other", ca, ("me.cert", other[0]), ("me.key", other[1])), code=4, words=["certificate"])
        for files in ((ca, cert), (ca, key)):
            folder = self.certs(self.new(".half"), *files)
            line = self.refused(reference, "--cache", self.cache, "--cert-dir", folder, code=4, words=[folder])
            self.assertRegex(line, r"me\.(cert|key)")

    def test_mirrors(self):
        """--cert-dir is for all that are asked; of certs.d each gets what is its own, so the mirror is shown no certificate here."""
        client = self.authority.issue("client")
        reference = self.server("mirror", client_ca=self.authority.crt, client=client)
        ca, cert, key = ("ca.crt", self.authority.crt), ("me.cert", client[0]), ("me.key", client[1])
        server = self.served(FakeRegistry({}))
        self.write("home/.config/containers/registries.conf", '[[registry]]\nlocation = "%s"\n[[registry.mirror]]\nlocation = "%s"\n' % (
            server.address, self.address))
        named = reference.replace(self.address, server.address)
        self.same(named, self.from_layout, "--cert-dir", self.certs("all", ca, cert, key))
        self.assertEqual(server.seen, [])
        self.cache = self.new(".cache")
        self.certs("home/.config/containers/certs.d/" + self.address, ca)
        self.certs("home/.config/containers/certs.d/" + server.address, ca, cert, key)
        self.fails(named, code=3)
        self.assertTrue(server.seen)

    def test_bad_files(self):
        reference = self.server()
        self.write("bad/ca.crt", "no certificate\n")
        line = self.refused(reference, "--cache", self.cache, "--cert-dir", self.path("bad"), code=6, words=["bad/ca.crt"])
        self.assertNotIn("\n", line)
        self.refused(reference, "--cache", self.cache, "--cert-dir", self.path("none"), code=3, words=[self.path("none")])


class Schemes(RegistryCase):
    """http by itself is for loopback only."""

    def setUp(self):
        super().setUp()
        self.from_layout = self.layout(samples.small())
        self.network = network.Network()
        self.addCleanup(self.network.close)

    def outside(self, **web):
        """A registry on an address that is no loopback, where only commands of the namespace come."""
        return self.served(self.network.inside(lambda: FakeRegistry({"test/image": self.from_layout}, host=network.ADDRESS, name=network.ADDRESS, **web)))

    def pull(self, reference, *args, code=0, words=(), **kw):
        self.cache = self.new(".cache")
        done = self.network.o2r("snapshot", reference, "-o", self.path("out.ext4"), "--force", "--size=min", "--platform=linux/amd64",
                                "--cache", self.cache, *args, **kw)
        self.assertEqual(done.returncode, code, done.stderr)
        if code == 0:
            self.assertEqual(judge.sha256(self.path("out.ext4")), self.of_layout(self.from_layout))
        for word in words:
            self.assertIn(word, done.stderr)

    def test_http_on_loopback(self):
        for name in ("localhost", "127.0.0.1"):
            with self.subTest(name):
                registry = self.registry(name)
                reference = self.put(registry, self.from_layout).replace("localhost", name)
                self.same(reference, self.from_layout)
        registry = self.served(FakeRegistry({"test/image": self.from_layout}, host="127.0.0.9", name="127.0.0.9"))
        self.same(registry.address + "/test/image:latest", self.from_layout)

    def test_http_elsewhere(self):
        server = self.outside()
        reference = server.address + "/test/image:latest"
        self.pull(reference, code=1, words=[server.address, "--tls-verify=false"])
        self.assertEqual([rq for rq in server.seen if rq.method == "GET"], [])
        self.pull(reference, "--tls-verify=true", code=1)
        for option in ("--insecure", "--tls-verify=false"):
            self.pull(reference, option)

    def test_registries_conf(self):
        server = self.outside()
        self.write("home/.config/containers/registries.conf", '[[registry]]\nlocation = "%s"\ninsecure = true\n' % server.address)
        self.pull(server.address + "/test/image:latest")
        self.pull(server.address + "/test/image:latest", "--tls-verify=true", code=1)

    def test_https_elsewhere(self):
        authority = Authority(self.path("authority"))
        server = self.outside(tls=server_context(*authority.issue("server", [network.ADDRESS])))
        reference = server.address + "/test/image:latest"
        self.pull(reference, code=4, words=[server.address, "certificate"])
        os.mkdir(self.path("certs"))
        shutil.copy(authority.crt, self.path("certs"))
        self.pull(reference, "--cert-dir", self.path("certs"))
        self.pull(reference, "--insecure")

    def test_no_secret_over_http_that_nobody_asked_for(self):
        """A loopback registry that does not speak TLS gets passwords (nobody listens in on it); what is insecure gets them as told."""
        server = self.outside()
        server.on("/v2/", lambda rq, registry: NotImplemented if "Authorization" in rq.headers else registry.refuse(
            rq, 401, "UNAUTHORIZED", "who?", {"WWW-Authenticate": 'Basic realm="r"'}))
        self.pull(server.address + "/test/image:latest", "--creds=alice:secret", code=1)
        self.assertEqual([rq for rq in server.seen if "Authorization" in rq.headers], [])
        self.pull(server.address + "/test/image:latest", "--creds=alice:secret", "--insecure")

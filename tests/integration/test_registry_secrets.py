"""Secrets are in no message at any level, in no argument list, and reach nobody but whom they are for."""
import contextlib
import os

import judge
import network
from credentials import IDENTITY, PASSWORD, USER, BearerRegistry, CredentialCase, basic
from fake_registry import PAGE, FakeRegistry, errors, redirect
from token_server import TokenServer
from web import Web

CREDS = "%s:%s" % (USER, PASSWORD)
LOUD = {"O2R_LOG": "trace"}


class Secrets(CredentialCase):
    def secret(self, *more):
        """What must not be seen: as it is, and in the ways in which it is sent."""
        quoted = [PASSWORD.replace(" ", by).replace("/", "%2F").replace("+", "%2B").replace("%s", "%25s") for by in ("+", "%20")]
        return [PASSWORD, PASSWORD.split(" ")[0], basic(), basic().rstrip("="), IDENTITY, *quoted, *more]

    def silent(self, reference, *args, code=0, more=(), **kw):
        """Run with all that can be told, the secrets are not among it. What was told."""
        self.cache = self.new(".cache")
        done = judge.o2r("snapshot", reference, "-o", self.path("out.ext4"), "--force", "--platform=linux/amd64", "--cache", self.cache, "-vvvv", *args, **kw)
        self.assertEqual(done.returncode, code, done.stderr)
        said = done.stderr + done.stdout.decode()
        for secret in self.secret(*more):
            self.assertNotIn(secret, said)
        self.assertNotIn("Bearer opaque", said)
        for where, _, names in os.walk(self.cache):
            for name in names:
                with open(os.path.join(where, name), "rb") as f:
                    data = f.read()
                for secret in self.secret(*more):
                    self.assertNotIn(secret.encode(), data, name)
        return said

    def test_basic(self):
        reference = self.htpasswd()
        said = self.silent(reference, "--creds=" + CREDS)
        self.assertGreater(len(said.splitlines()), 3, "there is something told at all")
        self.silent(reference.replace("image", "none"), "--creds=" + CREDS, code=3)
        self.silent(reference, "--creds=%s:%s" % (USER, PASSWORD + "x"), code=4)
        path = self.authfile("auth.json", {self.server.address: {"auth": basic()}})
        self.silent(reference, "--authfile", path)

    def test_token(self):
        reference = self.token(refresh=IDENTITY)
        self.silent(reference, "--creds=" + CREDS)
        path = self.authfile("auth.json", {self.server.address: {"identitytoken": IDENTITY}})
        self.silent(reference, "--authfile", path)
        tokens = list(self.tokens.tokens)
        for token in tokens:
            self.silent(reference, "--authfile", self.authfile("auth.json", {self.server.address: {"registrytoken": token}}), more=(token, token.split(".")[2]))
        self.tokens.users, self.tokens.refresh = {}, None
        self.silent(reference, "--creds=" + CREDS, code=4)
        self.silent(reference, "--authfile", self.authfile("auth.json", {self.server.address: {"identitytoken": IDENTITY}}), code=4)

    def test_servers_that_repeat_them(self):
        """An error document, a page or a warning that holds what was sent is not shown as it is."""
        def echo(status):
            def do(rq, registry):
                given = rq.headers.get("Authorization")
                if not given:
                    return registry.refuse(rq, 401, "UNAUTHORIZED", "who?", {"WWW-Authenticate": 'Basic realm="r"'})
                registry.refuse(rq, status, "DENIED", "no: " + given, {"WWW-Authenticate": 'Basic realm="%s"' % given, "Warning": '299 - "%s"' % given})
            return do
        for status, code in ((401, 4), (403, 4), (404, 3)):
            with self.subTest(status):
                server = self.served(FakeRegistry({"test/image": self.from_layout})).on("/v2/", echo(status))
                self.silent(server.address + "/test/image:latest", "--creds=" + CREDS, code=code)

    def test_token_server_that_fails(self):
        tokens = self.served(TokenServer(users={USER: PASSWORD}))
        server = self.served(BearerRegistry({"test/image": self.from_layout}, tokens))
        for answer in (lambda rq: rq.reply(200, b'{"token": 7}'), lambda rq: rq.reply(200, b"{}"), lambda rq: rq.reply(200, PAGE),
                       lambda rq: rq.reply(200, b'{"token": "bad token\\r\\nX-Header: y"}'), lambda rq: rq.reply(200, b'{"token": "%s' % basic().encode()),
                       lambda rq: rq.reply(302, b"", {"Location": "http://127.0.0.3:1/?" + basic()}), lambda rq: rq.break_off()):
            with self.subTest(answer):
                tokens.answer = answer
                self.cache = self.new(".cache")
                done = judge.o2r("digest", server.address + "/test/image", "--cache", self.cache, "--creds=" + CREDS, "-vvvv")
                self.assertIn(done.returncode, (1, 4, 6), done.stderr)
                for secret in self.secret():
                    self.assertNotIn(secret, done.stderr)

    def test_helpers(self):
        """They get the name of the registry on standard input, and no secret in any way."""
        reference = self.htpasswd()
        folder = self.helper("mine")
        self.authfile("home/.docker/config.json", {}, credsStore="mine")
        self.silent(reference)
        for name in ("cmdline", "argv", "stdin"):
            with open(os.path.join(folder, name), errors="replace") as f:
                text = f.read()
            for secret in self.secret():
                self.assertNotIn(secret, text)

    def test_process(self):
        """What others see of a pull whose password comes by standard input."""
        seen = []

        def look(rq, registry):
            for pid in filter(str.isdigit, os.listdir("/proc")):
                with contextlib.suppress(OSError), open("/proc/%s/cmdline" % pid, "rb") as f:
                    line = f.read().decode(errors="replace")
                    if self.work in line:
                        seen.append(line)
            if rq.headers.get("Authorization") != "Basic " + basic():
                return registry.refuse(rq, 401, "UNAUTHORIZED", "authentication required", {"WWW-Authenticate": 'Basic realm="r"'})
            return NotImplemented
        server = self.served(FakeRegistry({"test/image": self.from_layout})).on("/v2/", look)
        with open(self.write("stdin", PASSWORD)) as f:
            self.silent(server.address + "/test/image:latest", "--username", USER, "--password-stdin", stdin=f)
        self.assertTrue(seen)
        for line in seen:
            for secret in self.secret():
                self.assertNotIn(secret, line)


    def test_signed_places(self):
        """What a redirect's query holds is as good as a password for a while."""
        store = self.served(FakeRegistry({"test/image": self.from_layout}))
        server = self.served(FakeRegistry({"test/image": self.from_layout}))
        server.on("/blobs/", redirect(lambda path: store.url + path + "?X-Amz-Signature=5ecret5ignature"))
        reference = server.address + "/test/image:latest"
        for rule, code in ((None, 0), (errors(403, "DENIED"), 4), (errors(418, "X"), 1), (redirect("http://localhost:1/?sig=5ecret5ignature"), 1)):
            with self.subTest(code=code):
                if rule:
                    store.behave().on("/blobs/", rule)
                self.silent(reference, code=code, more=("5ecret5ignature",))

    def test_proxies(self):
        """The password of a proxy is for the proxy."""
        space = network.Network()
        self.addCleanup(space.close)
        proxy = self.served(space.inside(Web))
        for status in (407, 403, 502):
            proxy.answer = lambda rq, status=status: rq.reply(status)
            for where in (proxy.address, "localhost:1", "nowhere.invalid:3"):
                for name, args in (("registry.example.com:5000", ["--insecure"]), ("registry.example.com", [])):
                    with self.subTest(name, status=status, where=where):
                        url = "http://%s:5ecret@%s" % (USER, where)
                        done = space.o2r("digest", name + "/test/image", "--no-cache", "-vvvv", *args, env={"http_proxy": url, "https_proxy": url})
                        self.assertIn(done.returncode, (1, 4), done.stderr)
                        self.assertNotIn("5ecret", done.stderr)
                        self.assertNotIn(basic(USER, "5ecret"), done.stderr)
        self.assertTrue(proxy.seen)


class Places(CredentialCase):
    """A password in a name or a URL, where none belongs: what is wrong is told without it."""

    def unsaid(self, *args, code, words=(), **kw):
        done = judge.o2r("digest", *args, "--no-cache", "-vvvv", **kw)
        self.assertEqual(done.returncode, code, done.stderr)
        for word in ("5ecret", basic(USER, "5ecret")):
            self.assertNotIn(word, done.stderr + done.stdout.decode())
        for word in words:
            self.assertIn(word, done.stderr)

    def test_names(self):
        for name in ("docker://%s@localhost:1/x", "%s@localhost:1/x", "https://%s@localhost:1/x", "docker://https://%s@localhost/x", "%s@h/x:tag",
                     "%s@localhost:1/x@sha256:ab", "docker-daemon:%s@h/x", "docker://%s@h", "%s/more@h/x"):
            with self.subTest(name):
                self.unsaid(name % (USER + ":5ecret"), code=3 if name.startswith("docker-daemon") else 2)
        self.unsaid("alice:5ecret@localhost:1/x", code=2, words=["***@localhost:1/x", "--creds"])
        self.unsaid("5ecret@localhost:1/x", code=2)

    def test_registries_conf(self):
        where = "%s:5ecret@localhost:2/x" % USER
        for text in ('[[registry]]\nprefix = "localhost:1/x"\nlocation = "%s"\n' % where,
                     '[[registry]]\nprefix = "localhost:1/x"\nlocation = "https://%s"\n' % where,
                     '[[registry]]\nlocation = "localhost:1/x"\n[[registry.mirror]]\nlocation = "%s"\n' % where,
                     '[[registry]]\nprefix = "localhost:1"\nlocation = "%s"\n' % where.partition("/")[0],
                     ('[[registry]]\nprefix = "%s"\n' % where) * 2, '[[registry]]\nprefix = "%s*"\n' % where):
            with self.subTest(text):
                path = self.write("registries.conf", text)
                twice = text.count(where) == 2
                self.unsaid("localhost:1/x", code=1 if twice else 6, words=["is there twice"] if twice else [path],
                            env={"CONTAINERS_REGISTRIES_CONF": path})

    def test_credential_files(self):
        """A key may be a URL with one, and what belongs to it malformed."""
        server = self.served(FakeRegistry({"test/image": self.from_layout})).on("/v2/", errors(401, "UNAUTHORIZED", WWW_Authenticate='Basic realm="r"'))
        key = "%s:5ecret@%s" % (USER, server.address)
        for entries, more in (({"https://" + key: {"auth": 7}}, {}), ({"https://" + key: 7}, {}), ({key: {"auth": "!!!"}}, {}),
                              ({}, {"credHelpers": {key: 7}}), ({}, {"credHelpers": {key: "a/b"}})):
            with self.subTest(entries, more=more):
                done = judge.o2r("digest", server.address + "/test/image", "--no-cache", "-vvvv", "--authfile", self.authfile("auth.json", entries, **more))
                self.assertIn(done.returncode, (4, 6), done.stderr)
                self.assertNotIn("5ecret", done.stderr)

    def test_places_that_servers_tell(self):
        """Realms and redirects."""
        url = "%s://" + USER + ":5ecret@%s"
        for where in (url % ("http", "10.0.0.1/token"), url % ("https", "localhost/token"), url % ("http", "5ecret/x@localhost/token")):
            server = self.served(FakeRegistry({"test/image": self.from_layout}))
            server.on("/v2/", errors(401, "UNAUTHORIZED", WWW_Authenticate='Bearer realm="%s",service="s"' % where))
            self.unsaid(server.address + "/test/image", code=4, words=[server.address])
            server = self.served(FakeRegistry({"test/image": self.from_layout})).on("/manifests/", redirect(where))
            self.unsaid(server.address + "/test/image", code=1, words=[server.address])

    def test_engine(self):
        for host in ("tcp://%s:5ecret@localhost:1", "http://%s:5ecret@localhost:1/x", "ssh://%s:5ecret@localhost", "%s:5ecret@localhost"):
            self.unsaid("docker-daemon:x:1", code=2, words=["DOCKER_HOST"], env={"DOCKER_HOST": host % USER})


class OtherHosts(CredentialCase):
    def elsewhere(self, answer=None, **web):
        return self.served(Web(answer, **web))

    def basic_registry(self):
        def gate(rq, registry):
            if rq.headers.get("Authorization") != "Basic " + basic():
                return registry.refuse(rq, 401, "UNAUTHORIZED", "authentication required", {"WWW-Authenticate": 'Basic realm="r"'})
            return registry.inner(rq, registry)
        server = self.served(FakeRegistry({"test/image": self.from_layout})).on("/v2/", gate)
        server.inner = lambda rq, registry: NotImplemented
        return server

    def no_secrets(self, web):
        self.assertTrue(web.seen, "nobody was there")
        for rq in web.seen:
            for name in ("Authorization", "Cookie", "Proxy-Authorization"):
                self.assertNotIn(name, rq.headers, rq)
            for secret in (PASSWORD, basic(), "opaque-", IDENTITY):
                self.assertNotIn(secret, rq.handler.path + str(rq.headers) + rq.body.decode())

    def test_redirects(self):
        """To another port, another address, another name: the blob is taken, the secret is not sent along."""
        server = self.basic_registry()
        reference = server.address + "/test/image:latest"
        store = self.served(FakeRegistry({"test/image": self.from_layout}))
        alias = self.served(FakeRegistry({"test/image": self.from_layout}, host="127.0.0.2", name="127.0.0.2"))
        for where in (store, alias):
            for status in (301, 302, 303, 307, 308):
                with self.subTest(where.address, status=status):
                    where.seen.clear()
                    server.inner = lambda rq, registry, where=where, status=status: (redirect(where.url + rq.path, status)(rq, registry)
                                                                                    if "/blobs/" in rq.path else NotImplemented)
                    self.works(reference, "--creds=" + CREDS)
                    self.no_secrets(where)

    def test_redirect_and_back(self):
        """Through another host to the first one again: from there on nothing is sent either, or only to itself."""
        server, bounce = self.basic_registry(), self.elsewhere()
        bounce.answer = lambda rq: redirect(server.url + rq.path + "?back=1")(rq, bounce)

        def inner(rq, registry):
            return redirect(bounce.url + rq.path)(rq, registry) if "/blobs/" in rq.path and not rq.query else NotImplemented
        server.inner = inner
        self.cache = self.new(".cache")
        judge.o2r("snapshot", server.address + "/test/image:latest", "-n", "--platform=linux/amd64", "--cache", self.cache, "--creds=" + CREDS)
        self.no_secrets(bounce)

    def test_401_of_another_host(self):
        """A host that was redirected to may ask for what it wants."""
        server = self.basic_registry()
        asking = self.elsewhere(lambda rq: rq.reply(401, b"", {"WWW-Authenticate": 'Basic realm="give me"'}))
        server.inner = lambda rq, registry: redirect(asking.url + rq.path)(rq, registry) if "/blobs/" in rq.path else NotImplemented
        self.denied(server.address + "/test/image:latest", "--creds=" + CREDS)
        self.no_secrets(asking)

    def test_token_server_that_redirects(self):
        other = self.elsewhere(lambda rq: rq.reply(200, b'{"token":"opaque-stolen"}'))
        tokens = self.served(TokenServer(users={USER: PASSWORD}, refresh=IDENTITY))
        tokens.answer = lambda rq: redirect(other.url + "/token")(rq, tokens)
        server = self.served(BearerRegistry({"test/image": self.from_layout}, tokens))
        self.cache = self.new(".cache")
        for args in (["--creds=" + CREDS], ["--authfile", self.authfile("auth.json", {server.address: {"identitytoken": IDENTITY}})]):
            judge.o2r("digest", server.address + "/test/image", "--cache", self.cache, *args)
        if other.seen:
            self.no_secrets(other)

    def test_realm_on_a_private_address(self):
        """What a registry calls its token server is not everybody's: the password does not go there, nor does any request."""
        for realm in ("http://10.0.0.1/token", "http://192.168.0.1/token", "http://169.254.169.254/latest", "http://[fd00::1]/",
                      "http://[::ffff:10.0.0.1]/", "ftp://localhost/", "file:///etc/passwd", "http://user:pass@localhost/", "token", ""):
            with self.subTest(realm):
                server = self.served(FakeRegistry({"test/image": self.from_layout}))
                self.asks_nobody(server, realm, judge.o2r)

    def test_realm_on_loopback_of_a_registry_elsewhere(self):
        space = network.Network()
        self.addCleanup(space.close)
        inner = self.served(space.inside(Web))
        for realm in ("http://127.0.0.1:%d/token", "http://localhost:%d/token", "http://[::ffff:127.0.0.1]:%d/", "http://0.0.0.0:%d/"):
            with self.subTest(realm):
                server = self.served(space.inside(lambda: FakeRegistry({"test/image": self.from_layout}, host=network.ADDRESS, name=network.ADDRESS)))
                self.asks_nobody(server, realm % inner.port, space.o2r, "--insecure")
                self.assertEqual(inner.seen, [])

    def asks_nobody(self, server, realm, run, *args):
        server.on("/v2/", errors(401, "UNAUTHORIZED", WWW_Authenticate='Bearer realm="%s",service="s"' % realm))
        done = run("digest", server.address + "/test/image", "--no-cache", "--creds=" + CREDS, *args)
        self.assertIn(done.returncode, (4, 6), done.stderr)
        self.assertIn(server.address, done.stderr)
        self.assertEqual([rq for rq in server.seen if "Authorization" in rq.headers], [])

"""Authentication at docker-registry: names and passwords, tokens by GET and by POST, new ones in the middle of a pull."""
import signal
import subprocess
import time

import judge
import samples
from credentials import IDENTITY, PASSWORD, USER, BearerRegistry, CredentialCase, basic
from fake_registry import FakeRegistry
from mkimage import Image, Layer
from token_server import LEEWAY, TokenServer, access_of

CREDS = "--creds=%s:%s" % (USER, PASSWORD)


def layers(count):
    return Image([Layer().file("f%d" % i, samples.noise(20_000, i)) for i in range(count)])


class Basic(CredentialCase):
    def test_right(self):
        reference = self.htpasswd()
        before = len(self.server.requests())
        self.works(reference, CREDS)
        asked = self.server.requests()[before:]
        self.assertEqual([rq.status for rq in asked if rq.status == 401], [401], "asked once, then known")

    def test_wrong(self):
        reference = self.htpasswd()
        for args, words in (((), ["--creds"]), (("--creds=%s:wrong" % USER,), ["password"]), (("--creds=mallory:" + PASSWORD,), ["password"])):
            with self.subTest(args):
                before = len(self.server.requests())
                line = self.denied(reference, *args, words=words)
                self.assertNotIn("wrong", line)
                self.assertLessEqual(len(self.server.requests()) - before, 2, "a wrong password is not tried again")

    def test_unknown_image(self):
        reference = self.htpasswd()
        self.fails(reference.replace("test/image", "test/none"), CREDS, code=3, words=["test/none"])


class Token(CredentialCase):
    def test_get(self):
        reference = self.token()
        self.works(reference, CREDS)
        self.assertEqual(len(self.tokens.tokens), 1)
        asked = self.tokens.seen[-1]
        self.assertEqual(asked.query["service"], ["o2r test registry"])
        self.assertEqual(access_of(asked.query["scope"]), [{"type": "repository", "name": "test/image", "actions": ["pull"]}])
        self.assertTrue(all("Authorization" in rq.headers for rq in self.tokens.seen))

    def test_anonymous(self):
        reference = self.token(anonymous=True)
        self.works(reference)
        self.assertNotIn("Authorization", self.tokens.seen[-1].headers)

    def test_member(self):
        """Servers call it by either name, and some say nothing of its end."""
        reference = self.token(anonymous=True, member="access_token", expires_in=None)
        self.works(reference)

    def test_identity_token(self):
        """Only POST takes one."""
        reference = self.token(refresh=IDENTITY)
        path = self.authfile("auth.json", {self.server.address: {"auth": "", "identitytoken": IDENTITY}})
        self.works(reference, "--authfile", path)
        form = self.tokens.seen[-1].form
        self.assertEqual((form["grant_type"], form["refresh_token"], form["scope"]), ("refresh_token", IDENTITY, "repository:test/image:pull"))
        self.assertTrue(form["client_id"])
        self.tokens.refresh = "another"
        line = self.denied(reference, "--authfile", path)
        self.assertNotIn(IDENTITY, line)

    def test_registry_token(self):
        """A token as it is, of which no server is asked."""
        reference = self.token()
        token = self.signer.token(access_of(["repository:test/image:pull"]))
        self.works(reference, "--authfile", self.authfile("auth.json", {self.server.address: {"registrytoken": token}}))
        self.assertEqual(self.tokens.seen, [])

    def test_servers_that_know_no_post(self):
        for status in (404, 405, 401, 400):
            with self.subTest(status):
                self.works(self.token(posts_fail=status), CREDS)
                self.server.stop()

    def test_wrong(self):
        reference = self.token()
        for args, words in (((), ["--creds"]), (("--creds=%s:wrong" % USER,), ["password"]), (("--creds=mallory:" + PASSWORD,), ["password"])):
            with self.subTest(args):
                self.denied(reference, *args, words=words)

    def test_denied(self):
        """A good token that does not allow it."""
        reference = self.token()
        self.tokens.issue = lambda scopes: self.signer.token([])
        before = len(self.tokens.seen)
        self.denied(reference, CREDS)
        self.assertLessEqual(len(self.tokens.seen) - before, 2)


class Refresh(CredentialCase):
    def test_token_that_ends_in_mid_pull(self):
        """It is good for five seconds, the pull is stopped for longer; and the server has said nothing of that."""
        self.from_layout = self.layout(layers(40))
        self.expected = self.of_layout(self.from_layout)
        reference = self.token(lifetime=5 - LEEWAY)
        out = self.path("out.ext4")
        child = subprocess.Popen([judge.O2R, "snapshot", reference, "-o", out, "--size=min", "--platform=linux/amd64", "--cache", self.cache, CREDS,
                                  "--parallel=1", "-q"], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        while len(self.blobs()) < 2 and child.poll() is None:
            time.sleep(0.001)
        child.send_signal(signal.SIGSTOP)
        self.assertLess(len(self.blobs()), 40)
        time.sleep(6.2)
        child.send_signal(signal.SIGCONT)
        said = child.communicate(timeout=120)[1]
        self.assertEqual((child.returncode, judge.problems(said)), (0, []))
        self.assertEqual(judge.sha256(out), self.expected)
        self.assertGreaterEqual(len(self.tokens.tokens), 2)
        self.assertGreaterEqual([rq.status for rq in self.server.requests()].count(401), 2)
        self.whole()

    def fake(self, good=None, scope=None, image=None, **how):
        if image:
            self.from_layout = self.layout(image)
            self.expected = self.of_layout(self.from_layout)
        self.tokens = self.served(TokenServer(users={USER: PASSWORD}, **how))
        self.server = self.served(BearerRegistry({"test/image": self.from_layout}, self.tokens, good, scope))
        return self.server.address + "/test/image:latest"

    def test_one_request_for_all_threads(self):
        """The token of the manifest is not good for layers: four threads find out at once, and one of them asks."""
        reference = self.fake(lambda token, rq: token in self.tokens.tokens[rq.path.split("/")[-1] in self.layers():], image=layers(12), slow=0.3)
        self.works(reference, CREDS, "--parallel=4")
        self.assertEqual(len(self.tokens.seen), 2)

    def test_another_token_for_every_three_requests(self):
        uses = {}

        def good(token, rq):
            uses[token] = uses.get(token, 0) + 1
            return uses[token] <= 3 and token in self.tokens.tokens
        reference = self.fake(good, image=layers(12))
        self.works(reference, CREDS, "--parallel=1")
        self.assertGreaterEqual(len(self.tokens.seen), 4)

    def test_no_token_is_ever_good(self):
        reference = self.fake(lambda token, rq: False)
        self.denied(reference, CREDS)
        self.assertLessEqual(len(self.tokens.seen), 2)
        self.assertLessEqual(self.server.challenged, 3)

    def test_other_scope_for_blobs(self):
        """It is the challenge that says what a token must allow."""
        scopes = {}
        issue = TokenServer.issue

        def noted(self, asked):
            token = issue(self, asked)
            scopes[token] = asked
            return token
        reference = self.fake(lambda token, rq: self.server.scope(rq) in scopes.get(token, ()),
                              lambda rq: "repository:test/image:pull" + (",blobs" if "/blobs/" in rq.path else ""))
        self.tokens.issue = noted.__get__(self.tokens)
        self.works(reference, CREDS)


class Challenges(CredentialCase):
    def test_forms(self):
        """What is sent by servers in the field."""
        for lines in (["Negotiate", 'Basic realm="r"'], ['Negotiate, Basic realm="r"'], ['basic REALM=r'], ['Digest realm="d", nonce="n"', 'Basic realm="r, \\"x\\""'],
                      ['Basic realm="r", charset="UTF-8"']):
            with self.subTest(lines):
                def answer(rq, registry, lines=lines):
                    if rq.headers.get("Authorization") != "Basic " + basic():
                        return registry.refuse(rq, 401, "UNAUTHORIZED", "authentication required", {"WWW-Authenticate": lines})
                    return NotImplemented
                server = self.served(FakeRegistry({"test/image": self.from_layout})).on("/v2/", answer)
                self.works(server.address + "/test/image:latest", CREDS)
                self.assertEqual([rq.status for rq in server.seen].count(401), 1)

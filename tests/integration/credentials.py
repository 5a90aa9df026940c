"""What the tests of credentials share: registries that want some, and the files and programs in which users keep theirs."""
import base64
import json
import os

import judge
import registries
import samples
from fake_registry import FakeRegistry
from token_server import ISSUER, SERVICE, Signer, TokenServer

USER, PASSWORD = "alice", "se:cret %s/+ \u00e4"        # what has to be quoted somewhere
IDENTITY = "identity-token-0123456789"


def basic(user=USER, password=PASSWORD):
    return base64.b64encode(("%s:%s" % (user, password)).encode()).decode()


class CredentialCase(registries.RegistryCase):
    def setUp(self):
        super().setUp()
        self.from_layout = self.layout(samples.small())
        self.expected = self.of_layout(self.from_layout)

    def htpasswd(self):
        """A registry that wants a name and a password; its image's reference."""
        path = self.write("htpasswd", judge.run("htpasswd", "-Bbn", "-C", "4", USER, PASSWORD).strip() + "\n")
        self.server = self.registry("basic", auth={"htpasswd": {"realm": "a realm", "path": path}})
        return self.pushed(self.server, self.from_layout, "test/image", "latest", "--dest-creds=%s:%s" % (USER, PASSWORD))

    def token(self, **how):
        """A registry that wants a token; self.tokens gives these out. Its image's reference."""
        self.signer = Signer(self.path("signer"))
        self.tokens = self.served(TokenServer(self.signer, users={USER: PASSWORD}, **how))
        auth = {"token": {"realm": self.tokens.realm, "service": SERVICE, "issuer": ISSUER, "rootcertbundle": self.signer.crt}}
        self.server = self.registry("token", auth=auth)
        posts_fail, self.tokens.posts_fail, lifetime, self.tokens.lifetime = self.tokens.posts_fail, None, self.tokens.lifetime, 300
        reference = self.pushed(self.server, self.from_layout, "test/image", "latest", "--dest-creds=%s:%s" % (USER, PASSWORD))
        self.tokens.seen, self.tokens.tokens = [], []
        self.tokens.posts_fail, self.tokens.lifetime = posts_fail, lifetime
        return reference

    def authfile(self, name, entries, **more):
        """A file as podman and Docker write it; its path."""
        return self.write(name, json.dumps({"auths": entries, **more}))

    def helper(self, name, user=USER, secret=PASSWORD, script=None):
        """A credential helper, and PATH so that it is found; it notes what it was given in the folder `helper`."""
        folder = self.path("helper")
        path = self.write("helper/docker-credential-" + name, script or (
            "#!/bin/sh\n"
            "cd %s\n"
            "cat >stdin; echo \"$0 $*\" >argv; cat /proc/$$/cmdline >cmdline; tr '\\0' '\\n' </proc/$$/environ >environ\n"
            "cat <<'EOT'\n%s\nEOT\n" % (folder, json.dumps({"ServerURL": "x", "Username": user, "Secret": secret}))))
        os.chmod(path, 0o755)
        os.environ["PATH"] = folder + ":" + self.__dict__.setdefault("old_path", os.environ["PATH"])
        self.addCleanup(os.environ.__setitem__, "PATH", self.old_path)
        return folder

    def works(self, reference, *args, **kw):
        """Pulled anew with these arguments, and it is the right image."""
        self.cache = self.new(".cache")
        done = self.o2r("snapshot", reference, "-o", self.path("out.ext4"), "--force", "--size=min", "--platform=linux/amd64", *args, **kw)
        self.assertEqual(judge.sha256(self.path("out.ext4")), self.expected)
        return done.stderr

    def denied(self, reference, *args, words=(), **kw):
        self.cache = self.new(".cache")
        return self.fails(reference, *args, code=4, words=words, **kw)


class BearerRegistry(FakeRegistry):
    """A FakeRegistry that takes tokens of a TokenServer. scope: what a challenge asks for, by the request; good: whether a
    token is good for a request: a function of (token, request)."""

    def __init__(self, images, tokens, good=None, scope=None, **web):
        self.tokens, self.good = tokens, good or (lambda token, rq: token in tokens.tokens)
        self.scope = scope or (lambda rq: "repository:test/image:pull")
        self.challenged = 0
        super().__init__(images, **web)

    def answer(self, rq):
        scheme, _, token = rq.headers.get("Authorization", "").partition(" ")
        if scheme == "Bearer" and self.good(token, rq):
            return super().answer(rq)
        self.challenged += 1
        more = ',error="invalid_token"' if scheme else ""
        self.refuse(rq, 401, "UNAUTHORIZED", "authentication required", {"WWW-Authenticate": self.tokens.challenge(self.scope(rq)) + more})

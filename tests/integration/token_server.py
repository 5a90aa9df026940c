"""A token server as docker-registry's token mode wants it: JWTs signed by RS256, handed out for GET and for OAuth2's POST."""
import base64
import json
import os
import subprocess
import threading
import time

import judge
from web import Web

SERVICE, ISSUER = "o2r test registry", "o2r test issuer"
LEEWAY = 60     # for so long docker-registry takes tokens that have expired


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Signer:
    """A key and a certificate of it (crt, for the registry's rootcertbundle)."""

    def __init__(self, folder):
        os.makedirs(folder, exist_ok=True)
        self.key, self.crt = os.path.join(folder, "token.key"), os.path.join(folder, "token.crt")
        judge.run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=" + ISSUER, "-keyout", self.key,
                  "-out", self.crt)
        with open(self.crt) as f:
            self.x5c = ["".join(line for line in f.read().splitlines() if "-" not in line)]

    def token(self, access, lifetime=300):
        now = int(time.time())
        head = {"typ": "JWT", "alg": "RS256", "x5c": self.x5c}
        claims = {"iss": ISSUER, "sub": "", "aud": SERVICE, "exp": now + lifetime, "nbf": now - 600, "iat": now - 600,
                  "jti": os.urandom(8).hex(), "access": access}
        text = b64(json.dumps(head).encode()) + "." + b64(json.dumps(claims).encode())
        made = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.key], input=text.encode(), stdout=subprocess.PIPE, check=True)
        return text + "." + b64(made.stdout)


def access_of(scopes):
    """What "repository:a/b:pull,push" asks for, in the words of a token."""
    found = []
    for scope in scopes:
        kind, _, rest = scope.partition(":")
        name, _, actions = rest.rpartition(":")
        found.append({"type": kind, "name": name, "actions": actions.split(",")})
    return found


class TokenServer(Web):
    """users: name -> password; who has neither name nor password gets a token where `anonymous`.
    refresh: an identity token that POST takes instead of a password.
    lifetime: of tokens, in seconds, by what stands in them; expires_in: by what the reply says (None: nothing).
    posts_fail: a status that every POST gets. slow: seconds that each reply takes.
    tokens: every one that was handed out."""

    def __init__(self, signer=None, users=None, anonymous=False, refresh=None, lifetime=300, expires_in=300, posts_fail=None, slow=0,
                 member="token", **web):
        self.signer, self.users, self.anonymous, self.refresh = signer, users or {}, anonymous, refresh
        self.lifetime, self.expires_in, self.posts_fail, self.slow, self.member = lifetime, expires_in, posts_fail, slow, member
        self.tokens, self.lock = [], threading.Lock()
        super().__init__(**web)
        self.realm = self.url + "/token"

    def issue(self, scopes):
        token = self.signer.token(access_of(scopes), self.lifetime) if self.signer else "opaque-" + os.urandom(12).hex()
        with self.lock:
            self.tokens.append(token)
        return token

    def allowed(self, rq):
        if rq.method == "POST":
            form = rq.form
            if form.get("grant_type") == "refresh_token":
                return self.refresh is not None and form.get("refresh_token") == self.refresh
            return form.get("username") in self.users and self.users[form["username"]] == form.get("password")
        given = rq.headers.get("Authorization")
        if given is None:
            return self.anonymous
        name, _, password = base64.b64decode(given.split(" ", 1)[1]).decode().partition(":")
        return name in self.users and self.users[name] == password

    def answer(self, rq):
        time.sleep(self.slow)
        if rq.method == "POST" and self.posts_fail:
            return rq.reply(self.posts_fail)
        if not self.allowed(rq):
            return rq.reply(401, b'{"details":"incorrect username or password"}')
        scopes = rq.form.get("scope", "").split() if rq.method == "POST" else [s for one in rq.query.get("scope", []) for s in one.split()]
        said = {"access_token" if rq.method == "POST" else self.member: self.issue(scopes)}
        if self.expires_in is not None:
            said["expires_in"] = self.expires_in
        return rq.reply(200, json.dumps(said).encode())

    def challenge(self, scope):
        return 'Bearer realm="%s",service="%s",scope="%s"' % (self.realm, SERVICE, scope)

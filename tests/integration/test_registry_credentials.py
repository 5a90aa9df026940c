"""Where credentials come from: the command line, the files of podman and of Docker in their order, and helpers; each pulls an image
for which they are needed."""
import base64
import json
import os

import judge
from credentials import IDENTITY, PASSWORD, USER, CredentialCase, basic
from registries import skopeo


class Given(CredentialCase):
    def setUp(self):
        super().setUp()
        self.reference = self.htpasswd()
        self.entry = {self.server.address: {"auth": basic()}}
        self.wrong = {self.server.address: {"auth": basic("mallory")}}

    def test_command_line(self):
        self.works(self.reference, "--creds", "%s:%s" % (USER, PASSWORD))
        with open(self.write("stdin", PASSWORD + "\n")) as f:
            self.works(self.reference, "--username", USER, "--password-stdin", stdin=f)
        # before all files
        self.authfile("home/.docker/config.json", self.wrong)
        self.works(self.reference, "--creds=%s:%s" % (USER, PASSWORD))

    def test_usage(self):
        for args, words in ((("--username=alice",), ["--password-stdin"]), (("--password-stdin",), ["--username"]), (("--creds=alice",), ["--password-stdin"]),
                            (("--creds=a:b", "--username=c", "--password-stdin"), ["--creds"]), (("--creds=:x",), ["USER:PASS"])):
            with self.subTest(args):
                done = judge.o2r("digest", self.reference, *args)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertRegex(done.stderr, r"\Ao2r: [^\n]*\n\Z")
                for word in words:
                    self.assertIn(word, done.stderr)

    def test_files(self):
        """Each place alone, and before those that come after it."""
        runtime = os.path.relpath(os.environ["XDG_RUNTIME_DIR"], self.work)
        places = [
            ("authfile", ("--authfile", self.path("authfile")), {}),
            ("from-environment", (), {"REGISTRY_AUTH_FILE": self.path("from-environment")}),
            (runtime + "/containers/auth.json", (), {}),
            ("home/.config/containers/auth.json", (), {}),
            ("home/.docker/config.json", (), {}),
        ]
        for number, (name, args, env) in enumerate(places):
            with self.subTest(name):
                path = self.authfile(name, self.entry)
                self.works(self.reference, *args, env=env)
                self.authfile(name, self.wrong)
                self.denied(self.reference, *args, env=env, words=["password"])
                os.unlink(path)
        for number in range(len(places) - 1):
            with self.subTest(before=places[number][0]):
                first, args, env = places[number]
                self.authfile(first, self.entry)
                self.authfile(places[number + 1][0], self.wrong)
                self.works(self.reference, *args, env=env)
                os.unlink(self.path(first))

    def test_other_folders(self):
        for variable, name in (("XDG_CONFIG_HOME", "containers/auth.json"), ("DOCKER_CONFIG", "config.json")):
            with self.subTest(variable):
                self.authfile("folder/" + name, self.entry)
                self.works(self.reference, env={variable: self.path("folder")})
                os.unlink(self.path("folder/" + name))

    def test_docker_auth_config(self):
        self.works(self.reference, env={"DOCKER_AUTH_CONFIG": json.dumps({"auths": self.entry})})

    def test_dockercfg(self):
        """The oldest form: no `auths` around it."""
        self.write("home/.dockercfg", json.dumps({self.server.address: {"auth": basic(), "email": "a@example.com"}}))
        self.works(self.reference)

    def test_keys_and_members(self):
        host = self.server.address
        for entries in ({"http://%s/v2/" % host: {"auth": basic()}}, {"https://" + host: {"auth": basic()}}, {host + "/": {"auth": basic()}},
                        {host: {"username": USER, "password": PASSWORD}},
                        {host: {"auth": base64.b64encode(b"mallory:x").decode()}, host + "/test": {"auth": basic()}},
                        {host: {"auth": basic("mallory")}, host + "/test/image": {"auth": basic()}, host + "/test/image2": {"auth": basic("eve")}},
                        {host: {"auth": base64.b64encode(("%s:%s\0\0" % (USER, PASSWORD)).encode()).decode()}},
                        {"localhost": {"auth": basic("mallory")}, host: {"auth": basic()}, "localhost:1": {"auth": basic("eve")}}):
            with self.subTest(entries):
                self.authfile("home/.config/containers/auth.json", entries)
                self.works(self.reference)

    def test_of_other_registries(self):
        """They are not sent."""
        self.authfile("home/.docker/config.json", {"localhost": {"auth": basic()}, "example.com": {"auth": basic()}, "localhost:1": {"auth": basic()}})
        self.denied(self.reference, words=["--creds"])
        self.authfile("home/.docker/config.json", {self.server.address: {}})
        self.denied(self.reference, words=["--creds"])

    def test_login_of_skopeo(self):
        path = self.path("login.json")
        skopeo("login", "--authfile", path, "--tls-verify=false", "--username", USER, "--password", PASSWORD, self.server.address)
        self.works(self.reference, "--authfile", path)
        os.environ["XDG_RUNTIME_DIR"] = self.path("run")
        os.mkdir(self.path("run"), 0o700)
        skopeo("login", "--tls-verify=false", "--username", USER, "--password", PASSWORD, self.server.address)
        self.works(self.reference)

    def test_damaged_files(self):
        """Named, without a byte of what stands in them."""
        secret = basic()
        for text in ('{"auths": {"%s": {"auth": "%s"' % (self.server.address, secret), "[]" + secret, '{"auths": []}', "\x00" + secret,
                     '{"auths": {"%s": {"auth": "!%s"}}}' % (self.server.address, secret), '{"auths": {"%s": {"auth": 7}}}' % self.server.address,
                     '{"x": %s1%s}' % ("[" * 100, "]" * 100)):
            with self.subTest(text):
                path = self.write("home/.docker/config.json", text)
                self.cache = self.new(".cache")
                line = self.refused(self.reference, "--cache", self.cache, code=6, words=[path])
                self.assertNotIn(secret[:12], line)
        # one that is asked for by name has to be there
        self.refused(self.reference, "--authfile", self.path("none"), "--cache", self.cache, code=3, words=[self.path("none")])


class Helpers(CredentialCase):
    def setUp(self):
        super().setUp()
        self.reference = self.htpasswd()

    def test_forms(self):
        for more in ({"credHelpers": {self.server.address: "mine"}}, {"credsStore": "mine"},
                     {"credsStore": "other", "credHelpers": {self.server.address: "mine"}}):
            for name in ("home/.docker/config.json", "home/.config/containers/auth.json"):
                if "containers" in name and "credsStore" in more:
                    continue        # podman knows no such thing
                with self.subTest(more, name=name):
                    folder = self.helper("mine")
                    path = self.authfile(name, {self.server.address: {}}, **more)
                    self.works(self.reference)
                    with open(os.path.join(folder, "stdin")) as f:
                        self.assertEqual(f.read().strip(), self.server.address)
                    with open(os.path.join(folder, "argv")) as f:
                        self.assertEqual(f.read().split()[1:], ["get"])
                    os.unlink(path)

    def test_identity_token(self):
        reference = self.token(refresh=IDENTITY)
        self.helper("mine", "<token>", IDENTITY)
        self.authfile("home/.docker/config.json", {}, credsStore="mine")
        self.works(reference)
        self.assertEqual(self.tokens.seen[-1].form["refresh_token"], IDENTITY)

    def test_that_fail(self):
        """A helper that is missing, fails or talks nonsense is a warning; what needs no password is pulled all the same."""
        anonymous = self.token(anonymous=True)
        self.authfile("home/.docker/config.json", {}, credsStore="mine")
        for name, script, words in (
                ("none", "#!/bin/sh\necho credentials not found in native keychain\nexit 1\n", None),
                ("failing", "#!/bin/sh\necho secret-output; echo secret-output >&2\nexit 3\n", ["docker-credential-mine"]),
                ("nonsense", "#!/bin/sh\necho secret-output\n", ["docker-credential-mine"]),
                ("killed", "#!/bin/sh\nkill -9 $$\n", ["docker-credential-mine"]),
                ("endless", "#!/bin/sh\nexec yes secret-output\n", ["docker-credential-mine"]),
                ("missing", None, ["docker-credential-mine"])):
            with self.subTest(name):
                self.helper("mine", script=script or "#!/bin/sh\n")
                if script is None:
                    os.unlink(self.path("helper/docker-credential-mine"))
                said = self.works(anonymous)
                self.assertNotIn("secret-output", said)
                self.assertEqual(": warning: " in said, words is not None, said)
                for word in words or ():
                    self.assertIn(word, said)
                self.denied(self.reference)

"""One pull in which everything happens that threads do to each other: layers side by side, ranges of a large one, a token that all
of them want at once, breaks, blobs that are indexed while they arrive. The build for TSan runs it too."""
import signal
import subprocess

import judge
import samples
import viewing
from credentials import PASSWORD, USER, BearerRegistry
from fake_registry import cut
from mkimage import Image, Layer
from registries import RegistryCase
from token_server import TokenServer

MIB = 1 << 20


class Threads(RegistryCase):
    def setUp(self):
        super().setUp()
        layers = [Layer(codec=codec).file("f%d" % i, samples.noise(300_000, i)).file("text%d" % i, b"%d" % i * 100_000)
                  for i, codec in enumerate(["gzip", "zstd", "plain"] * 4)]
        layers.insert(3, Layer(codec="plain").file("large", samples.noise(MIB) * 80))
        self.from_layout = self.layout(Image(layers))
        self.tokens = self.served(TokenServer(users={USER: PASSWORD}, slow=0.05))

    def fake(self):
        uses = {}

        def good(token, rq):        # every ninth request wants another token
            uses[token] = uses.get(token, 0) + 1
            return token in self.tokens.tokens and uses[token] < 9
        return self.served(BearerRegistry({"test/image": self.from_layout}, self.tokens, good))

    def test_pull(self):
        server = self.fake()
        large = self.layers()[3]
        server.on("/blobs/" + large, cut(3 * MIB), times=2)
        server.on("/blobs/" + self.layers()[0], cut(100_000), times=1)
        reference = server.address + "/test/image:latest"
        for command in (["snapshot", reference, "-o", self.path("out.ext4"), "--size=min"], ["pull", reference]):
            self.cache = self.new(".cache")
            self.o2r(*command, "--platform=linux/amd64", "--parallel=6", "--creds=%s:%s" % (USER, PASSWORD))
            self.whole()
        self.assertEqual(judge.sha256(self.path("out.ext4")), self.of_layout(self.from_layout))
        self.assertGreater(len([rq for rq in server.seen if rq.path.endswith(large)]), 2)

    def test_failure(self):
        """One layer that cannot be had ends the others."""
        server = self.fake()
        server.on("/blobs/" + self.layers()[8], lambda rq, registry: registry.refuse(rq, 403, "DENIED", "no"))
        self.fails(server.address + "/test/image:latest", "--parallel=6", "--creds=%s:%s" % (USER, PASSWORD), code=4)
        server.behave()
        self.same(server.address + "/test/image:latest", self.from_layout, "--creds=%s:%s" % (USER, PASSWORD))

    def test_interrupted(self):
        """By SIGINT, while all of them are at work."""
        server = self.fake()
        child = subprocess.Popen([judge.O2R, "snapshot", server.address + "/test/image:latest", "-n", "--platform=linux/amd64", "--cache", self.cache,
                                  "--creds=%s:%s" % (USER, PASSWORD)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        viewing.wait_for(lambda: any("/blobs/" in rq.path for rq in list(server.seen)) or child.poll() is not None)
        child.send_signal(signal.SIGINT)
        said = child.communicate(timeout=60)[1]
        self.assertIn(child.returncode, (130, 0), said)
        server.behave()
        self.same(server.address + "/test/image:latest", self.from_layout, "--creds=%s:%s" % (USER, PASSWORD))

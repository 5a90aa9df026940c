"""Pulls that stop in the middle: killed, cut off, two at once. What was fetched is not fetched again, and the image is right."""
import os
import random
import signal
import subprocess
import threading
import time

import judge
import registries
import samples
import viewing
from fake_registry import FakeRegistry, cut, slowly
from mkimage import Image, Layer, Layout
from registries import RegistryCase, fetched, storage

UNDER_SANITIZERS = False    # what it runs other files run under them too

SEED = int(os.environ.get("O2R_SEED") or random.randrange(1 << 32))
MIB = 1 << 20


def layers(count, size, codec="plain"):
    """Incompressible, of somewhat different sizes."""
    return Image([Layer().file("f%d" % i, samples.noise(size + 1000 * i, i)) for i in range(count)], codec=codec)


class ResumeCase(RegistryCase):
    def sizes(self):
        facts = self.facts["manifests"][0]
        config = os.path.join(self.from_layout, "blobs", *facts["config"].split(":"))
        return {facts["config"]: os.path.getsize(config), **{layer["digest"]: layer["size"] for layer in facts["layers"]}}

    def use(self, image):
        self.from_layout = self.layout(image)
        self.expected = self.of_layout(self.from_layout)

    def on_disk(self):
        """Bytes of blobs that the store has so far, whole or in part."""
        total = 0
        for kind in ("blobs", "partial"):
            for path in storage(self.cache, kind).values():
                try:
                    total += os.stat(path).st_blocks * 512
                except FileNotFoundError:       # it is whole now
                    pass
        return total

    def start(self, reference, *args):
        return subprocess.Popen([judge.O2R, "snapshot", reference, "--dry-run", "--platform=linux/amd64", "--cache", self.cache, *args],
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def stopped_at(self, moment, reference, *args):
        """Killed when the store has so many bytes; whether it was still at it."""
        child = self.start(reference, *args)
        while child.poll() is None and self.on_disk() < moment:
            time.sleep(0.0005)
        running = registries.killed(child)
        child.stderr.close()
        return running

    def right(self, reference, *args):
        self.assertEqual(self.image(reference, *args), self.expected)
        self.whole()
        self.assertEqual(storage(self.cache, "partial"), {})


class Killed(ResumeCase):
    def test_ten_random_moments(self):
        """What the second run asks for is what the first one had not got: by the log of the server."""
        print("seed %d" % SEED, flush=True)
        draw = random.Random(SEED)
        self.use(layers(5, 6 * MIB))
        server = self.registry()
        reference, sizes = self.put(server, self.from_layout), self.sizes()
        total, stopped = sum(sizes.values()), 0
        for number in range(10):
            self.cache = self.new(".cache")
            moment = draw.randrange(total)
            running = self.stopped_at(moment, reference)
            stopped += running
            server.stop()       # what it still sends to nobody is in no log
            server.start()
            reference = "%s/test/image:latest" % server.address
            had, before = self.on_disk(), len(server.requests())
            with self.subTest(number, moment=moment, had=had):
                self.right(reference)
                got = fetched(server.requests()[before:])
                for digest, count in got.items():
                    self.assertLessEqual(count, sizes[digest])
                # blocks of the disk are whole ones, and a piece that was being written when it was killed may be asked for again
                self.assertLessEqual(sum(got.values()), total - had + len(sizes) * (MIB + 4096))
                self.assertGreaterEqual(sum(got.values()) + had, total)
        self.assertGreaterEqual(stopped, 5, "most of them were killed in the middle")

    def test_many_times(self):
        """The same pull, killed again and again, comes to its end."""
        self.use(layers(4, 4 * MIB))
        server = self.registry()
        reference, total = self.put(server, self.from_layout), sum(self.sizes().values())
        for part in range(1, 8):
            self.stopped_at(total * part // 8, reference)
        self.right(reference)

    def test_damaged_partial_files(self):
        """What is left of a run is not believed because it is there."""
        self.use(layers(2, 6 * MIB))
        server = self.registry()
        reference = self.put(server, self.from_layout)
        damaged = 0
        for suffix, change in (("", lambda f, n: (f.seek(n // 3), f.write(b"damage"))), ("", lambda f, n: f.truncate(n // 2)), ("", lambda f, n: f.truncate(0)),
                               ("", lambda f, n: f.truncate(n + 50 * MIB)), (".ranges", lambda f, n: f.truncate(n // 2)),
                               (".ranges", lambda f, n: (f.seek(n - 8), f.write(b"\xff" * 8))), (".ranges", lambda f, n: f.write(bytes(n)))):
            self.cache = self.new(".cache")
            self.stopped_at(5 * MIB, reference)
            for path in storage(self.cache, "partial").values():
                damaged += 1
                with open(path + suffix, "r+b") as f:
                    change(f, os.path.getsize(path + suffix))
            done = judge.o2r("pull", reference, "--cache", self.cache, "--platform=linux/amd64")
            if done.returncode:     # found out at the end, and thrown away
                self.assertEqual(done.returncode, 6, done.stderr)
            self.right(reference)
        self.assertGreater(damaged, 3)


class Together(ResumeCase):
    def test_two_at_once(self):
        """Each layer and the config are fetched once; what the tag means is asked for by each."""
        self.use(layers(6, 4 * MIB))
        server = self.registry()
        reference = self.put(server, self.from_layout)
        for count in (2, 5):
            self.cache = self.new(".cache")
            before = len(server.requests())
            children = [self.start(reference) for _ in range(count)]
            for child in children:
                said = child.communicate(timeout=300)[1]
                self.assertEqual((child.returncode, judge.problems(said)), (0, []))
            asked = server.requests()[before:]
            self.assertEqual(fetched(asked), self.sizes())
            self.assertEqual(len([rq for rq in asked if "/manifests/" in rq.path]), count)
            self.right(reference)

    def document_held(self, digest):
        """A registry that holds its first answer for a document back until `go` is set; its image's reference."""
        self.go, lock, first = threading.Event(), threading.Lock(), []
        self.addCleanup(self.go.set)

        def hold(rq, _):
            with lock:
                first.append(rq)
                held = len(first) == 1
            if held:
                self.go.wait(120)
            return NotImplemented
        self.server = self.served(FakeRegistry({"test/image": self.from_layout})).on(digest, hold)
        return self.server.address + "/test/image:latest"

    def asked_for(self, digest):
        return [rq for rq in list(self.server.seen) if rq.path.endswith(digest)]

    def held_and_waiting(self, digest):
        """Two commands: one that waits for the document, and one that waits for the first. The lines that the latter said so far."""
        reference = self.document_held(digest)
        one = self.start(reference)
        self.addCleanup(one.kill)
        viewing.wait_for(lambda: self.asked_for(digest))
        two = self.start(reference, "-v")
        late = threading.Timer(120, two.kill)       # so that a test that fails ends
        late.start()
        self.addCleanup(late.cancel)
        line = next((line for line in two.stderr if "document" in line), "nothing")
        self.assertIn("document %s: another process fetches it" % digest, line)
        return one, two

    def ended(self, child):
        """All that it said until then."""
        said = child.communicate(timeout=300)[1]
        self.assertEqual(child.returncode, 0, said)
        return said

    def documents(self):
        """Of an image below an index: its manifest and its config."""
        self.from_layout = self.layout(Layout().add_index([samples.small(), samples.small(arch="arm64")]))
        facts = self.facts["manifests"][0]
        return facts["digest"], facts["config"]

    def test_documents_come_once(self):
        """By digest: the manifest of an index, and the config."""
        for digest in self.documents():
            with self.subTest(digest):
                self.cache = self.new(".cache")
                one, two = self.held_and_waiting(digest)
                self.go.set()
                self.ended(one)
                self.ended(two)
                self.assertEqual(len(self.asked_for(digest)), 1)
                self.whole()
                self.assertEqual(storage(self.cache, "partial"), {})

    def test_document_of_one_that_dies(self):
        """Whoever waits sees it, and does not wait until it has waited long enough."""
        digest = self.documents()[1]
        one, two = self.held_and_waiting(digest)
        registries.killed(one)
        one.stderr.close()
        self.assertNotIn("not waited for any longer", self.ended(two))
        self.assertEqual(len(self.asked_for(digest)), 2)
        self.whole()
        self.assertEqual(storage(self.cache, "partial"), {})

    def test_document_that_does_not_come(self):
        """The other one stands still: then it is asked for twice, and nobody waits for ever."""
        digest = self.documents()[1]
        one, two = self.held_and_waiting(digest)
        self.assertIn("not waited for any longer", self.ended(two))
        self.assertEqual(len(self.asked_for(digest)), 2)
        self.go.set()
        self.ended(one)
        self.whole()

    def test_one_that_waits_says_for_what(self):
        """The other one has been stopped, so that nothing happens."""
        self.use(layers(1, 4 * MIB))
        server = self.served(FakeRegistry({"test/image": self.from_layout})).on("/blobs/" + self.layers()[0], slowly(0.01))
        reference = server.address + "/test/image:latest"
        one = self.start(reference)
        self.addCleanup(one.kill)
        viewing.wait_for(lambda: self.on_disk() > MIB)
        one.send_signal(signal.SIGSTOP)
        two = self.start(reference, "-v")
        late = threading.Timer(120, two.kill)       # so that a test that fails ends
        late.start()
        line = next((line for line in two.stderr if "another process" in line), "nothing")
        late.cancel()
        self.assertIn("blob %s: another process fetches it" % self.layers()[0], line)
        one.send_signal(signal.SIGCONT)
        for child in (one, two):
            child.communicate(timeout=300)
            self.assertEqual(child.returncode, 0)
        self.right(reference)

    def test_one_of_two_is_killed(self):
        """The other one takes over."""
        self.use(layers(6, 4 * MIB))
        server = self.registry()
        reference = self.put(server, self.from_layout)
        for _ in range(3):
            self.cache = self.new(".cache")
            one, two = self.start(reference), self.start(reference)
            while one.poll() is None and self.on_disk() < 6 * MIB:
                time.sleep(0.0005)
            registries.killed(one)
            one.stderr.close()
            said = two.communicate(timeout=300)[1]
            self.assertEqual((two.returncode, judge.problems(said)), (0, []))
            self.right(reference)

    def test_two_images_that_share_layers(self):
        base = [Layer().file("base%d" % i, samples.noise(3 * MIB, i)) for i in range(3)]
        one, two = (self.layout(Image([*base, Layer().file("top", name)], codec="plain")) for name in (b"one", b"two"))
        server = self.registry()
        first, second = self.put(server, one, "one"), self.put(server, two, "two")
        children = [self.start(first), self.start(second)]
        for child in children:
            said = child.communicate(timeout=300)[1]
            self.assertEqual((child.returncode, judge.problems(said)), (0, []))
        for layer in self.layers()[:3]:
            self.assertLess(fetched(server.requests())[layer], 4 * MIB)
        self.same(first, one)
        self.same(second, two)


class Broken(ResumeCase):
    def test_goes_on_where_it_stopped(self):
        """Nothing is asked for twice, and each part by its Range."""
        self.use(layers(1, 6 * MIB))
        digest, size = self.layers()[0], self.facts["manifests"][0]["layers"][0]["size"]
        server = self.served(FakeRegistry({"test/image": self.from_layout})).on("/blobs/" + digest, cut(3 * MIB // 2), times=3)
        self.right(server.address + "/test/image:latest", "--parallel=1")
        parts = [rq for rq in server.seen if digest in rq.path and rq.status in (200, 206)]
        self.assertEqual(sum(rq.sent for rq in parts), size)
        self.assertEqual(len({rq.headers.get("Range") for rq in parts}), len(parts))

    def test_in_the_next_run(self):
        """The server was down for longer: the run fails, and the next one goes on."""
        self.use(layers(1, 6 * MIB))
        digest, size = self.layers()[0], self.facts["manifests"][0]["layers"][0]["size"]
        server = self.served(FakeRegistry({"test/image": self.from_layout}))
        server.on("/blobs/" + digest, cut(4 * MIB), times=1)
        server.on("/blobs/" + digest, lambda rq, _: rq.reply(403))
        reference = server.address + "/test/image:latest"
        self.fails(reference, "--parallel=1", code=4)
        server.behave()
        self.right(reference, "--parallel=1")
        self.assertEqual(sum(rq.sent for rq in server.seen if digest in rq.path), size)

    def test_without_ranges(self):
        """The whole blob is sent again, and what is there already is dropped as it comes."""
        self.use(layers(1, 6 * MIB))
        digest = self.layers()[0]
        server = self.served(FakeRegistry({"test/image": self.from_layout}, ranges=False)).on("/blobs/" + digest, cut(4 * MIB), times=1)
        self.right(server.address + "/test/image:latest")


class Ranges(ResumeCase):
    def test_large_blob_in_parts(self):
        """By several connections at once, each byte once; and one after the other when told."""
        self.use(layers(1, 96 * MIB))
        digest, size = self.layers()[0], self.facts["manifests"][0]["layers"][0]["size"]
        server = self.registry()
        reference = self.put(server, self.from_layout)
        for args, several in ((("--parallel=4",), True), (("--parallel=1",), False)):
            with self.subTest(args):
                self.cache = self.new(".cache")
                before = len(server.requests())
                self.right(reference, *args)
                parts = [rq for rq in server.requests()[before:] if rq.path.endswith(digest)]
                if several:
                    self.assertGreater([rq.status for rq in parts].count(206), 1)
                else:
                    self.assertEqual(len(parts), 1)
                # a part that ends where another one began is broken off: what was on its way by then was sent for nothing
                sent = sum(rq.bytes for rq in parts)
                self.assertLessEqual(size, sent)
                self.assertLess(sent, size + len(parts) * 4 * MIB if several else size + 1)
                self.assertTrue(all(rq.status in (200, 206) for rq in parts), parts)

    def test_not_granted(self):
        self.use(layers(1, 96 * MIB))
        server = self.served(FakeRegistry({"test/image": self.from_layout}, ranges=False))
        self.right(server.address + "/test/image:latest", "--parallel=4")
        parts = [rq for rq in server.seen if self.layers()[0] in rq.path]
        self.assertEqual(len(parts), 1, parts)

    def test_a_part_that_breaks(self):
        """Any of them, in the middle."""
        self.use(layers(1, 96 * MIB))
        server = self.served(FakeRegistry({"test/image": self.from_layout}))
        server.on("/blobs/" + self.layers()[0], cut(5 * MIB), times=3)
        self.right(server.address + "/test/image:latest", "--parallel=4")

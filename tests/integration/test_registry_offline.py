"""What is kept of pulled images, and what can be done with it alone."""
import json
import os
import subprocess

import caching
import judge
import samples
import viewing
from fake_registry import FakeRegistry
from mkimage import Layout
from registries import RegistryCase, storage

AMD64 = "--platform=linux/amd64"
HOSTS = b"127.0.0.1 localhost\n"


class Offline(RegistryCase):
    def setUp(self):
        super().setUp()
        self.server, self.from_layout = self.registry(), self.layout(samples.image("gzip", "zstd", "gzip"))
        self.reference = self.put(self.server, self.from_layout)
        self.digest = self.facts["manifests"][0]["digest"]
        self.by_digest = "%s@%s" % (self.reference.rpartition(":")[0], self.digest)

    def test_everything_after_a_pull(self):
        self.o2r("pull", self.reference, AMD64)
        self.assertEqual(set(self.blobs()), {d.split(":")[1] for d in (self.digest, self.facts["manifests"][0]["config"], *self.layers())})
        self.server.stop()
        for reference in (self.reference, self.by_digest, "docker://" + self.reference):
            with self.subTest(reference):
                self.same(reference, self.from_layout, "--offline")
        self.assertEqual(self.o2r("cat", self.reference, "/etc/hosts", "--offline", AMD64).stdout, HOSTS)
        self.assertEqual(self.o2r("digest", self.reference, "--offline", AMD64).stdout.decode(), self.digest + "\n")
        self.o2r("save", self.reference, self.path("saved"), "--offline", AMD64)
        self.assertEqual(self.of_layout(self.path("saved")), self.of_layout(self.from_layout))
        with viewing.view(self.reference, "--offline", "--cache", self.cache) as v:
            with open(os.path.join(v.root, "etc/hosts"), "rb") as f:
                self.assertEqual(f.read(), HOSTS)

    def test_what_is_not_there(self):
        self.fails(self.reference, "--offline", code=3, words=["--offline"])
        self.fails(self.reference, "--offline", "--no-cache", code=3, words=["--offline"])
        self.assertEqual(self.server.requests(), [])
        self.o2r("pull", self.reference, AMD64)
        self.fails(self.reference.replace(":latest", ":other"), "--offline", code=3, words=["--offline"])
        for layer in self.layers()[1:2]:
            os.unlink(self.blobs()[layer.split(":")[1]])
        self.fails(self.reference, "--offline", code=3, words=[self.layers()[1]])
        self.same(self.reference, self.from_layout)
        self.same(self.reference, self.from_layout, "--offline")

    def test_one_platform(self):
        layout = self.layout(Layout().add_index([samples.small(), samples.small(arch="arm64")]))
        reference = self.put(self.server, layout, "many")
        self.o2r("pull", reference, AMD64)
        self.server.stop()
        self.same(reference, layout, "--offline")
        self.fails(reference, "--offline", code=3, platform="linux/arm64")
        self.fails(reference, "--offline", code=5, platform="linux/riscv64", words=["linux/arm64"])

    def test_a_tag_that_moves(self):
        old = self.from_layout
        self.o2r("pull", self.reference, AMD64)
        new = self.layout(samples.small())
        self.put(self.server, new)
        self.same(self.reference, old, "--offline")
        self.same(self.reference, new)
        self.same(self.reference, new, "--offline")
        self.same(self.by_digest, old, "--offline")

    def test_down_without_offline(self):
        """A tag may have moved: that is not decided silently."""
        self.o2r("pull", self.reference, AMD64)
        self.server.stop()
        self.fails(self.reference, code=1)
        self.same(self.by_digest, self.from_layout)

    def test_pull_again(self):
        self.o2r("pull", self.reference, AMD64)
        before = len(self.server.requests())
        self.o2r("pull", self.reference, AMD64)
        self.assertEqual(len(self.server.requests()), before + 1)

    def test_a_folder_that_is_not_named_as_a_path(self):
        """A good name: what is not in the registry may be meant to be here."""
        os.chdir(self.work)
        self.addCleanup(os.chdir, "/")
        os.rename(self.from_layout, "folder")
        self.refused("folder", "--offline", code=3, words=["docker.io/library/folder:latest", "the file or folder ./folder is meant"])
        self.refused("folder:v1", "--offline", code=3, words=["the layout ./folder is meant, write oci: in front"])

    def test_usage(self):
        for args, words in ((["pull", self.from_layout], []), (["pull", self.reference, "--no-cache"], ["--no-cache"]), (["pull"], []),
                            (["digest", self.reference, "--parallel=33"], ["32"]), (["digest", self.reference, "--parallel=x"], ["--parallel"])):
            with self.subTest(args):
                done = judge.o2r(*args)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertRegex(done.stderr, r"\Ao2r: [^\n]*\n\Z")
                for word in words:
                    self.assertIn(word, done.stderr)


class Kept(RegistryCase):
    def setUp(self):
        super().setUp()
        self.from_layout = self.layout(samples.image("gzip"))
        self.server = self.served(FakeRegistry({"test/image": self.from_layout}))
        self.reference = self.server.address + "/test/image:latest"

    def cache_json(self, *args):
        return json.loads(self.o2r("cache", *args, "--format=json").stdout)

    def test_no_cache(self):
        """A temporary store, of which nothing is left."""
        tmp = self.path("tmp")
        os.mkdir(tmp)
        out, _ = self.snapshot(self.reference, "--no-cache", "--size=min", env={"TMPDIR": tmp})
        self.assertEqual(judge.sha256(out), self.of_layout(self.from_layout))
        self.assertEqual((os.listdir(tmp), os.listdir(os.environ["XDG_CACHE_HOME"])), ([], []))
        self.server.on("/blobs/", lambda rq, _: rq.reply(403))
        self.refused(self.reference, "--no-cache", code=4, env={"TMPDIR": tmp})
        self.assertEqual((os.listdir(tmp), os.listdir(os.environ["XDG_CACHE_HOME"])), ([], []))

    def test_list_and_prune(self):
        self.same(self.reference, self.from_layout)
        listed = self.cache_json("ls")["files"]
        facts = self.facts["manifests"][0]
        self.assertEqual({f["digest"] for f in listed if f["kind"] == "blob"}, {facts["digest"], facts["config"], *self.layers()})
        self.assertEqual(len([f for f in listed if f["kind"] == "name"]), 1)
        self.assertEqual(self.cache_json("ls")["bytes"], sum(f["bytes"] for f in listed))
        removed = self.cache_json("prune")["removed"]
        self.assertEqual(len(removed), len(listed))
        self.assertEqual((self.blobs(), self.cache_json("ls")["files"]), ({}, []))
        self.fails(self.reference, "--offline", code=3)
        self.same(self.reference, self.from_layout)

    def test_prune_in_use(self):
        """What a view was made of stays until it is gone."""
        with viewing.view(self.reference, "--cache", self.cache) as v:
            self.o2r("cache", "prune")
            subprocess.run(["tar", "-C", v.root, "-cf", self.path("all.tar"), "."], check=True, stderr=subprocess.DEVNULL)
            self.assertTrue(self.blobs())
        self.o2r("cache", "prune")
        self.assertEqual(self.blobs(), {})

    def test_damage(self):
        """A blob that changed on disk is never passed on: it is fetched again, or that is an error."""
        self.same(self.reference, self.from_layout)
        for layer in self.layers():
            path = self.blobs()[layer.split(":")[1]]
            with open(path, "rb") as f:
                data = f.read()
            for at in (0, len(data) // 2, len(data) - 1):
                with self.subTest(layer, at=at):
                    os.chmod(path, 0o600)
                    with open(path, "r+b") as f:
                        f.seek(at)
                        f.write(bytes([data[at] ^ 1]))
                    done = judge.o2r("snapshot", self.reference, "-o", self.path("out"), "--force", "--size=min", AMD64, "--cache", self.cache)
                    if done.returncode:
                        self.assertEqual(done.returncode, 6, done.stderr)
                        self.o2r("cache", "prune")
                    else:
                        self.assertEqual(judge.sha256(self.path("out")), self.of_layout(self.from_layout))
                    self.same(self.reference, self.from_layout)
                    path = self.blobs()[layer.split(":")[1]]

    def rotten(self, layer):
        """A byte of a kept blob is another one, and nothing of its file tells."""
        path = self.blobs()[layer.split(":")[1]]
        with open(path, "rb") as f:
            data = f.read()
        caching.rot(self.cache, path, data.find(HOSTS) if HOSTS in data else len(data) // 2)      # of a plain one something that is seen

    def read_all(self):
        """Of a view: the code that a command has for what is damaged."""
        with viewing.view(self.reference, "--cache", self.cache, foreground=True) as v:
            # by way of a pipe: tar reads nothing for /dev/null
            done = subprocess.run("tar -C '%s' -c . | cat >/dev/null; test ${PIPESTATUS[0]} = 0" % v.root, shell=True, executable="/bin/bash",
                                  stderr=subprocess.DEVNULL)
        return 6 if done.returncode else 0

    def mended(self, command):
        """A disk that forgets: who finds out fails, and the next command fetches the blob anew."""
        with self.subTest(command.__name__):
            self.same(self.reference, self.from_layout)
            self.rotten(self.layers()[0])
            self.assertEqual(command(), 6)
            before = len(self.server.seen)
            self.same(self.reference, self.from_layout)
            self.assertEqual([rq.path.rpartition("/")[2] for rq in self.server.seen[before:] if "/blobs/" in rq.path], self.layers()[:1])

    def test_rotten_plain(self):
        self.server.images["test/image"] = self.from_layout = self.layout(samples.image("plain"))
        self.mended(self.read_all)

    def test_rotten(self):
        def snapshot():
            return judge.o2r("snapshot", self.reference, "-o", self.path("out"), "--force", AMD64, "--cache", self.cache).returncode

        def scanned():
            for path in storage(self.cache, "index").values():
                os.unlink(path)
            return snapshot()

        def saved():
            return judge.o2r("save", self.reference, self.new(".saved"), AMD64, "--cache", self.cache).returncode

        for command in (snapshot, scanned, saved, self.read_all):
            self.mended(command)

    def test_folder_that_cannot_be_used(self):
        """It is a warning, and the image comes all the same."""
        self.write("cache/precious", "not ours")
        out, _ = self.snapshot(self.reference, "--size=min", "--cache", self.cache)
        self.assertIn(": warning: ", self.said)
        self.assertEqual(judge.sha256(out), self.of_layout(self.from_layout))
        self.assertEqual(os.listdir(self.cache), ["precious"])

    def test_full_disk(self):
        """Of the cache: the class of a full disk, or the image without it."""
        os.mkdir(self.cache)
        judge.run("mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "none", self.cache)
        try:
            done = judge.o2r("snapshot", self.reference, "-o", self.path("out"), "--size=min", AMD64, "--cache", self.cache)
            self.assertIn(done.returncode, (0, 7), done.stderr)
            if done.returncode == 0:
                self.assertEqual(judge.sha256(self.path("out")), self.of_layout(self.from_layout))
            self.assertEqual(storage(self.cache, "tmp"), {})
        finally:
            judge.run("umount", self.cache)
        os.rmdir(self.cache)
        self.same(self.reference, self.from_layout)

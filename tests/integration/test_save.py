"""o2r save: a layout of its own, which others read, or nothing."""
import json
import os
import shutil
import signal
import stat
import subprocess
import time

import bad
import judge
import mkimage
import samples
from judge import MIB
from mkimage import Image, Layer, Layout
from viewing import view

AMD64 = "--platform=linux/amd64"


def files(root):
    """What is below it: path -> (mode, SHA-256 of files)."""
    found = {}
    for where, folders, names in os.walk(root):
        for name in folders + names:
            path = os.path.join(where, name)
            mode = os.lstat(path).st_mode
            found[os.path.relpath(path, root)] = (stat.S_IMODE(mode), judge.sha256(path) if stat.S_ISREG(mode) else None)
    return found


class SaveCase(bad.BadCase):
    GATE = False

    def save(self, reference, *args, code=0, wrap=(), **kw):
        """Into a new directory: its path."""
        out = self.new(".saved")
        done = judge.o2r("save", reference, out, AMD64, *args, wrap=wrap, **kw)
        self.assertEqual(done.returncode, code, done.stderr)
        self.said = done
        return out

    def descriptor(self, layout):
        with open(os.path.join(layout, "index.json")) as f:
            index = json.load(f)
        self.assertEqual((index["schemaVersion"], index["mediaType"], len(index["manifests"])), (2, mkimage.INDEX["oci"], 1))
        return index["manifests"][0]

    def same(self, layout, reference):
        """Both make the same image, byte for byte."""
        images = [self.snapshot(r, "--size=min", "--no-cache")[0] for r in (layout, reference)]
        self.assertEqual(*map(judge.sha256, images))

    def whole(self, layout, facts, tag):
        """Exactly the blobs of the image, each what its name says; the index names the image; modes are the usual ones."""
        blobs = {facts["digest"], facts["config"], *(layer["digest"] for layer in facts["layers"])}
        self.assertEqual(set(files(layout)), {"oci-layout", "index.json", "blobs", "blobs/sha256", *("blobs/" + d.replace(":", "/") for d in blobs)})
        for name, (mode, digest) in files(layout).items():
            self.assertEqual(mode, 0o644 if digest else 0o755, name)
            if name.startswith("blobs/sha256/"):
                self.assertEqual(digest, os.path.basename(name))
        with open(os.path.join(layout, "oci-layout")) as f:
            self.assertEqual(json.load(f), {"imageLayoutVersion": "1.0.0"})
        found = self.descriptor(layout)
        self.assertEqual((found["digest"], found["size"]), (facts["digest"], facts["size"]))
        self.assertEqual(found.get("annotations"), {mkimage.REF_NAME: tag} if tag else None)

    def others_read(self, layout, tag):
        """skopeo and umoci."""
        reference = "oci:%s:%s" % (layout, tag)
        judge.run("skopeo", "copy", "--quiet", reference, "dir:" + self.new(".dir"))
        told = json.loads(judge.run("skopeo", "inspect", "--raw", reference))
        self.assertEqual(told["schemaVersion"], 2)
        bundle = self.new(".bundle")
        judge.run("umoci", "unpack", "--image", "%s:%s" % (layout, tag), bundle)
        return os.path.join(bundle, "rootfs")


class Saved(SaveCase):
    def test_layouts(self):
        for codecs in (("gzip", "zstd:frames=3", "plain"), ("gzip:members=3",), ("plain", "gzip")):
            with self.subTest(codecs):
                source = self.layout(samples.image(*codecs))
                out = self.save("oci:%s:latest" % source)
                self.assertEqual(self.said.stdout.decode(), "oci:%s:latest %s\n" % (out, self.facts["manifests"][0]["digest"]))
                self.assertEqual(self.said.stderr, "")
                self.whole(out, self.facts["manifests"][0], "latest")
                self.assertEqual(self.descriptor(out)["platform"], {"architecture": "amd64", "os": "linux"})
                self.same(out, source)
                if "zstd:frames=3" not in codecs:       # umoci does not read it
                    self.others_read(out, "latest")

    def test_archives(self):
        source = self.layout(samples.image("gzip"))     # skopeo would pack what is plain
        archive, docker = self.path("oci.tar"), self.path("docker.tar")
        judge.run("skopeo", "copy", "--quiet", "oci:%s:latest" % source, "oci-archive:%s:t1" % archive)
        out = self.save("oci-archive:%s:t1" % archive)
        self.whole(out, self.facts["manifests"][0], "t1")
        # Docker's has no manifest of its own: one is made, and the layers are as they lie there
        judge.run("skopeo", "copy", "--quiet", "oci:%s:latest" % source, "docker-archive:%s:docker.io/library/x:v7" % docker)
        out = self.save("docker-archive:%s:docker.io/library/x:v7" % docker)
        self.assertEqual(self.descriptor(out)["annotations"], {mkimage.REF_NAME: "v7"})
        self.same(out, source)
        self.others_read(out, "v7")

    def test_docker_types_stay(self):
        source = self.layout(Image([Layer().file("a", b"x")], family="docker"))
        out = self.save("oci:%s:latest" % source)
        self.whole(out, self.facts["manifests"][0], "latest")
        self.assertEqual(self.descriptor(out)["mediaType"], mkimage.MANIFEST["docker"])
        self.assertIn("Docker's media types", self.said.stderr)
        self.same(out, source)
        # by a name skopeo finds the types of OCI only, and so it does after its own conversion
        converted = self.new(".converted")
        judge.run("skopeo", "copy", "--quiet", "oci:" + out, "oci:%s:latest" % converted)
        self.others_read(converted, "latest")

    def test_identical_layers_are_there_once(self):
        layer = Layer().file("a", b"x" * 100)
        source = self.layout(Image([layer, Layer().file("b"), layer, layer]))
        out = self.save(source)
        self.whole(out, self.facts["manifests"][0], None)
        self.assertEqual(len(os.listdir(os.path.join(out, "blobs/sha256"))), 4)
        self.same(out, source)

    def test_contents_in_descriptors(self):
        source = self.layout(Image([Layer().file("a", b"x")], inline=True))
        out = self.save(source)
        self.whole(out, self.facts["manifests"][0], None)

    def test_no_layers(self):
        source = self.layout(Image([]))
        self.whole(self.save(source), self.facts["manifests"][0], None)

    def test_one_of_several(self):
        """Only the image of the platform; the variant stands in the index."""
        layout = Layout().add_index([Image([Layer().file("a")]), Image([Layer().file("b")], arch="arm64", variant="v9")], tags=["multi"])
        source = self.layout(layout)
        out = self.new(".saved")
        done = judge.o2r("save", "oci:%s:multi" % source, out, "--platform=linux/arm64/v9")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.whole(out, self.facts["manifests"][1], "multi")
        self.assertEqual(self.descriptor(out)["platform"], {"architecture": "arm64", "os": "linux", "variant": "v9"})

    def test_tag(self):
        source = self.layout(Image([Layer().file("a", b"x")]))
        for reference, args, tag in (
                (source, (), None), (source, ("--tag", "mine"), "mine"), ("oci:" + source, ("-t", "v1.0_x"), "v1.0_x"),
                ("oci:%s:latest" % source, (), "latest"), ("oci:%s:latest" % source, ("--tag=docker.io/library/a:b",), "docker.io/library/a:b"),
                ("oci:%s:@0" % source, (), None), (source, ("--tag", "a--b+c@d"), "a--b+c@d")):
            with self.subTest(reference=reference, args=args):
                self.whole(self.save(reference, *args), self.facts["manifests"][0], tag)
        for tag in ("", "-a", "a-", "a b", "a..b", "a---b", "\u00e4", "a/", "a\n"):
            with self.subTest(tag):
                out = self.save(source, "--tag", tag, code=2)
                self.assertFalse(os.path.exists(out))
                self.assertEqual(len(judge.problems(self.said.stderr)), 1, self.said.stderr)

    def test_of_a_view(self):
        source = self.layout(samples.image("gzip", "plain"))
        with view(source) as v:
            out = self.save(v.root, env=v.env)
            self.whole(out, self.facts["manifests"][0], None)

    def test_of_what_was_saved(self):
        source = self.layout(samples.image("gzip", "plain"))
        first = self.save(source, "--tag=a")
        second = self.save("oci:%s:a" % first)
        self.assertEqual(files(first), files(second))

    def test_json_and_quiet(self):
        source = self.layout(samples.image("gzip", "plain"))
        facts = self.facts["manifests"][0]
        out = self.save(source, "--format=json", "--tag=x")
        self.assertEqual(json.loads(self.said.stdout), {
            "reference": source, "saved": "oci:%s:x" % out, "tag": "x", "manifest_digest": facts["digest"], "platform": "linux/amd64", "layers": 3,
            "layer_bytes": sum(layer["size"] for layer in facts["layers"])})
        self.save(source, "-q")
        self.assertEqual(self.said.stdout, b"")

    def test_what_is_printed_opens_it(self):
        source = self.layout(samples.image("gzip"))
        for name, tag in (("plain", "t"), ("with:colon", None), ("with space", "t")):
            with self.subTest(name):
                done = judge.o2r("save", source, name, AMD64, *(["--tag", tag] if tag else []), cwd=self.work)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                reference = done.stdout.decode().rpartition(" ")[0]
                again = judge.o2r("digest", reference, AMD64, cwd=self.work)
                self.assertEqual((again.returncode, again.stdout.decode().strip()), (0, done.stdout.decode().split()[-1]), again.stderr)


class Places(SaveCase):
    def setUp(self):
        super().setUp()
        self.source = self.layout(samples.image("gzip", "plain"))

    def test_an_empty_directory_stays_itself(self):
        out = self.new(".there")
        os.mkdir(out, 0o750)
        before = os.stat(out)
        for name in (out, out + "/"):
            done = judge.o2r("save", self.source, name, AMD64)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual((os.stat(out).st_ino, os.stat(out).st_mode), (before.st_ino, before.st_mode))
            self.whole(out, self.facts["manifests"][0], None)
            for entry in os.listdir(out):
                path = os.path.join(out, entry)
                shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)

    def test_the_current_directory(self):
        out = self.new(".there")
        os.mkdir(out)
        self.assertEqual(judge.o2r("save", self.source, ".", AMD64, cwd=out).returncode, 0)
        self.whole(out, self.facts["manifests"][0], None)

    def test_links(self):
        """To an empty directory: that one is filled; to nothing: refused."""
        out, link = self.new(".there"), self.new(".link")
        os.mkdir(out)
        os.symlink(out, link)
        self.assertEqual(judge.o2r("save", self.source, link, AMD64).returncode, 0)
        self.whole(out, self.facts["manifests"][0], None)
        os.unlink(link)
        for end in ("", "/"):
            os.symlink("nothing", link)
            self.assertEqual(judge.o2r("save", self.source, link + end, AMD64).returncode, 2)
            self.assertEqual(os.readlink(link), "nothing")
            os.unlink(link)

    def test_a_mount_point(self):
        with self.filesystem("-t", "tmpfs", "tmpfs") as where:
            self.assertEqual(judge.o2r("save", self.source, where, AMD64).returncode, 0)
            self.whole(where, self.facts["manifests"][0], None)

    def test_umask(self):
        out = self.save(self.source, preexec_fn=lambda: os.umask(0o027))
        self.assertEqual({mode for mode, _ in files(out).values()}, {0o640, 0o750})

    def test_refused(self):
        full, file = self.new(".there"), self.path("file")
        os.mkdir(full)
        with open(os.path.join(full, "x"), "w"):
            pass
        with open(file, "w"):
            pass
        before = sorted(os.listdir(self.work))
        for out, code, words in (
                (full, 2, "is not empty"), (file, 2, "no directory"), (file + "/x", 3, "Not a directory"), (self.path("none/x"), 3, "none"),
                ("", 2, "empty"), ("oci:%s:tag" % self.path("x"), 2, "--tag"), (self.source, 2, "is not empty")):
            with self.subTest(out):
                done = judge.o2r("save", self.source, out, AMD64)
                self.assertEqual((done.returncode, done.stdout), (code, b""), done.stderr)
                self.assertEqual(len(judge.problems(done.stderr)), 1, done.stderr)
                self.assertIn(words, done.stderr)
                self.assertEqual(sorted(os.listdir(self.work)), before)
        self.assertEqual(os.listdir(full), ["x"])
        for args, words in (((), "no image"), ((self.source,), "no directory"), ((self.source, "a", "b"), "one operand too many")):
            done = judge.o2r("save", *args)
            self.assertEqual((done.returncode, done.stdout), (2, b""), done.stderr)
            self.assertIn(words, done.stderr)


class Nothing(SaveCase):
    """What fails leaves nothing: not beside the directory, and not in one that was there."""

    def nothing(self, reference, code, words, *args, **kw):
        outer, there = self.new(".outer"), self.new(".there")
        os.mkdir(outer)
        os.mkdir(there)
        for out in (os.path.join(outer, "out"), there):
            done = judge.o2r("save", reference, out, AMD64, *args, **kw)
            self.assertEqual((done.returncode, done.stdout), (code, b""), done.stderr)
            lines = judge.problems(done.stderr)
            self.assertEqual(len(lines), 1, done.stderr)
            for word in words:
                self.assertIn(word, lines[0])
            self.assertEqual((os.listdir(outer), os.listdir(there)), ([], []))

    def test_bad_blobs(self):
        for which in range(3):
            for damage in ("flip", "cut", "longer", "gone"):
                with self.subTest(which=which, damage=damage):
                    source = self.layout(Image([Layer().file("a", os.urandom(3 * MIB)), Layer().file("b", b"b"), Layer().file("c", os.urandom(MIB))], codec="plain"))
                    digest = self.facts["manifests"][0]["layers"][which]["digest"]
                    path = self.blob(source, digest)
                    with open(path, "r+b") as f:
                        size = f.seek(0, 2)
                        if damage == "flip":
                            f.seek(size // 2)
                            byte = f.read(1)
                            f.seek(size // 2)
                            f.write(bytes([byte[0] ^ 1]))
                        elif damage == "cut":
                            f.truncate(size - 1)
                        elif damage == "longer":
                            f.write(b"x")
                    if damage == "gone":
                        os.unlink(path)
                    self.nothing(source, 6, [digest[:19]])

    def test_bad_config(self):
        source = self.layout(Image([Layer().file("a", b"x")]))
        path = self.blob(source, self.facts["manifests"][0]["config"])
        with open(path, "r+b") as f:
            f.write(b" ")
        self.nothing(source, 6, [])

    def test_no_such_image(self):
        source = self.layout(Image([Layer().file("a", b"x")]))
        self.nothing("oci:%s:none" % source, 3, ["none"])

    def test_no_space(self):
        source = self.layout(Image([Layer().file("a", os.urandom(MIB)), Layer().file("b", os.urandom(MIB))], codec="plain"))
        for size in ("16k", "1m", "1500k"):
            with self.subTest(size), self.filesystem("-t", "tmpfs", "-o", "size=" + size, "tmpfs") as where:
                for out in (where, os.path.join(where, "out")):
                    done = judge.o2r("save", source, out, AMD64)
                    self.assertEqual((done.returncode, done.stdout), (7, b""), done.stderr)
                    self.assertEqual(len(judge.problems(done.stderr)), 1, done.stderr)
                    self.assertEqual(os.listdir(where), [])

    def test_a_read_only_place(self):
        source = self.layout(Image([Layer().file("a", b"x")]))
        with self.filesystem("-t", "tmpfs", "-o", "ro", "tmpfs") as where:
            for out in (where, os.path.join(where, "out")):
                done = judge.o2r("save", source, out, AMD64)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn("Read-only", done.stderr)

    def interrupted(self, source, out, place, sig):
        """The exit status and stderr of a run that was stopped while it copied; None when it was too fast."""
        child = subprocess.Popen([judge.O2R, "save", source, out, AMD64], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 preexec_fn=lambda: [sig == signal.SIGKILL or signal.signal(sig, signal.SIG_DFL), os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))])
        try:
            while child.poll() is None and not os.listdir(place):
                time.sleep(0.0005)
            if child.poll() is None:
                for each in (signal.SIGSTOP, sig, signal.SIGCONT):
                    os.kill(child.pid, each)
            said = child.communicate(timeout=120)[1].decode()
            return (child.returncode, said) if child.returncode else None
        finally:
            child.kill()
            child.communicate()

    def test_interrupted(self):
        data = os.urandom(MIB)
        source = self.layout(Image([Layer().file("a", data * 150), Layer().file("b", data * 150)], codec="plain"))
        for sig in (signal.SIGINT, signal.SIGTERM):
            for inside in (False, True):
                with self.subTest(sig=sig, inside=inside):
                    for _ in range(10):
                        place = self.new(".place")
                        os.mkdir(place)
                        found = self.interrupted(source, place if inside else os.path.join(place, "out"), place, sig)
                        if found:
                            break
                        shutil.rmtree(place)
                    self.assertIsNotNone(found, "it always ended before the signal came")
                    self.assertEqual(found[0], 130, found[1])
                    self.assertIn("interrupted", found[1])
                    self.assertEqual(os.listdir(place), [])

    def test_killed(self):
        """What it leaves goes with the next one to the same place."""
        source = self.layout(Image([Layer().file("a", os.urandom(MIB) * 150)], codec="plain"))
        for inside in (False, True):
            with self.subTest(inside=inside):
                for _ in range(10):
                    place = self.new(".place")
                    os.mkdir(place)
                    out = place if inside else os.path.join(place, "out")
                    if self.interrupted(source, out, place, signal.SIGKILL) and len(os.listdir(place)) == 1:
                        break
                    shutil.rmtree(place)
                self.assertRegex(os.listdir(place)[0], r"\A\.(o2r|out)\.[0-9a-f]{8}\.tmp\Z")
                done = judge.o2r("save", source, out, AMD64)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertEqual(sorted(os.listdir(place)), ["blobs", "index.json", "oci-layout"] if inside else ["out"])
                self.whole(out, self.facts["manifests"][0], None)

    def test_two_at_once(self):
        """Into one directory that is there: one wins, and what is there is whole."""
        data = os.urandom(MIB)
        source = self.layout(Image([Layer().file("a", data * 20)], codec="plain"))
        for _ in range(5):
            out = self.new(".there")
            os.mkdir(out)
            runs = [subprocess.Popen([judge.O2R, "save", source, out, AMD64], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                    for _ in range(3)]
            said = [run.communicate()[1].decode() for run in runs]
            self.assertEqual([run.returncode for run in runs].count(0), 1, said)
            self.whole(out, self.facts["manifests"][0], None)

"""Images in archives: of every writer, however packed, from files and from standard input. Each makes the bytes that the layout makes."""
import gzip
import json
import os
import shutil
import subprocess
import tarfile
import time

import archives
import caching
import judge
import mkimage
import samples
from judge import MIB
from mkimage import Image, Layer
from viewing import view

AMD64 = "--platform=linux/amd64"


def other(**options):
    return Image([Layer().file("other", b"other\n"), Layer().file("second", samples.noise(40_000))], **options)


class ArchiveCase(judge.Case):
    GATE = False

    def write(self, data, suffix=".tar"):
        return archives.put(self.new(suffix), data)

    def made_of(self, reference, *args, **kw):
        """The SHA-256 of its smallest image."""
        return judge.sha256(self.snapshot(reference, "--size=min", *args, **kw)[0])

    def run_on(self, data, *args):
        """The command with an archive on a pipe, and from a file by redirection: both say the same."""
        piped = subprocess.run([judge.O2R, *args], input=data, capture_output=True)
        path = self.write(data)
        with open(path, "rb") as f:
            redirected = judge.o2r(*args, stdin=f)
        self.assertEqual((piped.returncode, piped.stdout), (redirected.returncode, redirected.stdout), (piped.stderr, redirected.stderr))
        return redirected

    def image(self):
        """A layout of three layers, and what it makes."""
        self.plain = samples.image("plain")
        self.whole = self.layout(self.plain, tags=["v1"])
        self.want = self.made_of(self.whole)


class Kinds(ArchiveCase):
    def test_every_writer_makes_the_bytes_of_the_layout(self):
        self.image()
        skopeo = {}
        for kind, name in (("oci-archive", "v1"), ("docker-archive", "example.com/x:v1")):
            skopeo[kind] = self.new(".tar")
            judge.run("skopeo", "copy", "--quiet", "oci:%s:v1" % self.whole, "%s:%s:%s" % (kind, skopeo[kind], name))
        tags = ["x:v1"]
        for what, path in (
                ("a tar of the layout", self.write(archives.of_layout(self.whole))),
                ("names with ./ in front", self.write(archives.of_layout(self.whole, prefix="./"))),
                ("the other way round", self.write(archives.of_layout(self.whole, order=reversed))),
                ("skopeo's oci-archive", skopeo["oci-archive"]), ("skopeo's docker-archive", skopeo["docker-archive"]),
                ("docker save of old", self.write(archives.legacy((self.plain, tags)))),
                ("docker save of 25", self.write(archives.modern((self.plain, tags)))),
                ("its layers compressed", self.write(archives.modern((self.plain, tags), codec="gzip"))),
                ("a release candidate of 25", self.write(archives.modern((self.plain, tags), candidate=True)))):
            with self.subTest(what):
                self.assertEqual(self.made_of(path), self.want)

    def test_it_is_all_the_same_however_it_is_packed(self):
        self.image()
        for writer, data in (("oci", archives.of_layout(self.whole)), ("docker", archives.legacy((self.plain, ["x:v1"])))):
            for codec in ("plain", *archives.PACKERS):
                for args in ((), ("--no-cache",)):
                    with self.subTest(writer=writer, codec=codec, args=args):
                        self.assertEqual(self.made_of(self.write(archives.pack(data, codec)), *args), self.want)

    def test_a_view_and_all_who_look(self):
        self.image()
        digest = judge.o2r("digest", self.whole, AMD64).stdout
        listing = judge.o2r("ls", "-lR", self.whole, AMD64).stdout
        for codec in ("plain", "gzip"):
            path = self.write(archives.pack(archives.of_layout(self.whole), codec))
            for reference in (path, "oci-archive:" + path, "oci-archive:%s:v1" % path, "oci-archive:%s:@0" % path):
                with self.subTest(reference=reference):
                    self.assertEqual(judge.o2r("digest", reference, AMD64).stdout, digest)
            self.assertEqual(judge.o2r("ls", "-lR", path, AMD64).stdout, listing)
            self.assertEqual(judge.o2r("cat", path, "bin/ping", AMD64).stdout, samples.noise(300_001, b"ping"))
            told = json.loads(judge.o2r("inspect", path, AMD64, "--format=json").stdout)
            self.assertEqual("%s\n" % told["manifest_digest"], digest.decode())
            self.assertEqual(judge.o2r("diff", "--exit-code", path, self.whole, AMD64).returncode, 0)
            with view(path) as v, view(self.whole) as w:
                judge.same_lines(judge.treedump(v.root), judge.treedump(w.root), "the view")
                out = self.new(".ext4")
                self.assertEqual(v.command("snapshot", v.root, "-o", out, "--size=min").returncode, 0)
                self.assertEqual(judge.sha256(out), self.want)

    def test_saved_as_a_layout(self):
        self.image()
        for data in (archives.of_layout(self.whole), archives.legacy((self.plain, ["x:v1"]))):
            out = self.new(".saved")
            self.assertEqual(judge.o2r("save", self.write(data), out, AMD64).returncode, 0)
            self.assertEqual(self.made_of(out), self.want)

    def test_standard_input(self):
        self.image()
        for data in (archives.of_layout(self.whole), archives.modern((self.plain, ["x:v1"])), archives.legacy((self.plain, ["x:v1"]))):
            for codec in ("plain", "gzip"):
                packed = archives.pack(data, codec)
                for args in ((), ("--no-cache",)):
                    out = self.new(".ext4")
                    self.run_on(packed, "snapshot", "-", "-o", out, AMD64, "--size=min", "--force", "-q", *args)
                    self.assertEqual(judge.sha256(out), self.want)
        done = self.run_on(archives.legacy((self.plain, ["x:v1"]), (other(), ["y:v1"])), "cat", "docker-archive:-:y:v1", "other", AMD64)
        self.assertEqual(done.stdout, b"other\n", done.stderr)

    def test_standard_input_is_there_once(self):
        data = archives.legacy((other(), ["y:v1"]))
        done = self.run_on(data, "diff", "-", "-", AMD64)
        self.assertEqual(done.returncode, 6, done.stderr)
        self.assertIn("standard input", done.stderr)

    def test_the_view_of_a_pipe_cannot_be_opened_again(self):
        path = self.write(archives.legacy((other(), ["y:v1"])))
        reading, writing = os.pipe()
        with view(path) as v, open(path, "rb") as f:
            where = self.new(".mnt")
            os.mkdir(where)
            done = subprocess.run([judge.O2R, "mount", "-", where, AMD64], stdin=f, env=v.env, capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            try:
                self.assertEqual(open(where + "/other").read(), "other\n")
                done = v.command("snapshot", where, "-o", self.new(".ext4"))
                self.assertEqual((done.returncode, "nothing can be read twice" in done.stderr), (1, True), done.stderr)
            finally:
                self.assertEqual(v.command("umount", where).returncode, 0)
        os.close(reading)
        os.close(writing)


class Choices(ArchiveCase):
    def test_docker_archives_of_several_images(self):
        images = ((samples.small(), ["nginx:1", "nginx:latest"]), (other(), ["localhost/mine:v2", "quay.io/o/x:3"]), (other(arch="arm64"), None))
        for writer in (archives.legacy, archives.modern):
            path = self.write(writer(*images))
            for tag, file in (("nginx", "hello"), ("nginx:1", "hello"), ("docker.io/library/nginx:1", "hello"), ("@0", "hello"),
                              ("mine:v2", "other"), ("localhost/mine:v2", "other"), ("quay.io/o/x:3", "other"), ("@1", "other")):
                with self.subTest(writer=writer.__name__, tag=tag):
                    self.assertIn(file, judge.o2r("ls", "docker-archive:%s:%s" % (path, tag), AMD64).stdout.decode().split())
            self.assertIn(b"other", judge.o2r("ls", "docker-archive:" + path, "--platform=linux/arm64").stdout)
            for tag, code, words in (("mine", 3, ['has no image "mine", only nginx:1, nginx:latest, localhost/mine:v2 and']),
                                     ("x", 3, ["has no image"]), ("@3", 3, ["no entry @3: its manifest.json has 3"]),
                                     ("@x", 2, ["is not an entry of manifest.json"]), ("", 2, ["ends in a colon"])):
                words = [w for w in words if "and" not in w] or ['has no image "mine"', "localhost/mine:v2"]
                self.refused("docker-archive:%s:%s" % (path, tag), code=code, words=words)
            line = self.refused("docker-archive:" + path, code=2, words=["has several images for linux/amd64", "nginx:1 (@0)",
                                "docker-archive:FILE:@N"])
            self.assertIn("localhost/mine:v2 (@1)", line)

    def test_the_same_name_twice(self):
        path = self.write(archives.legacy((samples.small(), ["x:1"]), (other(), ["x:1"])))
        self.refused("docker-archive:%s:x:1" % path, code=2, words=['has several images "x:1": @0, @1'])
        path = self.write(archives.legacy((other(), ["x:1"]), (other(), ["x:1"])))
        self.assertEqual(judge.o2r("cat", "docker-archive:%s:x:1" % path, "other", AMD64).stdout, b"other\n")

    def test_only_what_is_wanted_is_looked_at(self):
        def edit(value):
            value[1]["Layers"][0] = "missing/layer.tar"
            return value
        path = self.write(archives.legacy((samples.small(), ["a:1"]), (other(), ["b:1"]), edit=edit))
        self.assertEqual(judge.o2r("cat", "docker-archive:%s:a:1" % path, "hello", AMD64).stdout, b"hello\n")
        self.refused("docker-archive:%s:b:1" % path, code=6, words=["image @1: layer 1 of 2 (missing/layer.tar)", "is not in the archive"])

    def test_oci_archives_of_several_images(self):
        layout = self.layout(mkimage.Layout().add(samples.small(), tags=["a"]).add(other(), tags=["b", "c"]))
        path = self.write(archives.of_layout(layout))
        for tag, file in (("a", "hello"), ("b", "other"), ("c", "other"), ("@0", "hello"), ("@2", "other")):
            self.assertIn(file, judge.o2r("ls", "oci-archive:%s:%s" % (path, tag), AMD64).stdout.decode().split())
        self.refused("oci-archive:" + path, code=2, words=["a (@0), b (@1), c (@2)", "oci-archive:FILE:TAG"])
        self.refused("oci-archive:%s:d" % path, code=3, words=['has no image "d", only a (@0), b (@1), c (@2)'])
        self.assertIn(b"other", judge.o2r("ls", "oci-archive:%s@1" % path, AMD64).stdout)

    def test_names_of_podman(self):
        layout = self.layout(mkimage.Layout().add(samples.small(), tags=["localhost/a:v1"]).add(other(), tags=["docker.io/library/b:v1"]))
        path = self.write(archives.of_layout(layout))
        for tag, file in (("a:v1", "hello"), ("localhost/a:v1", "hello"), ("b:v1", "other")):
            self.assertIn(file, judge.o2r("ls", "oci-archive:%s:%s" % (path, tag), AMD64).stdout.decode().split(), tag)

    def test_files_with_odd_names(self):
        data = archives.legacy((other(), ["y:v1"]))
        os.chdir(self.work)
        self.addCleanup(os.chdir, "/")
        for name in ("-", "a:b", "x@0"):
            archives.put(self.path(name), data)
            self.assertEqual(judge.o2r("cat", "./" + name, "other", AMD64).stdout, b"other\n", name)
        self.assertEqual(judge.o2r("cat", "docker-archive:x@0", "other", AMD64).stdout, b"other\n")
        archives.put(self.path("x"), data)
        os.unlink("x@0")
        self.assertEqual(judge.o2r("cat", "docker-archive:x@0", "other", AMD64).stdout, b"other\n")
        done = judge.o2r("ls", "./x:y:v1", AMD64)
        self.assertEqual((done.returncode, "choose an image of ./x write docker-archive:./x:y:v1" in done.stderr), (3, True), done.stderr)


class Links(ArchiveCase):
    def test_layers_that_are_links(self):
        image = samples.small()
        config, (layer,) = archives.parts(image)
        for what, tar in (
                ("symbolic", archives.Tar().file("real.tar", layer).link("d/layer.tar", "../real.tar")),
                ("hard", archives.Tar().file("real.tar", layer).link("d/layer.tar", "real.tar", tarfile.LNKTYPE)),
                ("hard, in front", archives.Tar().link("d/layer.tar", "./real.tar", tarfile.LNKTYPE).file("real.tar", layer)),
                ("of a link", archives.Tar().file("real.tar", layer).link("a", "real.tar").link("d/layer.tar", "../d/../a")),
                ("twice, the last counts", archives.Tar().file("d/layer.tar", b"x").file("./d//layer.tar", layer))):
            with self.subTest(what):
                data = tar.file("c.json", config).file("manifest.json", archives.dump(
                    [{"Config": "c.json", "RepoTags": None, "Layers": ["d/layer.tar"]}])).bytes()
                for codec in ("plain", "gzip"):
                    self.assertEqual(judge.o2r("cat", self.write(archives.pack(data, codec)), "hello", AMD64).stdout, b"hello\n")

    def test_the_same_layer_more_than_once(self):
        layer = Layer().file("a", b"a\n")
        image = Image([layer, Layer().whiteout("a"), layer])
        for writer in (archives.legacy, archives.modern):
            self.assertEqual(judge.o2r("cat", self.write(writer((image, ["x:1"]))), "a", AMD64).stdout, b"a\n")

    def test_an_image_without_layers(self):
        for edit in (None, lambda value: [{**value[0], "Layers": None}]):
            path = self.write(archives.legacy((Image([]), ["x:1"]), edit=edit))
            self.assertEqual(judge.o2r("ls", path, AMD64).returncode, 0)

    def test_names_of_pax_and_gnu(self):
        """Long names, and members that pax headers stand in front of: blobs are found where they are."""
        image, long = samples.small(), "d/" * 60 + "layer.tar"
        config, (layer,) = archives.parts(image)
        for format in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
            tar = archives.Tar(format)
            tar.file("c.json", config, mtime=1.5).file(long, layer, mtime=2.25, uname="ü" * 40).file("after", b"x", mtime=3.5)
            data = tar.file("manifest.json", archives.dump([{"Config": "c.json", "RepoTags": [], "Layers": [long]}])).bytes()
            self.assertEqual(judge.o2r("cat", self.write(data), "hello", AMD64).stdout, b"hello\n")


class Reading(ArchiveCase):
    def layers_said(self, *args):
        done = judge.o2r("ls", *args, AMD64, "-v")
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stderr

    def test_a_plain_archive_is_hashed_once_and_never_copied(self):
        image = Image([Layer().file("a", samples.noise(3 * MIB)), Layer().file("b", samples.noise(2 * MIB, b"b"))], codec="gzip")
        for data in (archives.of_layout(self.layout(image)), archives.legacy((image, ["x:1"]))):
            path = self.write(data)
            age = 1_500_000_000
            os.utime(path, (age, age))
            cache = self.new(".cache")
            first = self.layers_said(path, "--cache", cache)
            self.assertNotIn("from the kept index", first)
            kept = self.wait_until_settled(path, cache)
            self.assertIn("from the kept index", kept)
            self.assertNotIn("computed again", kept)
            self.assertFalse(os.path.exists(os.path.join(cache, "blobs")) and os.listdir(os.path.join(cache, "blobs", "sha256")), "it was copied")

    def wait_until_settled(self, path, cache):
        """A file that was just written is not believed by its times: a second run later is."""
        for _ in range(40):
            said = self.layers_said(path, "--cache", cache)
            if "computed again" not in said:
                break
        return said

    def test_a_compressed_archive_is_decoded_into_the_cache_folder(self):
        image = Image([Layer().file("a", samples.noise(3 * MIB))])
        layout = self.layout(image)
        path, cache = self.write(archives.pack(archives.of_layout(layout), "gzip")), self.new(".cache")
        self.layers_said(path, "--cache", cache)
        self.assertEqual(["sha256:" + n for n in os.listdir(os.path.join(cache, "blobs", "sha256")) if "." not in n],
                         [self.facts["manifests"][0]["layers"][0]["digest"]])
        self.assertEqual(os.listdir(os.path.join(cache, "tmp")), [])
        again = self.layers_said(path, "--cache", cache)
        self.assertIn("from the kept index", again)
        self.assertNotIn("computed again", again)

    def decoded(self, path, cache, *args):
        """Whether a run has to decode the archive."""
        done = judge.o2r("ls", path, AMD64, "-vv", "--cache", cache, *args)
        self.assertEqual(done.returncode, 0, done.stderr)
        return "decoded before" not in done.stderr, done.stdout

    def once(self, path, cache):
        """Until a run finds what an earlier one decoded; what it shows."""
        for _ in range(100):
            again, shown = self.decoded(path, cache)
            if not again:
                return shown
            time.sleep(0.05)
        self.fail("each run decodes it")

    def kept(self, cache, kind):
        folder = os.path.join(cache, kind, "sha256")
        return [os.path.join(folder, name) for name in os.listdir(folder) if len(name) == 64]

    def test_a_compressed_archive_is_decoded_once(self):
        image = Image([Layer().file("a", samples.noise(3 * MIB)), Layer().file("b", b"b")], codec="gzip")
        data = archives.of_layout(self.layout(image))
        for data in (data, archives.legacy((image, ["x:1"]))):
            path, cache = self.write(archives.pack(data, "zstd")), self.new(".cache")
            _, shown = self.decoded(path, cache)
            want = self.made_of(path, "--no-cache")
            self.assertEqual(self.once(path, cache), shown)
            self.assertEqual(self.made_of(path, "--cache", cache), want)
            # by another name, and as standard input
            os.link(path, path + ".link")
            self.assertEqual(self.once(path + ".link", cache), shown)
            with open(path, "rb") as f:
                done = judge.o2r("ls", "-", AMD64, "-vv", "--cache", cache, stdin=f)
            self.assertEqual((done.stdout, "decoded before" in done.stderr), (shown, True), done.stderr)

    def test_what_was_kept_of_an_archive_is_believed_no_longer(self):
        image = Image([Layer().file("a", samples.noise(3 * MIB))], codec="gzip")
        path, cache = self.write(archives.pack(archives.of_layout(self.layout(image)), "gzip")), self.new(".cache")
        shown = self.once(path, cache)
        # a layer was pruned
        blob, = self.kept(cache, "blobs")
        os.unlink(blob)
        self.assertEqual(self.decoded(path, cache), (True, shown))
        # any byte of the listing is another one
        listing, = self.kept(cache, "archives")
        with open(listing, "rb") as f:
            good = f.read()
        for at in [*range(0, len(good), max(1, len(good) // 40)), len(good) - 1]:
            with open(listing, "r+b") as f:
                f.write(good[:at] + bytes([good[at] ^ 0x41]) + good[at + 1:])
            self.assertEqual(self.decoded(path, cache)[1], shown, at)
            self.assertEqual(self.once(path, cache), shown)
        # others may write to it
        os.chmod(self.kept(cache, "archives")[0], 0o666)
        self.assertEqual(self.decoded(path, cache), (True, shown))
        # another archive of the same size and mtime
        st, size = os.stat(path), os.path.getsize(path)
        other = archives.pack(archives.of_layout(self.layout(Image([Layer().file("b", samples.noise(2 * MIB, b"b"))]))), "gzip")
        with open(path, "r+b") as f:
            f.write(other)
        os.truncate(path, size)
        os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))
        self.assertEqual(os.path.getsize(path), size)
        again, shown = self.decoded(path, cache)
        self.assertEqual((again, b"b" in shown.split(), b"a" in shown.split()), (True, True, False), shown)

    def test_another_archive_of_the_same_identity(self):
        """On a filesystem whose ctime comes from the image that it is in, as one written by o2r."""
        cache, disk, seen, shown = self.new(".cache"), self.new(".disk"), [], []
        for name in ("a", "b"):
            inner = self.layout(Image([Layer().file(name, samples.noise(2 * MIB, name.encode()))], codec="plain"))
            packed = gzip.compress(archives.of_layout(inner), 0, mtime=0)       # whatever is in it, it has this size
            out, _ = self.snapshot(self.layout(Image([Layer().file("x.tar.gz", packed)])))
            shutil.copyfile(out, disk)          # the same file, on the same loop device
            if not seen:
                device = judge.run("losetup", "-f", "--show", disk).strip()
                self.addCleanup(judge.run, "losetup", "-d", device)
            judge.run("blockdev", "--flushbufs", device)
            with judge.loop_mount(device) as root:
                path = os.path.join(root, "x.tar.gz")
                st = os.stat(path)
                seen.append((st.st_dev, st.st_ino, st.st_size, st.st_mtime_ns, st.st_ctime_ns))
                shown.append([self.decoded(path, cache) for _ in range(2)])
        self.assertEqual(seen[0], seen[1])
        self.assertEqual(shown, [[(True, b"a\n"), (False, b"a\n")], [(True, b"b\n"), (False, b"b\n")]])

    def test_a_kept_layer_that_rots(self):
        """Whoever finds out fails; the next one decodes the archive again."""
        image = Image([Layer().file("a", samples.noise(3 * MIB))], codec="plain")
        path, cache = self.write(archives.pack(archives.of_layout(self.layout(image)), "gzip")), self.new(".cache")
        want, shown = self.made_of(path, "--cache", cache), self.once(path, cache)
        blob, = self.kept(cache, "blobs")
        caching.rot(cache, blob, os.path.getsize(blob) // 2)
        done = judge.o2r("snapshot", path, AMD64, "-o", self.path("rotten"), "--cache", cache)
        self.assertEqual(done.returncode, 6, done.stderr)
        self.assertEqual(self.made_of(path, "--cache", cache), want)
        self.assertEqual(self.once(path, cache), shown)

    def test_a_limit_does_not_cost_a_kept_layer(self):
        image = Image([Layer().file("abc", samples.noise(2 * MIB))])
        path, cache = self.write(archives.pack(archives.of_layout(self.layout(image)), "gzip")), self.new(".cache")
        shown, blob = self.once(path, cache), self.kept(cache, "blobs")
        for limit in ("path=1", "layer-bytes=2097152"):
            done = judge.o2r("ls", path, AMD64, "--cache", cache, "--limit", limit)
            self.assertEqual((done.returncode, "--limit" in done.stderr), (6, True), done.stderr)
            self.assertEqual((self.kept(cache, "blobs"), self.decoded(path, cache)), (blob, (False, shown)))

    def test_what_is_kept_of_archives_is_listed_and_pruned(self):
        path, cache = self.write(archives.pack(archives.of_layout(self.layout(samples.small())), "gzip")), self.new(".cache")
        self.once(path, cache)
        done = judge.o2r("cache", "ls", "--cache", cache)
        self.assertRegex(done.stdout, rb"(?m)^archive\s+sha256:")
        self.assertEqual(judge.o2r("cache", "prune", "--cache", cache).returncode, 0)
        self.assertEqual(self.kept(cache, "archives"), [])

    def test_many_large_files_take_few_descriptors(self):
        """As many as images have layers, and more than a process may have open."""
        count = 60
        image = Image([Layer().file("f%d" % i, bytes(1200 << 10)) for i in range(count)], codec="plain")
        data = archives.pack(archives.legacy((image, ["x:1"]), (samples.small(), ["y:1"])), "gzip")
        path = self.write(data)
        done = judge.o2r("ls", "docker-archive:%s:y:1" % path, AMD64, "--no-cache", wrap=["prlimit", "--nofile=40:40"])
        self.assertEqual(done.returncode, 0, done.stderr)
        done = judge.o2r("ls", "docker-archive:%s:y:1" % path, AMD64, wrap=["prlimit", "--nofile=40:40"])
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_an_archive_that_changes_under_a_view(self):
        content = samples.noise(4 * MIB)
        path = self.write(archives.legacy((Image([Layer().file("a", content)]), ["x:1"])))
        with view(path) as v:
            at = open(path, "rb").read().index(content[MIB:MIB + 100])
            with open(path, "r+b") as f:
                f.seek(at)
                f.write(bytes(100))
            with open(os.path.join(v.root, "a"), "rb") as f:
                with self.assertRaises(OSError) as caught:
                    f.read()
            self.assertEqual(caught.exception.errno, 5)
            out = self.new(".ext4")
            done = v.command("snapshot", v.root, "-o", out)
            self.assertEqual((done.returncode, os.path.exists(out)), (6, False), done.stderr)
            os.truncate(path, at)
            with open(os.path.join(v.root, "a"), "rb") as f:
                f.seek(2 * MIB)
                self.assertRaises(OSError, f.read)

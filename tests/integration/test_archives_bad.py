"""Archives that are damaged, cut, incomplete or hostile: one line that says what is wrong, and nothing written."""
import json
import os
import subprocess
import tarfile
import time

import archives
import bad
import judge
import samples
from judge import MIB
from mkimage import Image, Layer
from viewing import wait_for

AMD64 = "--platform=linux/amd64"


class ArchiveCase(bad.BadCase):
    GATE = False

    def write(self, data, suffix=".tar"):
        return archives.put(self.new(suffix), data)

    def says(self, path, *args, code=6, words=(), form="%s"):
        return self.refused(form % path, *args, code=code, words=[path, *words])

    def no(self, data, *args, **kw):
        """The archive is refused in the same words as it is and compressed."""
        path, packed = self.write(data), self.write(archives.pack(data, "gzip"))
        line = self.says(path, *args, **kw)
        self.assertEqual(self.says(packed, *args, **kw).replace(packed, path), line)
        return line

    def holding(self, manifest, *files, config=True):
        """A docker-archive of these files (name, bytes) and manifest.json; c.json is the config of one layer l.tar."""
        tar = archives.Tar()
        image = samples.small()
        data, (layer,) = archives.parts(image)
        if config:
            tar.file("c.json", data).file("l.tar", layer)
        for name, content in files:
            if isinstance(content, tuple):
                tar.link(name, *content)
            else:
                tar.file(name, content)
        return tar.file("manifest.json", manifest if isinstance(manifest, bytes) else archives.dump(manifest)).bytes()

    def entry(self, config="c.json", layers=("l.tar",), **more):
        return {"Config": config, "Layers": list(layers), **more}


class Cut(ArchiveCase):
    def test_cut_anywhere(self):
        """What comes through is what the whole archive is: only what is behind all that is wanted may be missing."""
        image = Image([Layer().file("a", samples.noise(20_000)).file("b", b"b")])
        for data in (archives.of_layout(self.layout(image)), archives.legacy((image, ["x:1"])), archives.modern((image, ["x:1"]))):
            whole = judge.o2r("ls", "-lR", self.write(data), AMD64).stdout
            for codec in ("plain", "gzip"):
                packed = archives.pack(data, codec)
                for size in bad.spread(len(packed), 60)[:-1]:
                    done = judge.o2r("ls", "-lR", self.write(packed[:size]), AMD64, "--no-cache")
                    self.assertIn(done.returncode, (0, 3, 6), (codec, size, done.stderr))
                    self.assertEqual(done.stdout, whole if done.returncode == 0 else b"", (codec, size))
                    if done.returncode:
                        self.assertEqual(len(judge.problems(done.stderr)), 1, done.stderr)
                    else:
                        self.assertGreater(size, len(packed) - 12000, "cut, and nobody noticed")

    def test_flipped_anywhere(self):
        image = Image([Layer().file("a", samples.noise(20_000)).file("b", b"b")])
        for data in (archives.of_layout(self.layout(image)), archives.legacy((image, ["x:1"]))):
            whole = judge.o2r("ls", "-R", self.write(data), AMD64).stdout
            for at in bad.spread(len(data), 120):
                done = judge.o2r("ls", "-R", self.write(bad.flipped(data, at)), AMD64, "--no-cache")
                self.assertIn(done.returncode, (0, 1, 3, 6), (at, done.stderr))
                self.assertEqual(done.stdout, whole if done.returncode == 0 else b"", at)

    def test_behind_the_end(self):
        """A last member that reaches past the end of the file, whatever its header says."""
        data = self.holding([self.entry()])
        at = data.rindex(b"manifest.json")
        header = bytearray(data[at:at + 512])
        header[124:136] = b"77777777777\0"
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
        data = data[:at] + bytes(header) + data[at + 512:]
        for packed in (data, archives.pack(data, "gzip")):
            self.says(self.write(packed), words=["cut short"])


class Kinds(ArchiveCase):
    def test_not_archives(self):
        self.says(self.write(b""), code=6, words=["there is nothing in it to read"])
        self.says(self.write(archives.pack(b"", "gzip")), code=6)
        self.says(self.write(b"\0" * 10240), code=3, words=["is no image", "neither the file oci-layout nor manifest.json"])
        self.says(self.write(samples.noise(10_000)), code=6, words=["it is no tar archive"])
        self.says(self.write(b"text\n" * 100), code=6, words=["it is no tar archive"])
        self.no(archives.Tar().file("a", b"a").bytes(), code=3, words=["is no image"])
        path = self.write(archives.Tar().file("oci-layout", b'{"imageLayoutVersion":"1.0.0"}').bytes())
        self.says(path, form="docker-archive:%s", code=3, words=["has no file manifest.json", "read as oci-archive:FILE"])
        path = self.write(self.holding([self.entry()]))
        self.says(path, form="oci-archive:%s", code=3, words=["has no file oci-layout", "read as docker-archive:FILE"])

    def test_the_wrong_form(self):
        layout, path = self.layout(samples.small()), self.write(self.holding([self.entry()]))
        for form in ("oci-archive", "docker-archive"):
            self.says(layout, form=form + ":%s", code=2, words=["is a directory, not an archive: write oci:" + layout])
        self.says(path, form="oci:%s", code=2, words=["is not a directory", "docker-archive:" + path])
        self.says(path, form="docker-archive:%s-none", code=3, words=["cannot open"])
        self.refused("docker-archive:", code=2, words=["has no file"])

    def test_standard_input(self):
        with open("/dev/null") as f:
            done = judge.o2r("ls", "-", stdin=f)
        self.assertEqual((done.returncode, "nothing in it to read" in done.stderr), (6, True), done.stderr)
        reading, writing = os.openpty()
        done = judge.o2r("ls", "-", stdin=writing)
        self.assertEqual((done.returncode, "is a terminal" in done.stderr), (2, True), done.stderr)
        os.close(reading)
        os.close(writing)
        done = subprocess.run("%s ls - <&-" % judge.O2R, shell=True, capture_output=True, text=True)
        self.assertIn(done.returncode, (1, 2, 3), done.stderr)


class Links(ArchiveCase):
    def test_links(self):
        for what, files, words in (
                ("to itself", [("x", ("x",))], ["x is a link to x, which leads on and on"]),
                ("in a circle", [("x", ("y",)), ("y", ("z",)), ("z", ("x",))], ["leads on and on"]),
                ("hard, in a circle", [("x", ("y", tarfile.LNKTYPE)), ("y", ("x", tarfile.LNKTYPE))], ["leads on and on"]),
                ("out", [("x", ("../l.tar",))], ["x is a link to ../l.tar, which is not in the archive"]),
                ("absolute", [("x", ("/etc/passwd",))], ["x is a link to /etc/passwd, which is not in the archive"]),
                ("out by a long way", [("d/x", ("../../../../etc/passwd",))], ["is not in the archive"]),
                ("dangling", [("x", ("none",))], ["x is a link to none, which the archive does not have"]),
                ("to a directory's name", [("x", ("d",)), ("d/file", b"")], ["which the archive does not have"])):
            with self.subTest(what):
                name = "d/x" if "d/x" in dict((n, 0) for n, _ in files) else "x"
                self.no(self.holding([self.entry(layers=[name])], *files), words=words)
                self.no(self.holding([self.entry(config=name)], *files), words=words)

    def test_names(self):
        for name in ("../l.tar", "/l.tar", "/etc/passwd", "../../../../../etc/passwd", "x", "", "d", "l.tar/x", "a" * 5000):
            with self.subTest(name=name):
                self.no(self.holding([self.entry(layers=[name])], ("d/file", b"")), words=["is not in the archive"])
                self.no(self.holding([self.entry(config=name)]), words=["is not in the archive"])

    def test_members_outside_are_not_looked_at(self):
        data = self.holding([self.entry(layers=["../l.tar"])], ("../l.tar", b"x"), ("/l.tar", b"x"))
        self.no(data, words=["is not in the archive"])


class Manifests(ArchiveCase):
    def test_manifests(self):
        for what, value, words in (
                ("no JSON", b"{", ["manifest.json"]), ("an object", {}, ["is an object, not"]), ("a number", 1, ["is a number, not"]),
                ("of numbers", [1], ["[0] is a number, not an object"]), ("no Config", [{"Layers": []}], ["[0].Config is missing"]),
                ("Config a number", [{"Config": 1, "Layers": []}], ["[0].Config is a number"]),
                ("Layers a string", [{"Config": "c.json", "Layers": "l.tar"}], ["[0].Layers is a string"]),
                ("a layer that is null", [self.entry(layers=[None])], ["Layers[0]"]),
                ("RepoTags of numbers", [self.entry(RepoTags=[1])], ["RepoTags[0]"]),
                ("too many names", [self.entry(RepoTags=["x:%d" % i for i in range(1001)])], ["more than 1000 names"]),
                ("too many images", [self.entry()] * 1001, ["more than 1000 images"]),
                ("too few layers", [self.entry(layers=[])], ["manifest.json has 0 layers, but config c.json has 1 diff_ids"]),
                ("null layers", [{"Config": "c.json", "Layers": None}], ["manifest.json has 0 layers"]),
                ("too many layers", [self.entry(layers=["l.tar"] * 2)], ["manifest.json has 2 layers"]),
                ("the config a layer", [self.entry(config="l.tar")], ["config l.tar"]),
                ("the layer a config", [self.entry(layers=["c.json"])], ["layer 1 of 1"]),
                ("twice the same member", b'[{"Config":"c.json","Config":"c.json","Layers":["l.tar"]}]', ["Config"])):
            with self.subTest(what):
                self.no(self.holding(value), words=words)
        self.no(self.holding([]), code=3, words=["holds no image"])
        self.no(b"".join([archives.Tar().file("manifest.json", b"[" + b" " * (5 << 20) + b"]").bytes()]), words=["--limit manifest=N"])

    def test_configs(self):
        image = samples.small()
        config, (layer,) = archives.parts(image)
        value = json.loads(config)
        for what, data, words in (
                ("no JSON", b"x", ["config c2"]), ("no diff_ids", archives.dump({**value, "rootfs": {}}), ["has 0 diff_ids"]),
                ("a bad diff_id", archives.dump({**value, "rootfs": {"type": "layers", "diff_ids": ["sha256:1"]}}), ["config c2"]),
                ("another diff_id", archives.dump({**value, "rootfs": {"type": "layers", "diff_ids": ["sha256:" + "0" * 64]}}), ["layer 1 of 1"]),
                ("an unknown algorithm", archives.dump({**value, "rootfs": {"type": "layers", "diff_ids": ["md5:" + "0" * 32]}}), ["config c2"]),
                ("too large", config + b" " * (9 << 20), ["--limit config=N"])):
            with self.subTest(what):
                self.no(self.holding([self.entry(config="c2")], ("c2", data)), words=words)
        name = "0" * 64 + ".json"
        self.no(self.holding([self.entry(config=name)], (name, config)), words=["not that of its name"])

    def test_layers_swapped(self):
        image = Image([Layer().file("a", b"a"), Layer().file("b", b"b")])

        def swap(value):
            value[0]["Layers"].reverse()
            return value
        self.no(archives.legacy((image, ["x:1"]), edit=swap), words=["layer "])

    def test_layers_of_a_compressed_kind_that_is_wrong(self):
        image = Image([Layer().file("a", samples.noise(5000))])
        config, (layer,) = archives.parts(image)
        packed = archives.pack(layer, "gzip")
        good = self.holding([self.entry(layers=["g"], config="c2")], ("c2", config), ("g", packed))
        self.assertEqual(judge.o2r("ls", self.write(good), AMD64).stdout, b"a\n")
        for data, words in ((packed[:2000], ["layer 1 of 1"]), (archives.pack(layer + b"\0" * 512, "gzip"), ["layer 1 of 1"]),
                            (archives.pack(layer, "xz"), ["layer 1 of 1"])):
            self.no(self.holding([self.entry(layers=["g"], config="c2")], ("c2", config), ("g", data)), words=words)

    def test_a_layout_in_it_that_is_wrong(self):
        """Where there is both the layout counts, and only counts that differ lead to manifest.json."""
        image = Image([Layer().file("a", samples.noise(5000))])
        data = archives.modern((image, ["x:1"]))
        at = data.index(b'"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest')
        self.no(bad.flipped(data, at + 17, 1), words=["sha256:"])

    def test_missing_blobs(self):
        layout = self.layout(Image([Layer().file("a", b"a"), Layer().file("b", b"b")]))
        digests = [layer["digest"] for layer in self.facts["manifests"][0]["layers"]]
        data = archives.of_layout(layout, order=lambda names: [n for n in names if digests[1][7:] not in n])
        self.no(data, words=["blob %s is missing" % digests[1]])


class Sizes(ArchiveCase):
    def test_sparse_members(self):
        """A sparse member's bytes do not lie in the archive: it is not read at an offset."""
        data, (layer,) = archives.parts(samples.small())
        for format in ("gnu", "posix"):
            folder = self.new(".dir")
            os.mkdir(folder)
            with open(folder + "/l.tar", "wb") as f:
                f.write(layer)
                f.truncate(MIB)
            archives.put(folder + "/c.json", data)
            archives.put(folder + "/manifest.json", archives.dump([self.entry()]))
            path = self.new(".tar")
            judge.run("tar", "--sparse", "--format", format, "-C", folder, "-cf", path, "manifest.json", "c.json", "l.tar")
            self.says(path, code=6, words=["l.tar is a sparse file"])

    def test_many_entries(self):
        tar = archives.Tar()
        header = archives.Tar().file("x", b"").bytes()[:512]
        data = header * 200_001 + archives.Tar().file("manifest.json", b"[]").bytes()
        self.no(data, words=["more than 200000 entries"])
        self.assertTrue(tar.bytes())

    def test_bombs(self):
        """What decodes to more than is allowed ends there."""
        zeros = archives.pack(archives.Tar().file("big", bytes(64 * MIB)).bytes(), "gzip")
        path = self.write(zeros)
        self.says(path, "--limit=layer-bytes=10M", code=6, words=["layer-bytes"])
        many = archives.Tar()
        for i in range(20):
            many.file("f%d" % i, bytes(2 * MIB))
        self.says(self.write(archives.pack(many.bytes(), "gzip")), "--limit=layer-bytes=10M", code=6, words=["layer-bytes"])

    def test_configs_together(self):
        """Configs are read whole: not as many as fit into memory."""
        base = json.loads(archives.parts(samples.small())[0])
        files, value = [], []
        for i in range(12):
            files.append(("c%d" % i, archives.dump({**base, "note": "%d" % i * (7 << 20)})))
            value.append(self.entry(config="c%d" % i))
        self.no(self.holding(value, *files), words=["configs have more than"])

    def test_many_layers_do_not_take_forever(self):
        layer = samples.small().tars()[0]
        count = 4097
        image = Image([layer] * count, diff_ids=None)
        config, _ = archives.parts(image)
        data = self.holding([self.entry(config="c2", layers=["l.tar"] * count)] * 3, ("c2", config))
        self.no(data, words=["more than 4096"])


class Places(ArchiveCase):
    def test_full_disk(self):
        data = archives.pack(archives.legacy((Image([Layer().file("a", samples.noise(3 * MIB))]), ["x:1"])), "gzip")
        path = self.write(data)
        with self.filesystem("-t", "tmpfs", "-o", "size=1m", "none") as where:
            os.chmod(where, 0o700)
            done = judge.o2r("ls", path, AMD64, "--no-cache", env={"TMPDIR": where})
            self.assertEqual((done.returncode, "set TMPDIR" in done.stderr), (7, True), done.stderr)
            done = judge.o2r("ls", path, AMD64, "--cache", where + "/cache")
            self.assertEqual((done.returncode, "no room" in done.stderr and "--cache" in done.stderr), (7, True), done.stderr)
            self.assertEqual([name for _, _, names in os.walk(where) for name in names if len(name) >= 16], [], "left behind")

    def test_a_cache_folder_that_cannot_be_used(self):
        data = archives.pack(archives.legacy((Image([Layer().file("a", samples.noise(3 * MIB))]), ["x:1"])), "gzip")
        path = self.write(data)
        done = judge.o2r("ls", path, AMD64, "--cache", "/proc/none")
        self.assertEqual((done.returncode, done.stdout), (0, b"a\n"), done.stderr)

    def test_a_cache_folder_that_is_read_only(self):
        """It is used as it is; what it does not have cannot be kept, which is no reason to fail."""
        cache, paths = self.new(".cache"), []
        for name in ("a", "b"):
            data = archives.legacy((Image([Layer().file(name, samples.noise(3 * MIB, name.encode()))]), ["x:1"]))
            paths.append(self.write(archives.pack(data, "gzip")))
            time.sleep(0.1)         # it is believed by its times
        self.assertEqual(judge.o2r("ls", paths[0], AMD64, "--cache", cache).returncode, 0)
        judge.run("mount", "--bind", cache, cache)
        try:
            judge.run("mount", "-o", "remount,bind,ro", cache)
            done = judge.o2r("ls", paths[0], AMD64, "--cache", cache, "-vv")
            self.assertEqual((done.returncode, done.stdout, "decoded before" in done.stderr), (0, b"a\n", True), done.stderr)
            self.assertNotIn("warning", done.stderr)
            done = judge.o2r("ls", paths[1], AMD64, "--cache", cache)
            self.assertEqual((done.returncode, done.stdout), (0, b"b\n"), done.stderr)
            self.assertRegex(done.stderr, "o2r: warning: what the archive holds is not kept for the next time: [^\n]*Read-only file system\n")
        finally:
            judge.run("umount", cache)

    def test_pruned_between_decoded_and_opened(self):
        image, cache = Image([Layer().file("a", samples.noise(3 * MIB))], codec="plain"), self.new(".cache")
        for data, last in ((archives.legacy((image, ["x:1"])), b"manifest.json"), (archives.of_layout(self.layout(image)), b"index.json")):
            with self.subTest(last):
                self.pruned_while_decoded(data, data.index(last), cache)

    def pruned_while_decoded(self, data, at, cache):
        """at: what stands before it is whole by then."""
        child = subprocess.Popen([judge.O2R, "ls", "-", AMD64, "--cache", cache], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        child.stdin.write(data[:at])
        child.stdin.flush()
        kept = cache + "/blobs/sha256"
        wait_for(lambda: os.path.isdir(kept) and [name for name in os.listdir(kept) if len(name) == 64])
        self.assertEqual(judge.o2r("cache", "prune", "--cache", cache).returncode, 0)
        _, said = child.communicate(data[at:], timeout=60)
        self.assertEqual(child.returncode, 1, said)
        self.assertRegex(said, rb"\Ao2r: [^\n]*: it was removed from the cache folder while it was needed: try again\n\Z")

    def test_interrupted(self):
        """Nothing is left of an archive that was being decoded."""
        reading, writing = os.pipe()
        cache = self.new(".cache")
        child = subprocess.Popen([judge.O2R, "ls", "-", "--cache", cache], stdin=reading, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        os.close(reading)
        data = archives.Tar().file("big", bytes(8 * MIB)).bytes()
        os.write(writing, data[:60_000])
        wait_for(lambda: os.path.isdir(cache + "/tmp") and os.listdir(cache + "/tmp"))
        child.terminate()       # while it waits for the rest, which never comes
        _, said = child.communicate(timeout=60)
        os.close(writing)
        self.assertIn(child.returncode, (130, 143), said)
        self.assertEqual([name for where, _, names in os.walk(cache) for name in names if name != "CACHEDIR.TAG"], [])

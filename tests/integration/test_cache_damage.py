"""A cache that is damaged or cannot be used (docs/cache.md): nothing about it can make a command fail, or believe what is wrong."""
import os
import re
import shutil
import subprocess

import judge
import samples
from bad import NobodyCase, flipped, packed, sha, spread
from caching import CacheCase
from layerbuild import Layer
from packfile import Pack


class Damage(CacheCase):
    """A small image: every change of its index is one run."""

    def setUp(self):
        super().setUp()
        layer = Layer().file("data", samples.noise(20_000) * 160).dir("d", mode=0o750).link("link", "data").symlink("s", "data")
        layer.file("x", b"x" * 300, xattrs={"user.a": b"1"}).sparse("sparse", [(70_000, b"y" * 5000)])
        self.layer = packed(layer, "gzip")
        self.reference = self.settled(self.write([self.layer]))
        self.right = self.written(self.reference)
        self.file = self.index(sha(self.layer.blob))
        with open(self.file, "rb") as f:
            self.whole = f.read()

    def restore(self):
        self.put(self.file, self.whole)

    def rebuilt(self, warned=True):
        """A run makes it anew, with one warning (or a line with -v), and the image is the right one."""
        self.assertEqual(self.written(self.reference), self.right)
        warnings = self.warnings(self.said)
        if warned:
            self.assertEqual(len(warnings), 1, self.said)
            self.assertRegex(warnings[0], r"layer 1 of 1 \(sha256:%s\): the kept index is damaged \(.+\): made anew" % sha(self.layer.blob)[7:19])
        else:
            self.assertEqual(warnings, [])
            self.assertRegex(self.said, r"(?m)^o2r: layer 1 of 1 \(sha256:\w+\): the kept index is made anew: .+$")
        with open(self.file, "rb") as f:
            self.assertEqual(f.read(), self.whole)
        self.assertEqual(self.kept(self.run_cached(self.reference)), 1)

    def test_every_section(self):
        pack = Pack(self.file)
        self.assertGreaterEqual(set(pack.tags()), {"STRM", "SUMS", "CKPT", "STAT", "ENTR", "NAME", "XATT", "MAPS"})
        for tag in pack.tags():
            if tag == "STAT":
                continue
            for at in spread(len(pack[tag]), 6):
                with self.subTest(tag, at=at):
                    self.restore()
                    changed = Pack(self.file)
                    changed[tag][at] ^= 4
                    changed.save(reseal=False)
                    self.rebuilt()

    def test_header(self):
        for at in sorted({0, 12, 20, 24, 32, 36, 40, 75, 103, 104, 108, 112, 120, 128, 159, 1000, 1031} | set(spread(1032, 20))):
            with self.subTest(at=at):
                self.put(self.file, flipped(self.whole, at))
                self.rebuilt(warned=not 8 <= at < 12)

    def test_cut_and_longer(self):
        for name, data in (("empty", b""), ("short", self.whole[:500]), ("header", self.whole[:1032]), ("cut", self.whole[:-1]),
                           ("longer", self.whole + b"\0"), ("zeros", bytes(len(self.whole))), ("twice", self.whole * 2)):
            with self.subTest(name):
                self.put(self.file, data)
                self.rebuilt()

    def test_of_something_else(self):
        for field, value in (("kind", b"SEEN"), ("key", bytes(64)), ("algo", 2)):
            with self.subTest(field):
                self.restore()
                pack = Pack(self.file)
                setattr(pack, field, value)
                pack.save()
                self.rebuilt()
        other = packed(Layer().file("other", b"o"), "gzip")
        self.run_cached(self.write([other]))
        shutil.copy(self.index(sha(other.blob)), self.file)
        self.rebuilt()

    def test_missing_and_more_sections(self):
        for tag in Pack(self.file).tags():
            with self.subTest(tag):
                self.restore()
                pack = Pack(self.file)
                pack.sections = [s for s in pack.sections if s[0] != tag]
                pack.save()
                self.rebuilt()
        self.restore()
        pack = Pack(self.file)
        pack.sections.append(pack.sections[0])
        pack.save()
        self.rebuilt()

    def test_another_version_or_library(self):
        pack = Pack(self.file)
        pack.version += 1
        pack.save()
        self.rebuilt(warned=False)
        pack = Pack(self.file)
        pack["STRM"][-1] ^= 1       # of the identity of the inflate library
        pack.save()
        self.rebuilt(warned=False)

    def test_states(self):
        """A decoder state is checked when it is wanted: what is read is right all the same, and the next run scans."""
        count = len(Pack(self.file)["CKPT"]) // 64
        self.assertGreater(count, 1)
        for name, where in (("last", slice(-10, None)), ("zeros", slice(None))):
            with self.subTest(name):
                self.restore()
                pack = Pack(self.file)
                pack["STAT"][where] = bytes(len(pack["STAT"][where]))
                pack.save()
                # the last file, which no read from the start leads to
                done = judge.o2r("cat", self.reference, "x", "--platform=linux/amd64", "--cache", self.cache)
                self.assertEqual((done.returncode, done.stdout), (0, b"x" * 300))
                self.assertRegex(done.stderr, r"\Ao2r: warning: layer 1 of 1 [^\n]* will be made anew\n\Z")
                self.assertFalse(os.path.exists(self.file))
                self.assertEqual(self.written(self.reference), self.right)
                self.assertEqual((self.kept(self.said), self.warnings(self.said)), (0, []))
                with open(self.file, "rb") as f:
                    self.assertEqual(f.read(), self.whole)

    def test_all_digests_right(self):
        """Whoever may write to the folder is trusted (docs/cache.md), and still gets no crash: what is read is checked."""
        results = {0: 0, 6: 0}
        for tag in Pack(self.file).tags():
            if tag == "STAT":
                continue
            for at in spread(len(Pack(self.file)[tag]), 40):
                for bits in (1, 0x80):
                    self.restore()
                    pack = Pack(self.file)
                    pack[tag][at] ^= bits
                    pack.save()
                    done = judge.o2r("snapshot", self.reference, "--size=2G", "--cache", self.cache, "--platform=linux/amd64", "-f",
                                     "-o", self.path("out"))
                    self.assertIn(done.returncode, results, "%s at %d: %s" % (tag, at, done.stderr))
                    results[done.returncode] += 1
        self.restore()
        self.assertGreater(results[0], 0)
        self.assertEqual(self.written(self.reference), self.right)

    def test_not_ours(self):
        for name, change in (("mode", lambda: os.chmod(self.file, 0o666)), ("owner", lambda: os.chown(self.file, 12345, 12345))):
            with self.subTest(name):
                change()
                self.assertEqual(self.written(self.reference), self.right)
                self.assertEqual(len(self.warnings(self.said)), 1, self.said)
                self.assertIn("the kept index cannot be used", self.said)
                self.assertEqual(self.kept(self.run_cached(self.reference)), 1)     # made anew over it

    def test_link_or_folder_in_its_place(self):
        elsewhere = self.path("elsewhere")
        for name, change in (("link", lambda: os.symlink(elsewhere, self.file)), ("fifo", lambda: os.mkfifo(self.file))):
            with self.subTest(name):
                self.put(elsewhere, self.whole)
                os.unlink(self.file)
                change()
                self.assertEqual(self.written(self.reference), self.right)
                self.assertEqual(len(self.warnings(self.said)), 1, self.said)
                self.assertTrue(os.path.isfile(self.file) and not os.path.islink(self.file))
                with open(elsewhere, "rb") as f:
                    self.assertEqual(f.read(), self.whole)
        os.unlink(self.file)
        os.mkdir(self.file)
        self.assertEqual(self.written(self.reference), self.right)
        self.assertTrue(self.warnings(self.said))

    def test_seen(self):
        """What cannot be read as an identity is none: the blob is verified."""
        path = self.file + ".seen"
        with open(path, "rb") as f:
            whole = f.read()
        for name, data in (("cut", whole[:-1]), ("empty", b""), ("flipped", flipped(whole, len(whole) - 10)), ("header", flipped(whole, 50))):
            with self.subTest(name):
                self.put(path, data)
                said = self.run_cached(self.reference)
                self.assertEqual((self.kept(said), said.count("computed again"), self.warnings(said)), (1, 1, []))
                with open(path, "rb") as f:
                    self.assertEqual(f.read(), whole)


class Unusable(CacheCase):
    def without(self, layout, words, **kw):
        """It works, with one warning."""
        said = self.run_cached(layout, **kw)
        self.assertEqual(len(self.warnings(said)), 1, said)
        self.assertIn(words, self.warnings(said)[0])
        self.assertEqual(self.plan["reference"], layout)

    def test_folders(self):
        layout = self.image("gzip")
        other = self.path("other")
        os.mkdir(other, 0o700)

        def file():
            self.put(self.cache, b"")

        def owner():
            os.mkdir(self.cache, 0o700)
            os.chown(self.cache, 12345, 12345)

        def others():
            os.mkdir(self.cache)
            os.chmod(self.cache, 0o777)

        def link():
            os.symlink(other, self.cache)

        def full():
            os.mkdir(self.cache, 0o700)
            self.put(os.path.join(self.cache, "letter.txt"), b"dear")

        for make, words in ((file, "not a directory"), (owner, "belongs to user 12345"), (others, "others may write"),
                            (link, "symbolic link"), (full, "not a cache folder")):
            with self.subTest(make.__name__):
                make()
                before = sorted(os.listdir(self.cache)) if os.path.isdir(self.cache) else None
                self.without(layout, words)
                if before is not None:
                    self.assertEqual(sorted(os.listdir(self.cache)), before)
                for action in ("ls", "prune"):
                    done = judge.o2r("cache", action, "--cache", self.cache)
                    self.assertIn(done.returncode, (2, 4))
                    self.assertRegex(done.stderr, r"\Ao2r: [^\n]*%s[^\n]*\n\Z" % words)
                shutil.rmtree(self.cache) if make in (owner, others, full) else os.unlink(self.cache)
        self.without(layout, "cannot make the cache folder", cache=os.path.join("/proc", "o2r"))
        self.assertEqual(os.listdir(other), [])

    def test_full_disk(self):
        """Whatever of the index did not fit: one warning, nothing left of it, the image right."""
        layout = self.image("gzip")
        right = self.written(layout, "--no-cache")
        for size in ("4k", "12k", "20k", "32k"):
            with self.subTest(size), self.filesystem("-t", "tmpfs", "-o", "mode=0700,size=" + size, "tmpfs") as where:
                cache = os.path.join(where, "c")
                for _ in range(2):
                    self.assertEqual(self.written(layout, cache=cache), right)
                    self.assertEqual(len(self.warnings(self.said)), 1, self.said)
                    self.assertIn("No space left on device", self.said)
                    tmp = os.path.join(cache, "tmp")
                    self.assertEqual(os.listdir(tmp) if os.path.isdir(tmp) else [], [])

    def test_read_only(self):
        """It is used as it is; what is missing in it cannot be added, which is one warning."""
        layout, other = self.image("gzip"), self.image("plain")
        self.run_cached(layout)
        judge.run("mount", "--bind", self.cache, self.cache)
        try:
            judge.run("mount", "-o", "remount,bind,ro", self.cache)
            said = self.run_cached(layout)
            self.assertEqual((self.kept(said), self.warnings(said)), (3, []))
            self.without(other, "Read-only file system")
        finally:
            judge.run("umount", self.cache)

    def test_removed_while_used(self):
        """Taken away under a run that waits: it goes on with what it has."""
        layout = self.image("gzip")
        right = self.written(layout)
        child = subprocess.Popen([judge.O2R, "snapshot", layout, "--size=min", "--platform=linux/amd64", "--cache", self.cache, "-q", "-o", "-"],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        with child.stdout as pipe:
            begun = os.read(pipe.fileno(), 1)
            shutil.rmtree(self.cache)
            data = begun + pipe.read()
        self.assertEqual((child.wait(timeout=60), sha(data)[7:]), (0, right))


class NoHome(NobodyCase):
    def test_home_unset(self):
        """A user with a home folder that is not there, and one that the system does not know."""
        layout = self.copied(self.layout(samples.small()))
        environment = {k: v for k, v in os.environ.items() if k not in ("HOME", "XDG_CACHE_HOME")}
        for user, words in ((65534, "cannot make the cache folder"), (54321, "there is no home folder")):
            with self.subTest(user=user):
                done = subprocess.run([os.path.join(self.outside, "o2r"), "snapshot", layout, "--platform=linux/amd64", "--dry-run"],
                                      capture_output=True, stdin=subprocess.DEVNULL, cwd="/", user=user, group=user, extra_groups=[], env=environment)
                said = done.stderr.decode()
                self.assertEqual(done.returncode, 0, said)
                self.assertRegex(said, r"\Ao2r: warning: [^\n]*%s[^\n]*\n\Z" % words)

    def test_of_another_user(self):
        layout = self.copied(self.layout(samples.small()))
        cache = os.path.join(self.outside, "roots")
        done = judge.o2r("snapshot", layout, "--dry-run", "--platform=linux/amd64", "--cache", cache)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for mode in (0o700, 0o755):
            os.chmod(cache, mode)
            done = subprocess.run([os.path.join(self.outside, "o2r"), "snapshot", layout, "--platform=linux/amd64", "--dry-run",
                                   "--cache", cache], capture_output=True, stdin=subprocess.DEVNULL, cwd="/", user=65534, group=65534, extra_groups=[])
            said = done.stderr.decode()
            self.assertEqual(done.returncode, 0, said)
            self.assertRegex(said, r"\Ao2r: warning: [^\n]*%s[^\n]*\n\Z" % re.escape(cache))

"""o2r ls: what it says of each path is what the kernel says of the mounted snapshot, and what the reference says of the layers."""
import os
import pty
import re
import stat
import subprocess
import time

import judge
import looking
import randimage
import refdump
import samples
from caching import CacheCase
from judge import Case
from looking import AMD64, listed
from mkimage import Image, Layer
from refused import Refused

SEEDS = range(1, 9 if judge.SANITIZED else 21)


def text(*args, **kw):
    """The lines of the command, which must succeed."""
    done = judge.o2r("ls", *AMD64, *args, **kw)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().splitlines()


class Facts(Case):
    GATE = False

    def test_those_of_the_mounted_snapshot(self):
        layout = self.layout(samples.image("gzip"))
        image, _ = self.snapshot(layout, "--size", "min")
        judge.same_lines(looking.dump_of(layout), judge.mounted_dump(image, "--no-hash"), "ls")

    def test_long_lines_are_what_stat_says(self):
        layout = self.layout(samples.image("zstd"))
        image, _ = self.snapshot(layout, "--size", "min")
        with judge.loop_mount(image) as root:
            for where in ("", "etc", "bin", "dev", "var"):
                expected = []
                for name in sorted(os.listdir(os.path.join(root, where))):
                    path = os.path.join(root, where, name)
                    st = os.lstat(path)
                    if name == "lost+found":
                        continue
                    # a directory has one size here, whatever ext4 needs for it
                    size = "%d, %d" % (os.major(st.st_rdev), os.minor(st.st_rdev)) if stat.S_ISCHR(st.st_mode) or stat.S_ISBLK(st.st_mode) \
                        else "%d" % (4096 if stat.S_ISDIR(st.st_mode) else st.st_size)
                    xattrs = os.listxattr(path, follow_symlinks=False)
                    mark = "+" if any(x.startswith("system.posix_acl") for x in xattrs) else "@" if xattrs else " "
                    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(st.st_mtime_ns // 10**9))
                    target = " -> " + os.readlink(path) if stat.S_ISLNK(st.st_mode) else ""
                    expected.append("%s%s %3d %5d %5d %11s %s %s%s" % (stat.filemode(st.st_mode), mark, st.st_nlink, st.st_uid, st.st_gid,
                                                                    size, when, name, target))
                self.assertEqual(text("-l", layout, where), expected)

    def test_random_images(self):
        print("seeds %d to %d" % (SEEDS[0], SEEDS[-1]))
        compared = 0
        for seed in SEEDS:
            layout = self.path("seed")
            randimage.write(seed, layout)
            try:
                expected = looking.without_hash(refdump.of_layout(layout, layers_too=True))
            except Refused:
                self.assertEqual(judge.o2r("ls", layout, *AMD64).returncode, 6)
            else:
                judge.same_lines(looking.dump_of(layout, layers=True), expected, "seed %d" % seed)
                compared += 1
            subprocess.run(["rm", "-rf", layout], check=True)
        self.assertGreater(compared, len(SEEDS) // 2)


class Paths(Case):
    def setUp(self):
        super().setUp()
        base = Layer().dir("usr/bin").file("usr/bin/b", b"12").file("usr/bin/B").file("usr/bin/a").symlink("bin", "usr/bin")
        base.symlink("usr/up", "/bin/../..").symlink("to-b", "bin/b").symlink("loop", "loop").symlink("out", "../../../../usr")
        base.symlink("nowhere", "no/such")
        self.image = self.layout(Image([base, Layer().file("usr/new", b"x")]))

    def test_what_is_listed(self):
        for args, expected in (
                ([], ["bin", "loop", "nowhere", "out", "to-b", "usr"]), (["/"], ["bin", "loop", "nowhere", "out", "to-b", "usr"]),
                (["bin"], ["B", "a", "b"]), (["/bin/"], ["B", "a", "b"]), (["-d", "bin"], ["/bin"]), (["-d", "bin/"], ["/usr/bin"]),
                (["usr/../bin/./b"], ["/usr/bin/b"]), (["to-b"], ["/usr/bin/b"]), (["out"], ["bin", "new", "up"]),
                (["usr/up/usr/bin"], ["B", "a", "b"]), (["../../usr"], ["bin", "new", "up"]), (["-d", "/"], ["/"]),
                (["-R", "usr"], ["/usr/bin", "/usr/bin/B", "/usr/bin/a", "/usr/bin/b", "/usr/new", "/usr/up"]),
                (["-R", "out"], ["/usr/bin", "/usr/bin/B", "/usr/bin/a", "/usr/bin/b", "/usr/new", "/usr/up"]),
                (["-R", "bin/b"], ["/usr/bin/b"]), (["-dR", "loop"], ["/loop"])):
            with self.subTest(args=args):
                self.assertEqual(text(self.image, *args), expected)

    def test_links_are_facts_of_their_own(self):
        self.assertRegex(text("-l", self.image, "bin")[0], r"^lrwxrwxrwx .* /bin -> usr/bin$")
        self.assertRegex(text("-l", self.image, "bin/")[0], r"^-rw-r--r-- .* B$")
        self.assertEqual([e["target"] for e in listed(self.image, "to-b")], ["bin/b"])

    def test_refused(self):
        for args, code, word in ((["no"], 3, "no: no such path"), (["loop"], 3, "more than 40"), (["loop/x"], 3, "more than 40"), (["bin/b/"], 3, "not a directory"),
                                 (["bin/b/c"], 3, "not a directory"), (["nowhere"], 3, "no such path"), (["usr", "x"], 2, "operand"),
                                 (["--format", "xml"], 2, "text or json"), (["-x"], 2, "-x")):
            with self.subTest(args=args):
                done = judge.o2r("ls", *AMD64, self.image, *args)
                self.assertEqual((done.returncode, done.stdout), (code, b""), done.stderr)
                self.assertIn(word, done.stderr)
        self.assertEqual(judge.o2r("ls").returncode, 2)
        self.assertEqual(judge.o2r("ls", self.path("none")).returncode, 3)

    def test_the_view_is_a_reference(self):
        import viewing
        with viewing.view(self.image, *AMD64) as v:
            done = judge.o2r("ls", v.root, "bin", env=v.env)
            self.assertEqual((done.returncode, done.stdout), (0, b"B\na\nb\n"), done.stderr)

    def test_a_reader_that_goes_away(self):
        many = Layer()
        for i in range(4000):
            many.file("a name that fills the pipe %04d" % i)
        layout = self.layout(Image([many]))
        with subprocess.Popen([judge.O2R, "ls", *AMD64, layout], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as p:
            p.stdout.read(1)
            p.stdout.close()
            self.assertEqual((p.stderr.read(), p.wait()), (b"", 1))


class Names(Case):
    HOSTILE = [b"a\nb", b"esc\x1b[2J", b"back\\slash", b"\xff\xfe", b"\xc2\x9bcsi", b"tab\t", "schön".encode(), b"del\x7f", b" ", b"-l"]

    def setUp(self):
        super().setUp()
        layer = Layer(fmt="gnu")
        for name in self.HOSTILE:
            layer.file(b"d/" + name).symlink(b"s/" + name, name)
        layer.file(b"d/x", xattrs={"user.raw": b"\x00\xff", "user.text": b"t"}, fmt="pax")
        self.image = self.layout(Image([layer]))

    def test_one_harmless_line_each(self):
        shown = [re.sub(rb"[\x00-\x1f\x7f\\]|\xc2\x9b|[\xfe\xff]", lambda m: b"".join(b"\\x%02x" % b for b in m[0]), name).decode()
                 for name in sorted([*self.HOSTILE, b"x"])]
        self.assertEqual(text(self.image, "d"), shown)
        links = text("-l", self.image, "s")
        self.assertEqual([one.split("Z ", 1)[1] for one in links], ["%s -> %s" % (s, s) for s in shown if s != "x"])

    def test_a_terminal_gets_the_same(self):
        ours, theirs = pty.openpty()
        done = subprocess.run([judge.O2R, "ls", *AMD64, self.image, "d"], stdout=theirs, stderr=subprocess.PIPE)
        os.close(theirs)
        found = b""
        try:
            while piece := os.read(ours, 4096):
                found += piece
        except OSError:
            pass
        os.close(ours)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(found.decode().replace("\r\n", "\n").splitlines(), text(self.image, "d"))

    def test_json_has_the_bytes(self):
        found = listed(self.image, "d")
        self.assertEqual([looking.exact(e, "path") for e in found], [b"/d/" + n for n in sorted([*self.HOSTILE, b"x"])])
        self.assertEqual([(looking.exact(x, "name"), looking.exact(x, "value")) for x in listed(self.image, "d/x")[0]["xattrs"]],
                         [(b"user.raw", b"\x00\xff"), (b"user.text", b"t")])
        self.assertEqual([looking.exact(e, "target") for e in listed(self.image, "s")], sorted(self.HOSTILE))


class Layers(CacheCase):
    def test_the_last_that_named_the_path(self):
        base = Layer().dir("d").file("d/a", b"1").file("d/b", b"1").dir("e").file("e/f")
        top = Layer().file("d/a", b"2").link("d/c", "d/b").dir("e", mode=0o700).file("new/deep/f")
        layout = self.layout(Image([base, Layer().file("x").whiteout("e/f").opaque("nothing"), top]))
        digests = [layer["digest"][7:19] for layer in self.facts["manifests"][0]["layers"]]
        found = [re.match(r"^ *(\d+) ([0-9a-f]{12})  (.*)$", one).groups() for one in text("-R", "--layers", layout)]
        self.assertTrue(all(digests[int(n) - 1] == digest for n, digest, _ in found))
        self.assertEqual({path: int(n) for n, _, path in found},
                         {"/d": 1, "/d/a": 3, "/d/b": 1, "/d/c": 3, "/e": 3, "/new": 3, "/new/deep": 3, "/new/deep/f": 3, "/x": 2})

    def test_no_data_is_read(self):
        layout = self.settled(self.layout(samples.image("gzip")))
        args, env = ["ls", "-R", "-l", *AMD64, layout], {"XDG_CACHE_HOME": self.path("cache")}
        digests = {layer["digest"][7:] for layer in self.facts["manifests"][0]["layers"]}
        done, opened = looking.blobs_opened(args, env)
        self.assertEqual((done.returncode, digests - opened), (0, set()), "indexing opens the blobs")
        again, opened = looking.blobs_opened(args, env)
        self.assertEqual((again.returncode, again.stdout, digests & opened), (0, done.stdout, set()))

    def test_corrupt(self):
        layout = self.layout(samples.small())
        blob = os.path.join(layout, "blobs/sha256", self.facts["manifests"][0]["layers"][0]["digest"][7:])
        with open(blob, "r+b") as f:
            f.seek(20)
            f.write(b"\xff\xff\xff")
        done = judge.o2r("ls", *AMD64, layout)
        self.assertEqual((done.returncode, done.stdout), (6, b""))
        self.assertIn("layer 1 of 1", done.stderr)

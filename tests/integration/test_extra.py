"""What is laid on top: --layer (directories, archives, images), --add, and the empty image under them."""
import gzip
import os
import stat
import struct

import archives
import judge
import samples
from judge import MIB
from mkimage import Image, Layer
from viewing import view

AMD64 = "--platform=linux/amd64"
MTIME = 1_600_000_000


def spread(root, capability=True):
    """A directory with a file of each kind."""
    os.makedirs(os.path.join(root, "sub/deep"))

    def file(name, data, mode=0o644):
        path = os.path.join(root, name)
        with open(path, "wb") as f:
            f.write(data)
        os.chmod(path, mode)
        return path
    file("plain", b"plain\n", 0o640)
    file("sub/large", samples.noise(300_000), 0o755)
    file("sub/deep/\u00fcn\u00efcode", b"name\n")
    os.chown(file("owned", b"o"), 70000, 80000)
    os.chmod(os.path.join(root, "owned"), 0o4755)
    os.link(os.path.join(root, "plain"), os.path.join(root, "sub/hard"))
    os.symlink("../plain", os.path.join(root, "sub/soft"))
    os.mkfifo(os.path.join(root, "pipe"))
    os.mknod(os.path.join(root, "null"), stat.S_IFCHR | 0o666, os.makedev(1, 3))
    if capability:
        os.setxattr(os.path.join(root, "plain"), "user.note", b"\x00\xff")
        os.setxattr(os.path.join(root, "sub/large"), "security.capability", samples.capability())
    with open(os.path.join(root, "sparse"), "wb") as f:
        f.truncate(3 * MIB)
        f.seek(MIB)
        f.write(b"x")
    for where, folders, names in os.walk(root, topdown=False):
        for name in folders + names:
            os.utime(os.path.join(where, name), (MTIME, MTIME), follow_symlinks=False)
    os.utime(root, (MTIME, MTIME))
    return root


class ExtraCase(judge.Case):
    GATE = False

    def folder(self, **files):
        """A directory of these files (__ in a name is a slash)."""
        root = self.new(".dir")
        os.mkdir(root)
        for name, data in files.items():
            path = os.path.join(root, name.replace("__", "/"))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            archives.put(path, data)
        return root

    def tree(self, reference, *args):
        """Of its snapshot, which the view agrees with, without the root."""
        image, _ = self.snapshot(reference, "--size=min", *args)
        judge.fsck_silent(image)
        return judge.mounted_dump(image)[1:]

    def names(self, reference, *args):
        done = judge.o2r("ls", "-R", reference, AMD64, *args)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.decode().split()

    def no(self, *args, code, words, reference="scratch"):
        self.refused(reference, *args, code=code, words=words)


class Directories(ExtraCase):
    GATE = True

    def test_scratch_and_a_directory_are_the_directory(self):
        root = spread(self.new(".dir"))
        judge.same_lines(self.tree("scratch", "--layer", root), judge.treedump(root)[1:], "the image")

    def test_the_same_bytes_every_time(self):
        root = spread(self.new(".dir"))
        made = {judge.sha256(self.snapshot("scratch", "--layer", root, *args)[0]) for args in ((), ("-j1",), ("--no-cache",), ("-j4",))}
        self.assertEqual(len(made), 1)
        os.rename(root, root + "2")
        self.assertEqual({judge.sha256(self.snapshot("scratch", "--layer=" + root + "2")[0])}, made)

    def test_over_an_image_both_kinds_of_whiteouts(self):
        layout = self.layout(Image([Layer().file("a/x", b"x").file("a/y", b"y").file("b/z", b"z").file("c", b"c").file("d/e/f", b"f")]))
        names = self.folder(**{"a__.wh.x": b"", "b__.wh..wh..opq": b"", "b__new": b"new", ".wh.c": b""})
        self.assertEqual(self.names(layout, "--layer", names), ["/a", "/a/y", "/b", "/b/new", "/d", "/d/e", "/d/e/f"])
        overlay = self.folder(b__new=b"new")
        os.mkdir(overlay + "/a")
        for name in ("a/x", "c"):
            os.mknod(os.path.join(overlay, name), stat.S_IFCHR, 0)
        os.setxattr(overlay + "/b", "trusted.overlay.opaque", b"y")
        self.assertEqual(self.names(layout, "--layer", overlay), ["/a", "/a/y", "/b", "/b/new", "/d", "/d/e", "/d/e/f"])
        self.tree(layout, "--layer", overlay)

    def test_order(self):
        one, two = self.folder(f=b"one\n"), self.folder(f=b"two\n")
        three = self.folder(**{".wh.f": b""})
        for layers, want in (((one, two), b"two\n"), ((two, one), b"one\n"), ((one, three, two), b"two\n"), ((one, two, three), None)):
            args = [x for layer in layers for x in ("--layer", layer)]
            done = judge.o2r("cat", "scratch", "f", AMD64, *args)
            self.assertEqual((done.returncode, done.stdout), (3, b"") if want is None else (0, want), done.stderr)
        added = "%s/f:/f" % one
        for args, want in ((("--layer", two, "--add", added), b"one\n"), (("--add", added, "--layer", two), b"two\n"),
                           (("--add", added, "--add", "%s/f:/f" % two), b"two\n")):
            self.assertEqual(judge.o2r("cat", "scratch", "f", AMD64, *args).stdout, want, args)

    def test_a_directory_that_changes_while_it_is_shown(self):
        root = self.folder(f=samples.noise(200_000))
        with view("scratch", "--layer", root) as v:
            with open(root + "/f", "r+b") as f:
                f.write(b"changed")
            os.utime(root + "/f", (MTIME, MTIME))
            with open(v.root + "/f", "rb") as f:
                self.assertRaises(OSError, f.read)


class Archives(ExtraCase):
    def test_tars(self):
        """Each format that a tar has, each packer: what the directory gives."""
        root = spread(self.new(".dir"))
        want = self.tree("scratch", "--layer", root)
        for format in ("posix", "gnu"):
            path = self.new(".tar")
            judge.run("tar", "-C", root, "--format=" + format, "--xattrs", "--xattrs-include=*", "--sparse", "-cf", path, ".")
            with open(path, "rb") as f:
                data = f.read()
            for codec in ("plain", *archives.PACKERS):
                with self.subTest(format=format, codec=codec):
                    packed = archives.put(self.new(".tar." + codec), archives.pack(data, codec))
                    found = self.tree("scratch", "--layer", packed)
                    if format == "gnu":     # has no attributes
                        found, expected = without_attributes(found), without_attributes(want)
                    else:
                        expected = want
                    judge.same_lines(found, expected, codec)

    def test_cpio_zip_7z_iso(self):
        root = spread(self.new(".dir"), capability=False)
        os.unlink(root + "/null")
        os.unlink(root + "/pipe")
        os.utime(root, (MTIME, MTIME))
        want = self.tree("scratch", "--layer", root)
        for format, parts in (("newc", ("type", "mode", "owner", "content")), ("odc", ("type", "mode", "content")), ("zip", ("type", "content")),
                              ("7zip", ("type", "content"))):
            with self.subTest(format=format):
                path = self.new("." + format)
                judge.run("bsdtar", "-C", root, "--format", format, "-cf", path, ".", env={**os.environ, "LC_ALL": "C.UTF-8"})
                image, _ = self.snapshot("scratch", "--size=min", "--layer", path)
                with judge.loop_mount(image) as mounted:
                    for name in ("plain", "sub/large", "sub/deep/\u00fcn\u00efcode", "sub/hard", "sparse"):
                        self.assertEqual(judge.sha256(os.path.join(mounted, name)), judge.sha256(os.path.join(root, name)), name)
                        if "mode" in parts:
                            self.assertEqual(os.stat(os.path.join(mounted, name)).st_mode, os.stat(os.path.join(root, name)).st_mode, name)
                        if "owner" in parts:
                            self.assertEqual(os.stat(os.path.join(mounted, name)).st_uid, os.stat(os.path.join(root, name)).st_uid, name)
                    self.assertEqual(os.readlink(os.path.join(mounted, "sub/soft")), "../plain")
                    if format == "newc":
                        self.assertEqual(os.stat(mounted + "/plain").st_ino, os.stat(mounted + "/sub/hard").st_ino)
        self.assertTrue(want)

    def test_hard_links_of_cpio(self):
        """Whichever name its content comes with: newc gives it with the last, odc with each."""
        root = self.folder(a=b"content", z=b"other", e=b"")
        for name in ("b", "c", "d"):
            os.link(root + "/a", os.path.join(root, name))
        os.link(root + "/e", root + "/f")
        for format in ("newc", "odc"):
            for order in ("abcdzef", "zfdecba"):
                path = self.new("." + format)
                judge.run("bsdtar", "-C", root, "--format", format, "-cf", path, *order)
                image, _ = self.snapshot("scratch", "--size=min", "--layer", path)
                with judge.loop_mount(image) as mounted:
                    self.assertEqual({os.stat(os.path.join(mounted, n)).st_ino for n in "abcd"}, {os.stat(mounted + "/a").st_ino})
                    self.assertEqual({n: open(os.path.join(mounted, n)).read() for n in "abcdz"}, {**dict.fromkeys("abcd", "content"), "z": "other"})
                    self.assertEqual((os.stat(mounted + "/e").st_size, os.stat(mounted + "/a").st_nlink), (0, 4))

    def test_names_of_bytes(self):
        """Names that are no UTF-8 come through a conversion as they are."""
        data = archives.pack(Layer().file(b"caf\xe9", b"1").file("\u20ac/\U0001f600", b"2").tar(), "xz")
        plain = archives.pack(Layer().file(b"caf\xe9", b"1").file("\u20ac/\U0001f600", b"2").tar(), "plain")
        one, two = (self.tree("scratch", "--layer", archives.put(self.new(".tar"), d)) for d in (data, plain))
        judge.same_lines(one, two, "the converted one")

    def test_whiteouts_of_archives(self):
        layout = self.layout(Image([Layer().file("a/x", b"x").file("a/y", b"y").file("c", b"c")]))
        for codec in ("plain", "xz"):
            layer = archives.put(self.new(".tar"), archives.pack(Layer().whiteout("a/x").whiteout("c").tar(), codec))
            self.assertEqual(self.names(layout, "--layer", layer), ["/a", "/a/y"])

    def test_not_archives(self):
        for data, words in ((b"#!/bin/sh\n", ["it is no archive that can be read"]), (b"\x1f\x8b\x08", ["it is no archive"])):
            path = archives.put(self.new(".x"), data)
            self.no("--layer", path, code=6, words=["--layer " + path, *words])
        whole = archives.pack(Layer().file("a", samples.noise(300_000)).tar(), "xz")
        for size in (20, 1000, len(whole) // 2, len(whole) - 40):
            path = archives.put(self.new(".tar.xz"), whole[:size])
            self.no("--layer", path, code=6, words=["--layer " + path])
        data = Layer().file("a", samples.noise(3000)).tar()
        path = archives.put(self.new(".tar"), data[:2000])
        self.no("--layer", path, code=6, words=["layer 1 of 1"])

    def test_limits(self):
        layer = Layer()
        for i in range(20):
            layer.file("f%d" % i, bytes(10_000))
        for codec in ("plain", "xz"):
            path = archives.put(self.new(".tar"), archives.pack(layer.tar(), codec))
            self.no("--layer", path, "--limit=entries=5", code=6, words=["--limit entries=N"])
            self.no("--layer", path, "--limit=layer-bytes=50000", code=6, words=["layer-bytes"])

    def test_more_promised_than_there_is(self):
        """What an entry lacks is not filled with zeros: on this disk there is no room for them, and nobody notices."""
        where = self.new(".mount")
        os.mkdir(where)
        judge.run("mount", "-t", "tmpfs", "-o", "size=256k", "none", where)
        huge = 2 << 30
        newc = b"070701" + b"".join(b"%08X" % v for v in (1, 0o100644, 0, 0, 1, 0, huge, 0, 0, 0, 0, 2, 0)) + b"a\0" + b"content"
        # stored, as a stream has it
        zipped = b"PK\3\4" + struct.pack("<HHHHHIIIHH", 20, 0, 0, 0, 0, 0, 0, huge, 1, 0) + b"a" + bytes(30)
        try:
            for data, words in ((newc, "damaged"), (gzip.compress(newc), "damaged"), (zipped, "a ends after 0 of %d bytes" % huge)):
                path = archives.put(self.new(".x"), data)
                done, calls = judge.traced("write,writev", "ls", "scratch", "--layer", path, env={"TMPDIR": where})
                self.assertEqual(done.returncode, 6, done.stderr)
                self.assertIn(words, done.stderr)
                self.assertFalse("ENOSPC" in calls)
        finally:
            judge.run("umount", where)

    def test_nothing_but_holes(self):
        root = self.folder(after=b"after")
        for name, data in (("hole", b""), ("tail", b"x")):
            archives.put(os.path.join(root, name), data)
            os.truncate(os.path.join(root, name), 3 * MIB)
        for format in ("gnu", "posix"):
            path = self.new(".tar.xz")
            judge.run("tar", "-C", root, "-S", "--format=" + format, "-cJf", path, "hole", "tail", "after")
            for name in ("hole", "tail", "after"):
                done = judge.o2r("cat", "scratch", name, "--layer", path)
                with open(os.path.join(root, name), "rb") as f:
                    self.assertTrue(done.stdout == f.read(), (format, name, done.stderr))

    def test_a_full_disk(self):
        where = self.new(".mount")
        os.mkdir(where)
        judge.run("mount", "-t", "tmpfs", "-o", "size=256k", "none", where)
        try:
            path = archives.put(self.new(".tar.xz"), archives.pack(Layer().file("a", samples.noise(MIB)).tar(), "xz"))
            done = judge.o2r("ls", "scratch", "--layer", path, env={"TMPDIR": where})
            self.assertEqual(done.returncode, 7, done.stderr)
        finally:
            judge.run("umount", where)


def without_attributes(lines):
    """Without the columns of data that only some formats hold: extended attributes, and blocks."""
    return ["\t".join(part for n, part in enumerate(line.split("\t")) if not part.startswith(("user.", "security."))) for line in lines]


class Images(ExtraCase):
    def test_layers_of_images(self):
        base = self.layout(Image([Layer().file("a", b"a").file("b", b"b")]))
        top = self.layout(Image([Layer().whiteout("a").file("c", b"c"), Layer().file("d", b"d")]), tags=["v1"])
        archive = archives.put(self.new(".tar"), archives.of_layout(top))
        want = self.tree(base, "--layer", top)
        self.assertEqual(self.names(base, "--layer", top), ["/b", "/c", "/d"])
        for form in ("oci:%s" % top, "oci:%s:v1" % top, "oci:%s:@0" % top, "oci-archive:" + archive):
            judge.same_lines(self.tree(base, "--layer", form), want, form)
        self.assertIn("/oci-layout", self.names("scratch", "--layer", archive))      # a bare archive is its files
        self.no("--layer", "oci:%s:v2" % top, code=3, words=["--layer oci:%s:v2" % top, 'has no image "v2"'])
        os.chdir(self.work)
        self.addCleanup(os.chdir, "/")
        judge.same_lines(self.tree(base, "--layer", os.path.basename(top)), want, "a relative path")

    def test_not_saved(self):
        root = self.folder(f=b"f")
        with view("scratch", "--layer", root) as v:
            done = v.command("save", v.root, self.new(".saved"))
            self.assertNotEqual(done.returncode, 0)


class Added(ExtraCase):
    def test_modes_and_owners(self):
        root = self.folder(init=b"#!/bin/sh\n", data=b"data")
        os.chmod(root + "/init", 0o750)
        os.chown(root + "/init", 5, 6)
        os.utime(root + "/init", ns=(MTIME * 10**9 + 5, MTIME * 10**9 + 5))
        os.setxattr(root + "/init", "security.capability", samples.capability())
        os.setxattr(root + "/init", "user.x", b"y")
        args = []
        for spec in ("init:/sbin/init", "init:/a/b/c:4711", "data:/d:600:7", "data:/e:600:7:8"):
            args += ["--add", "%s/%s" % (root, spec)]
        for spec in ("data:/f::", "data:/g::9"):
            self.no("--add", "%s/%s" % (root, spec), code=2, words=["is not a mode"])
        image, _ = self.snapshot("scratch", "--size=min", *args)
        with judge.loop_mount(image) as mounted:
            def seen(name):
                st = os.stat(mounted + name)
                return oct(stat.S_IMODE(st.st_mode)), st.st_uid, st.st_gid
            self.assertEqual(seen("/sbin/init"), ("0o750", 0, 0))
            self.assertEqual(seen("/a/b/c"), ("0o4711", 0, 0))
            self.assertEqual((seen("/d"), seen("/e")), (("0o600", 7, 7), ("0o600", 7, 8)))
            self.assertEqual((seen("/sbin"), seen("/a/b")), (("0o755", 0, 0),) * 2)
            st = os.stat(mounted + "/sbin/init")
            self.assertEqual(st.st_mtime_ns, MTIME * 10**9 + 5)
            self.assertEqual(os.getxattr(mounted + "/sbin/init", "security.capability"), samples.capability())
            self.assertEqual(os.getxattr(mounted + "/sbin/init", "user.x"), b"y")

    def test_over_an_image(self):
        layout = self.layout(samples.small())
        os.chdir(self.folder(new=b"new\n", **{"with:colon": b"colon\n"}))
        self.addCleanup(os.chdir, "/")
        self.assertEqual(judge.o2r("cat", layout, "hello", AMD64, "--add", "new:/hello").stdout, b"new\n")
        self.assertEqual(judge.o2r("cat", layout, "x", AMD64, "--add=with:colon:/x").stdout, b"colon\n")
        os.symlink("new", "link")
        self.assertEqual(judge.o2r("cat", layout, "x", AMD64, "--add", "link:/x").stdout, b"new\n")

    def test_refused(self):
        root = self.folder(f=b"f")
        for spec, code, words in (
                ("f", 2, ["is not SRC:DEST"]), ("f:x", 2, ["is not SRC:DEST"]), (":/x", 2, ["is not SRC:DEST"]),
                (root + "/f:/", 2, ["is not SRC:DEST"]), (root + "/f:/x/", 2, ["is not SRC:DEST"]),
                (root + "/f:/x:8", 2, ["is not a mode"]), (root + "/f:/x:77777", 2, ["is more than 7777"]),
                (root + "/f:/x:644:a", 2, []), (root + "/f:/x:644:4294967295", 2, []), (root + "/f:/x:644:1:2:3", 2, ["is not SRC:DEST"]),
                (root + "/none:/x", 3, ["--add " + root + "/none", "cannot open it"]), (root + ":/x", 2, ["no regular file"]),
                ("/dev/null:/x", 2, ["no regular file"])):
            with self.subTest(spec=spec):
                self.no("--add", spec, code=code, words=words)
        for path, code, words in ((root + "/none", 3, ["--layer " + root + "/none", "cannot open it"]), ("/dev/null", 2, ["neither a directory"]),
                                  ("", 2, ["the name is empty"]), ("-", 2, ["write ./-"])):
            with self.subTest(path=path):
                self.no("--layer", path, code=code, words=words)

    def test_a_way_out_is_none(self):
        root = self.folder(f=b"f")
        self.assertEqual(self.names("scratch", "--add", root + "/f:/../../x/../y"), ["/y"])


class Views(ExtraCase):
    def test_snapshots_of_views_have_it_too(self):
        layout = self.layout(samples.image("gzip"))
        root, top = spread(self.new(".dir")), self.layout(samples.small())
        tar = archives.put(self.new(".tar.xz"), archives.pack(Layer().file("from-tar", b"tar").tar(), "xz"))
        os.chdir(root)
        self.addCleanup(os.chdir, "/")
        args = ["--layer", ".", "--add", "plain:/added:4755:7:8", "--layer", os.path.relpath(tar, root), "--layer", os.path.relpath(top, root),
                "--add", "plain:/another"]
        want = judge.sha256(self.snapshot(layout, "--size=min", *args)[0])
        with view(layout, *args) as v:
            os.chdir("/")
            out = self.new(".ext4")
            done = v.command("snapshot", v.root, "-o", out, "--size=min")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(judge.sha256(out), want)
            # something more on top of it, a view of that, and its snapshot
            more = self.folder(more=b"more\n")
            with view(v.root, "--add", more + "/more:/more", platform=None, env={"XDG_RUNTIME_DIR": v.env["XDG_RUNTIME_DIR"]}) as w:
                self.assertEqual(open(w.root + "/more").read(), "more\n")
                self.assertTrue(os.path.exists(w.root + "/another"))
                done = w.command("snapshot", w.root, "-o", self.new(".ext4"))
                self.assertEqual(done.returncode, 0, done.stderr)

    def test_what_has_changed_is_refused(self):
        layout = self.layout(samples.small())
        for what in ("directory", "file", "archive", "gone"):
            root = self.folder(f=b"one")
            tar = archives.put(self.new(".tar"), Layer().file("t", b"t").tar())
            with self.subTest(what), view(layout, "--layer", root, "--add", root + "/f:/g", "--layer", tar) as v:
                if what == "directory":
                    archives.put(root + "/new", b"new")
                elif what == "file":
                    archives.put(root + "/f", b"other, and longer")
                elif what == "archive":
                    archives.put(tar, Layer().file("t", b"u").tar())
                else:
                    os.unlink(tar)
                out = self.new(".ext4")
                done = v.command("snapshot", v.root, "-o", out)
                self.assertEqual((done.returncode, os.path.exists(out)), (3 if what == "gone" else 6, False), done.stderr)
                self.assertIn("cannot be opened again" if what == "gone" else "it has changed since the view was made", done.stderr)

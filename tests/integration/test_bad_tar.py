"""Layers whose tar is wrong, or asks for what no tree may hold. Everything but the tar is right: digests, sizes, diff_ids."""
import struct

from bad import BadCase, Raw, packed
from judge import Case
from layerbuild import Layer
from tarwrite import base256, octal, pad, pax_record, pseudo

END = b"\0" * 1024


def before():
    """A layer with an entry in front, so that what is at fault is not the first one: it stands at 1024."""
    return Layer().file("good", b"fine")


class Headers(BadCase):
    def test_checksum(self):
        self.bad_layer(before().file("a", checksum="bad"), layer=1, words=["tar header at 1024", "checksum"])
        for codec in ("gzip", "zstd"):
            self.bad_layer(before().file("a", checksum="bad"), codec=codec, words=["tar header at 1024", "checksum"])

    def test_every_byte_of_a_header(self):
        """A flip in a header block changes its checksum, or is in the checksum's field."""
        tar = before().file("a", b"x", fmt="ustar").tar()
        for at in sorted(set(range(1024, 1024 + 512, 5)) - {1024 + 154, 1024 + 155}):       # what follows the sum's digits is free
            with self.subTest(at=at):
                self.bad_layer(tar[:at] + bytes([tar[at] ^ 1]) + tar[at + 1:], words=["at 1024"])

    def test_no_tar(self):
        for data in (b"x" * 512, b"garbage" * 1000, b"\1" * 5, b"PK\3\4" + b"\0" * 600, b"070701" + b"0" * 600):
            self.bad_layer(data, words=["at "])

    def test_sizes(self):
        for raw, words in ((b"\xff" * 12, "negative"), (base256(-1, 12), "negative"), (base256(-(1 << 62), 12), "negative"),
                           (base256(1 << 63, 12), "size"), (base256(1 << 80, 12), "size"), (b"-0000000001\0", "size"), (b"12x4567\0", "size"),
                           (b"99999999999\0", "size"), (b"0x100\0", "size"), (b"\x80" + b"\xff" * 11, "size"), (b"777 7\0", "size")):
            with self.subTest(raw=raw):
                self.bad_layer(before().file("dir/a", fields={"size": raw}, fmt="gnu"), entry="dir/a", offset=1024, words=[words])

    def test_sizes_in_pax(self):
        for text in ("-1", "9223372036854775808", "99999999999999999999999", "1.5", "", "0x10", "1 ", "+5", "abc"):
            with self.subTest(text):
                layer = before().file("dir/a", b"", pax=[("size", text)])
                if text == "":
                    self.good(self.write([packed(layer, "plain")]), "--size", "min")     # an empty record takes itself back
                else:
                    self.bad_layer(layer, entry="dir/a", offset=1024, words=["size"])

    def test_sizes_that_the_layer_does_not_have(self):
        for size in (5000, 1 << 33, 1 << 38, (1 << 40) - 4096):
            with self.subTest(size=size):
                self.bad_layer(before().file("dir/a", b"x", size=size, fmt="gnu"), entry="dir/a", offset=1024, words=["cut off at"])
        for size in (1 << 40, 1 << 50, (1 << 63) - 1, (1 << 63) - 512):
            with self.subTest(size=size):
                self.bad_layer(before().file("dir/a", b"x", size=size, fmt="gnu"), entry="dir/a", offset=1024,
                               words=["%d bytes" % size, "--limit layer-bytes=N"])

    def test_numbers(self):
        for field in ("mode", "uid", "gid", "mtime"):
            for raw in (b"1234x67\0", b"9999999\0", b"-1\0", b"0o17\0"):
                with self.subTest(field, raw=raw):
                    self.bad_layer(before().file("a", fields={field: raw}, fmt="ustar"), entry="a", offset=1024, words=["not a number"])

    def test_owners(self):
        for key in ("uid", "gid"):
            for value in ("4294967295", "4294967296", "18446744073709551615", "-2147483649"):
                with self.subTest(key, value=value):
                    self.bad_layer(before().file("a", pax=[(key, value)]), entry="a", offset=1024)

    def test_times(self):
        for value in ("", "abc", "1e5", "1.2.3", "--1", "99999999999999999999"):
            with self.subTest(value):
                layer = before().file("a", pax=[("mtime", value)])
                if value:
                    self.bad_layer(layer, entry="a", offset=1024, words=["mtime"])
                else:
                    self.good(self.write([packed(layer, "plain")]), "--size", "min")

    def test_devices(self):
        for major, minor in ((4096, 0), (0x7fffffff, 1), (1, 1 << 20)):
            self.bad_layer(before().char("dev/a", major, minor), entry="dev/a", offset=1024, words=["device number"])
        self.bad_layer(before().char("dev/a", 1, 3, fields={"devmajor": b"1x\0"}), entry="dev/a", offset=1024, words=["major device number"])

    def test_unknown_types(self):
        for flag in (b"8", b"9", b"Z", b"\xff", b"\x01", b"M", b"V", b"D", b"A", b"N"):
            with self.subTest(flag):
                self.bad_layer(before().entry("a", flag), entry="a", offset=1024, words=["type"])


class Pax(BadCase):
    def raw(self, body):
        return before().file("dir/a", b"x", pax_raw=body)

    def test_records(self):
        for body in (b"x", b"5 a=b", b"11 path=a\n", b"0 a=\n", b"3 a\n", b"99999999999999999999 a=b\n", b"-5 a=b\n", b"6 ab=\n" b"9", b" 6 a=b\n",
                     b"6 a=b\nx", b"6a=b\n\n", b"06\0a=b\n", b"8 a\0=b\n\n", b"7 =abc\n", b"1000 path=x\n", b"\n", b"6 abc \n"):
            with self.subTest(body):
                self.bad_layer(self.raw(body), entry="dir/a", offset=1024)

    def test_extension_headers_without_an_entry(self):
        tail = pseudo(b"x", pax_record("mtime", "5"), "x")
        self.bad_layer(before().tar()[:-1024] + tail + END, words=["1024", "behind the extension header"])
        self.bad_layer(before().tar()[:-1024] + tail, words=["cut off at", "behind the extension header at 1024"])
        self.bad_layer(before().tar()[:-1024] + tail[:600], words=["cut off at 1624", "extension header"])
        long_name = pseudo(b"L", b"n" * 200 + b"\0", "././@LongLink", "gnu")
        self.bad_layer(before().tar()[:-1024] + long_name + END, words=["1024", "behind the extension header"])

    def test_global_headers_are_checked(self):
        self.bad_layer(before().raw(pseudo(b"g", b"5 a=b", "g")).file("a"), words=["global", "1024"])

    def test_libarchive_xattrs(self):
        for key, value in (("LIBARCHIVE.xattr.user.a", "not base64!"), ("LIBARCHIVE.xattr.user.%zz", "YQ"), ("LIBARCHIVE.xattr.user.%00", "YQ"),
                           ("LIBARCHIVE.xattr.user.a", "Y")):
            with self.subTest(key, value=value):
                self.bad_layer(before().file("dir/a", pax=[(key, value)]), entry="dir/a", offset=1024, words=["LIBARCHIVE.xattr"])


class Names(BadCase):
    def test_nul(self):
        for name in (b"a\0b", b"a\0", b"\0", b"dir/a\0/b"):
            with self.subTest(name):
                self.bad_layer(before().file("x", pax=[("path", name)]), offset=None, words=["NUL", "at 1024"])

    def test_nul_in_link_targets(self):
        self.bad_layer(before().link("x", "y", pax=[("linkpath", b"go\0od")]), entry="x", offset=1024, words=["NUL"])
        self.bad_layer(before().symlink("x", "y", pax=[("linkpath", b"go\0od")]), entry="x", offset=1024)

    def test_long_parts(self):
        long = "n" * 300
        for name in (long, "dir/" + long, long + "/below", "a/" + long + "/b", "./" + "n" * 256):
            with self.subTest(name):
                self.bad_layer(before().file(name), words=["at 1024", "has %d bytes, more than 255" % max(map(len, name.split("/")))])
        self.bad_layer(before().link("x", long), entry="x", offset=1024, words=["300 bytes"])
        self.good(self.write([packed(Layer().file("n" * 255).dir("d/" + "m" * 255), "plain")]), "--size", "min")

    def test_dot_dot_is_no_error(self):
        lines = self.good(self.write([packed(Layer().file("../../../up").file("a/../b").file("/../../c/./d").dir("..").symlink("s", "../../.."), "plain")]),
                          "--size", "min")
        self.assertEqual([line.split("\t")[0] for line in lines], ["/", "/b", "/c", "/c/d", "/s", "/up"])

    def test_a_name_is_shown_fit_for_a_terminal(self):
        line = self.bad_layer(before().file(b"\x1b[31mred\n\xff\xc2\x9b", checksum="good", fields={"size": b"x"}, fmt="gnu"), words=["at 1024"])
        self.assertIn("\\x1b[31mred\\x0a\\xff", line)
        self.assertNotIn("\x1b", line)

    def test_a_long_name_is_cut_in_the_middle(self):
        line = self.bad_layer(before().entry("d/" * 3000 + "last", b"Z"), words=["at 1024", "...", "last"])
        self.assertLess(len(line), 900)


class Whiteouts(BadCase):
    def test_of_nothing(self):
        for name in (".wh.", "dir/.wh.", ".wh..", "dir/.wh..."):
            self.bad_layer(before().file(name), entry=name, words=["whiteout"])

    def test_as_a_parent(self):
        for name in (".wh.a/b", "dir/.wh.a/b", ".wh..wh..opq/b"):
            self.bad_layer(before().file(name), entry=name, words=["whiteout"])


class Links(BadCase):
    def test_no_target(self):
        for target in ("nowhere", "good/below", "dir/none", "../none"):
            with self.subTest(target):
                self.bad_layer(before().link("dir/a", target), entry="dir/a", offset=1024, words=["target", target.replace("../", "")])

    def test_target_only_above(self):
        """A later layer's file is none."""
        layers = [packed(before().link("a", "later"), "gzip"), packed(Layer().file("later"), "gzip")]
        self.bad(self.write(layers), layer=1, entry="a", offset=1024, words=["later"])

    def test_target_that_an_earlier_layer_removed(self):
        layers = [packed(Layer().file("x"), "plain"), packed(Layer().whiteout("x"), "gzip"), packed(before().link("a", "x"), "zstd")]
        self.bad(self.write(layers), layer=3, entry="a", offset=1024, words=["target x"])

    def test_loops(self):
        for layer in (before().link("a", "a"), before().link("a", "b").link("b", "a"), before().link("a", "b").link("b", "c").link("c", "a"),
                      before().link("a", "b").link("b", "c").link("c", "b")):
            self.bad_layer(layer, words=["entry ", "leads back to itself"])

    def test_to_a_directory(self):
        self.bad_layer(before().dir("d").link("a", "d"), entry="a", offset=1536, words=["directory"])
        self.bad_layer(before().link("a", "d").dir("d"), entry="a", offset=1024, words=["directory"])
        self.bad(self.write([packed(Layer().dir("d"), "gzip"), packed(before().link("a", "d"), "gzip")]), layer=2, entry="a", offset=1024,
                 words=["directory"])

    def test_to_the_root_or_to_nothing(self):
        for target in ("/", ".", "..", "./", "a/.."):
            with self.subTest(target):
                self.bad_layer(before().link("dir/a", target), entry="dir/a", offset=1024)
        self.bad_layer(before().link("dir/a", ""), entry="dir/a", offset=1024)

    def test_symlinks(self):
        self.bad_layer(before().symlink("a", ""), entry="a", offset=1024, words=["target"])
        self.bad_layer(before().symlink("a", "t" * 4096), entry="a", offset=1024, words=["4096 bytes", "4095"])

    def test_symlink_loops_in_parents(self):
        for layer in (before().symlink("a", "a").file("a/b"), before().symlink("a", "b").symlink("b", "a").file("b/c"),
                      before().symlink("a", "x/../a").file("a/b"), before().symlink("a", "/a/").file("a/b/c")):
            self.bad_layer(layer, words=["255 symbolic links", "entry "])

    def test_chains_of_symlinks(self):
        def chain(n):
            layer = before()
            for i in range(n):
                layer.symlink("l%03d" % i, "l%03d" % (i + 1), fmt="ustar")
            return layer.dir("l%03d" % n, fmt="ustar").file("l000/x", fmt="ustar")
        self.bad_layer(chain(256), entry="l000/x", words=["255 symbolic links"])
        self.good(self.write([packed(chain(255), "plain")]), "--size", "min")

    def test_links_without_end_take_no_time(self):
        """2 to the power of 30 ways, were each walked."""
        layer = Layer().dir("l0")
        for i in range(30):
            layer.symlink("l%d" % (i + 1), "l%d/../l%d" % (i, i))
        self.bad_layer(layer.file("l30/x"), entry="l30/x", words=["255 symbolic links"], timeout=20)


class Attributes(BadCase):
    def test_values_too_large(self):
        """Over 64 KiB is refused while reading; less, but more than ext4 has room for, by the plan."""
        self.bad_layer(before().file("dir/a", xattrs={"user.big": b"x" * 65537}), entry="dir/a", offset=1024,
                       words=["user.big", "65537 bytes", "--limit xattr-value=N"])
        for xattrs in ({"user.big": b"x" * 65536}, {"user.big": b"x" * 4096}, {"user.a%d" % i: b"x" * 500 for i in range(10)}):
            with self.subTest(names=len(xattrs)):
                layout = self.write([packed(before().file("dir/a", xattrs=xattrs), "plain")])
                self.bad(layout, code=1, words=["dir/a", "attributes"])

    def test_names_too_long(self):
        self.bad_layer(before().file("dir/a", xattrs={"user." + "n" * 256: b"x"}), entry="dir/a", offset=1024, words=["bytes"])

    def test_acls(self):
        entries = ([(1, 7, -1)], [(1, 9, -1), (4, 1, -1), (0x20, 1, -1)], [(4, 1, -1), (1, 7, -1), (0x20, 1, -1)],
                   [(1, 7, -1), (2, 7, 5), (4, 1, -1), (0x20, 1, -1)], [(1, 7, -1), (3, 7, 5), (4, 1, -1), (0x20, 1, -1)])
        raws = [struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *e) for e in one) for one in entries]
        for raw in raws + [b"\2\0\0", b"\1\0\0\0", b"\2\0\0\0" + b"\0" * 7, b"\2\0\0\0" + b"\xff" * 8]:
            with self.subTest(raw=raw):
                self.bad_layer(before().file("dir/a", xattrs={"system.posix_acl_access": raw}), entry="dir/a", offset=1024,
                               words=["system.posix_acl_access"])

    def test_acl_texts(self):
        for text in ("nonsense", "user::rwx", "user::rwx,group::r-x", "user::rwz,group::r-x,other::r--", "user::rwx,group::r-x,other::r--,x",
                     "user::rwx,user:99999999999:r--,group::r-x,other::r--", "user::rwx,user::rwx,group::r-x,other::r--"):
            with self.subTest(text):
                self.bad_layer(before().file("dir/a", acl=text), entry="dir/a", offset=1024, words=["system.posix_acl_access"])


class Sparse(BadCase):
    def test_old_gnu_maps(self):
        for fields in ({"realsize": b"\xff" * 12}, {"realsize": b"x"}, {"realsize": octal(10, 12)},
                       {"sparse": octal(600, 12) + octal(100, 12) + octal(0, 12) + octal(100, 12)}, {"sparse": octal(0, 12) + octal(5000, 12)},
                       {"sparse": b"\xff" * 12 + octal(10, 12)}, {"sparse": octal(0, 12) + b"\xff" * 12}):
            with self.subTest(fields=fields):
                layer = before().sparse("dir/a", [(0, b"a" * 100), (1024, b"b" * 100)], fmt="gnu", fields=fields)
                self.bad_layer(layer, entry="dir/a", offset=1024)

    def test_old_gnu_map_that_goes_on(self):
        layer = before().sparse("dir/a", [(0, b"a" * 100)], fmt="gnu", fields={"isextended": b"\1"})
        self.bad_layer(layer)
        tar = before().sparse("dir/a", [(i * 1024, b"x") for i in range(60)], fmt="gnu").tar()
        self.bad_layer(tar[:1024 + 512 + 200], entry="dir/a", offset=1024, words=["cut off"])

    def test_pax_maps(self):
        for text in ("200,4", "0,4,2", "x,4", "98,4", "-1,4", "0,-4", "0,99999999999999999999", "9223372036854775807,9223372036854775807", "0,2,1,2",
                     "50,2,10,2", "0,3"):
            with self.subTest(text):
                layer = before().file("dir/a", b"data", pax=[("GNU.sparse.size", "100"), ("GNU.sparse.numblocks", "1"), ("GNU.sparse.map", text)])
                self.bad_layer(layer, entry="dir/a", offset=1024)

    def test_text_maps(self):
        for text in (b"x\n", b"1\n0\n", b"2\n0\n4\n", b"-1\n", b"1\n200\n4\n", b"1\n0\n99999999999999999999\n", b"99999999999\n", b"\n", b"1\n0\n4x\n",
                     b"1 0 4\n", b"1" * 400):
            with self.subTest(text):
                layer = before().file("dir/a", pad(text) + b"data", pax=[("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"),
                                                                        ("GNU.sparse.realsize", "100"), ("GNU.sparse.name", "dir/a")])
                self.bad_layer(layer, entry="dir/a", offset=1024)

    def test_unknown_versions(self):
        for major, minor in ((1, 1), (2, 0), (0, 2), (-1, 0)):
            layer = before().file("dir/a", b"x", pax=[("GNU.sparse.major", str(major)), ("GNU.sparse.minor", str(minor)), ("GNU.sparse.size", "9")])
            self.bad_layer(layer, entry="dir/a", offset=1024)

    def test_files_too_large_for_ext4(self):
        layout = self.write([packed(before().sparse("dir/a", [(0, b"x")], size=1 << 62, sparse_format="1.0"), "plain")])
        self.bad(layout, code=1, words=["dir/a", "more than a file on ext4 can have"])


class Limits(BadCase):
    """Each limit: the default, or a small one, is an error that names its option, and the option moves it."""

    def limited(self, content, name, value, codec="plain", words=(), **kw):
        layout = self.write([packed(content, codec)])
        line = self.bad(layout, "--limit", "%s=%d" % (name, value), words=["--limit %s=N" % name, *words], **kw)
        self.assertIn(str(value), line)
        self.good(layout, "--size", "min", "--limit", "%s=%d" % (name, value + 1))

    def test_entries(self):
        layer = Layer()
        for i in range(100):
            layer.file("f%d" % i)
        self.limited(layer, "entries", 99, layer=1)
        # all names of the merged tree count: root, directories that entries imply, and those of all layers together
        layout = self.write([packed(Layer().file("/".join("d%d" % i for i in range(200))), "plain")])
        self.bad(layout, "--limit", "entries=100", words=["--limit entries=N"])
        layers = [Layer() for _ in range(4)]
        for i in range(100):
            layers[i % 4].file("f%d" % i)
        self.bad(self.write([packed(one, "plain") for one in layers]), "--limit", "entries=60", words=["--limit entries=N"])

    def test_path(self):
        self.limited(before().file("d/" * 100 + "x"), "path", 200, layer=1, words=["201 bytes"])
        self.limited(before().symlink("a", "t" * 101), "path", 100, layer=1, entry="a", offset=1024)
        self.bad_layer(before().file("d/" * 32768 + "x"), words=["65537 bytes", "--limit path=N"])

    def test_pax_header(self):
        self.limited(before().file("a", pax=[("comment", "c" * 500)]), "pax-header", 512, layer=1)
        self.bad_layer(before().file("a", pax=[("comment", "c" * (1 << 20))]), words=["at 1024", "--limit pax-header=N"])
        self.bad_layer(before().file("n" * 10 + "/x" * (1 << 19), fmt="gnu"), words=["at 1024", "--limit pax-header=N"])
        # several headers in front of one entry count together
        layer = before()
        for _ in range(3):
            layer.raw(pseudo(b"x", pax_record("comment", "c" * 500_000), "x"))
        self.bad_layer(layer.file("a"), words=["--limit pax-header=N", "at 1024"])

    def test_xattr_value(self):
        self.limited(before().file("a", xattrs={"user.a": b"v" * 101}), "xattr-value", 100, layer=1, entry="a", offset=1024)

    def test_layer_bytes(self):
        layer = before().file("a", b"x" * 100_000)
        size = len(layer.tar())
        for codec in ("plain", "gzip", "zstd"):
            self.limited(layer, "layer-bytes", size - 1, codec=codec, layer=1)

    def test_zstd_window(self):
        def frame(exponent, mantissa=0):
            return b"\x28\xb5\x2f\xfd\x00" + bytes([exponent << 3 | mantissa]) + struct.pack("<I", len(tar) << 3 | 1)[:3] + tar
        tar = before().tar()
        for exponent in (17, 10, 1):        # 128 MiB and less
            self.good(self.write([Raw(frame(exponent), "zstd", tar)]), "--size", "min")
        for exponent in (18, 20, 21, 31):
            with self.subTest(exponent=exponent):
                self.bad(self.write([Raw(frame(exponent), "zstd", tar)]), layer=1, words=["window", "--limit zstd-window=N"])
        self.good(self.write([Raw(frame(18), "zstd", tar)]), "--size", "min", "--limit", "zstd-window=256M")
        self.bad(self.write([Raw(frame(10), "zstd", tar)]), "--limit", "zstd-window=64K", layer=1, words=["--limit zstd-window=N"])

    def test_names_of_limits(self):
        layout = self.write([packed(before(), "plain")])
        for text in ("layer_bytes=1", "nothing=1", "entries", "=1", "entries=", "entries=-1", "entries=x", "entries=1Z"):
            with self.subTest(text):
                Case.refused(self, layout, "--limit", text, code=2)

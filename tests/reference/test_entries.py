#!/usr/bin/env python3
"""Rules 9 to 11 of docs/layers.md, what no filesystem can hold, limits, and the forms of tar, for the reference."""
import struct
import tempfile
import unittest

from cases import ROOT, Case, layer, refdump
from mkimage import Image, Layout
from refused import Refused
import layout

NO = 0xFFFFFFFF
CAP = struct.pack("<IIIII", 0x02000001, 0x2400, 0, 0, 0)


def acl(*entries):
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in entries)


class Rule9Xattrs(Case):
    def test_kept_and_dropped(self):
        found = self.tree(
            [layer().file("f", xattrs={"user.a": "1", "user.empty": "", "security.capability": CAP, "security.ima": "x",
                                       "trusted.x": "1", "security.selinux": "1", "user.overlay.opaque": "y"})],
            ROOT, '/f f 0644 0:0 0 "" security.capability=%s,security.ima=78,user.a=31,user.empty=' % CAP.hex())
        self.assertEqual(found, [])
        self.tree([layer().file("f", xattrs={"system.nfs4_acl": "1", "foo": "1"})], ROOT, '/f f 0644 0:0 0 ""', warned="foo")

    def test_spellings(self):
        self.tree([layer().file("f", xattrs={"user.a b": "1\n\0="}, xattr_style="libarchive")], ROOT, '/f f 0644 0:0 0 "" user.a\\x20b=310a003d')
        self.tree([layer().file("f", xattrs={"user.a": "1"}, xattr_style="both")], ROOT, '/f f 0644 0:0 0 "" user.a=31')

    def test_the_set_is_replaced_whole(self):
        self.tree([layer().file("f", xattrs={"user.a": "1"}), layer().file("f", xattrs={"user.b": "1"})], ROOT, '/f f 0644 0:0 0 "" user.b=31')

    def test_capability_survives_links_without_xattrs(self):
        want = "security.capability=%s" % CAP.hex()
        self.tree([layer().file("a", xattrs={"security.capability": CAP}).link("b", "a")],
                  ROOT, '/a f 0644 0:0 0 "" %s /a*2' % want, '/b f 0644 0:0 0 "" %s /a*2' % want)

    def test_only_what_the_kernel_can_show(self):
        self.tree([layer().symlink("l", "x", xattrs={"user.a": "1", "security.a": "1"})],
                  ROOT, "/l l - 0:0 0 ->x security.a=31", warned="user.a")
        self.tree([layer().fifo("p", xattrs={"user.a": "1"})], ROOT, "/p p 0644 0:0 0", warned="user.a")


class Rule9Acls(Case):
    FULL = acl((1, 6, NO), (2, 7, 5), (4, 4, NO), (0x10, 5, NO), (0x20, 1, NO))

    def test_raw_takes_the_bits_of_the_mode(self):
        want = acl((1, 7, NO), (2, 7, 5), (4, 4, NO), (0x10, 4, NO), (0x20, 2, NO))
        self.tree([layer().file("f", mode=0o4742, xattrs={"system.posix_acl_access": self.FULL})],
                  ROOT, '/f f 4742 0:0 0 "" system.posix_acl_access=%s' % want.hex())

    def test_mask_without_named_entries(self):
        want = acl((1, 6, NO), (4, 1, NO), (0x10, 4, NO), (0x20, 0, NO))
        self.tree([layer().file("f", mode=0o640, xattrs={"system.posix_acl_access": acl((1, 7, NO), (4, 1, NO), (0x10, 7, NO), (0x20, 7, NO))})],
                  ROOT, '/f f 0640 0:0 0 "" system.posix_acl_access=%s' % want.hex())

    def test_minimal(self):
        three = acl((1, 7, NO), (4, 7, NO), (0x20, 7, NO))
        self.tree([layer().dir("d", mode=0o750, xattrs={"system.posix_acl_access": three, "system.posix_acl_default": three})],
                  ROOT, "/d d 0750 0:0 0 - system.posix_acl_default=%s" % three.hex())

    def test_text(self):
        want = acl((1, 6, NO), (2, 7, 5), (2, 4, 1000), (4, 4, NO), (8, 6, 7), (0x10, 4, NO), (0x20, 4, NO))
        for text in ("user::rwx,user:5:rwx,user:1000:r--,group::r--,group:7:rw-,mask::rwx,other::---",
                     "user::rwx\nuser:name:rwx:5\nuser:bob:r--:1000\ngroup::r--\ngroup:x:rw-:7\nmask::rwx\nother::---\n"):
            self.tree([layer().file("f", acl=text)], ROOT, '/f f 0644 0:0 0 "" system.posix_acl_access=%s' % want.hex())
        self.tree([layer().dir("d", default_acl="user::rwx,group::r-x,other::---")],
                  ROOT, "/d d 0755 0:0 0 - system.posix_acl_default=%s" % acl((1, 7, NO), (4, 5, NO), (0x20, 0, NO)).hex())

    def test_raw_before_text(self):
        want = acl((1, 6, NO), (2, 7, 5), (4, 4, NO), (0x10, 4, NO), (0x20, 4, NO))
        self.tree([layer().file("f", acl="user::rwx,user:9:rwx,group::r--,mask::rwx,other::---", xattrs={"system.posix_acl_access": self.FULL})],
                  ROOT, '/f f 0644 0:0 0 "" system.posix_acl_access=%s' % want.hex())

    def test_what_the_kernel_refuses(self):
        for bad in (b"", acl((1, 7, NO)), acl((4, 4, NO), (1, 7, NO), (0x20, 1, NO)), acl((1, 8, NO), (4, 4, NO), (0x20, 1, NO)),
                    acl((1, 6, NO), (2, 7, 5), (4, 4, NO), (0x20, 1, NO))):
            self.refused(9, layer().file("f", xattrs={"system.posix_acl_access": bad}))
        self.refused(9, layer().file("f", acl="user::rwx,user:bob:rwx,group::r--,mask::rwx,other::---"))


class Rule10Types(Case):
    def test_all(self):
        self.tree([layer().char("c", 4095, 1048575).block("b", 8, 1).fifo("p").symlink("l", "t").entry("v", b"\0").entry("w", b"7", data="7")],
                  ROOT, "/b b 0644 0:0 0 8:1", "/c c 0644 0:0 0 4095:1048575", "/l l - 0:0 0 ->t", "/p p 0644 0:0 0",
                  '/v f 0644 0:0 0 ""', '/w f 0644 0:0 0 "7"')

    def test_old_directories(self):
        self.tree([layer().entry("a/", b"0").entry("b/", b"\0", fmt="v7")], ROOT, "/a d 0644 0:0 0", "/b d 0644 0:0 0")

    def test_unknown(self):
        for flag in (b"Z", b"8", b"V"):
            self.refused(10, layer().entry("a", flag))


class Rule11Sparse(Case):
    def test_every_form(self):
        want = "/s f 0644 0:0 0 " + '"%s"' % ("\0" * 600 + "a" * 10 + "\0" * 400 + "b" * 3 + "\0" * 7)
        chunks = [(600, "a" * 10), (1010, "b" * 3)]
        for kind in ("gnu", "0.0", "0.1", "1.0"):
            with self.subTest(kind):
                self.tree([layer(fmt="gnu" if kind == "gnu" else "pax").sparse("s", chunks, size=1020, sparse_format=kind).file("z")],
                          ROOT, want, '/z f 0644 0:0 0 ""')

    def test_many_spans(self):
        data = "".join("\0" * 9 + "x" for _ in range(60))
        chunks = [(10 * i + 9, "x") for i in range(60)]
        for kind in ("gnu", "0.0", "0.1", "1.0"):
            self.tree([layer(fmt="gnu" if kind == "gnu" else "pax").sparse("s", chunks, sparse_format=kind)], ROOT, '/s f 0644 0:0 0 "%s"' % data)

    def test_only_a_hole(self):
        for kind in ("gnu", "0.0", "0.1", "1.0"):
            self.tree([layer(fmt="gnu" if kind == "gnu" else "pax").sparse("s", [], size=5, sparse_format=kind)], ROOT, '/s f 0644 0:0 0 "\0\0\0\0\0"')

    def test_bad_maps(self):
        for text in ("200,4", "0,4,2", "x,4", "98,4", "0,2"):
            self.refused("tar", layer().file("s", "data", pax=[("GNU.sparse.size", "100"), ("GNU.sparse.numblocks", "1"), ("GNU.sparse.map", text)]))


class Filesystem(Case):
    def test_times(self):
        for given, shown in ((-2**31, "-2147483648"), (-2**31 - 1, "-2147483648"), (2**34 - 2**31 - 1, "15032385535"), (2**40, "15032385535"),
                             ("-1.5", "-2.500000000"), ("-0.25", "-1.750000000"), ((5, 1), "5.000000001"), ("7.1234567891", "7.123456789")):
            with self.subTest(given):
                self.tree([layer().file("f", mtime=given)], ROOT, '/f f 0644 0:0 %s ""' % shown)
        self.tree([layer().file("f", mtime=-5, fmt="gnu")], ROOT, '/f f 0644 0:0 -5 ""')
        self.tree([layer().dir("d", mtime=2**40)], ROOT, "/d d 0755 0:0 15032385535", warned="clamped")
        self.tree([layer()], "/ d 0755 0:0 -2147483648", created=(-2**40, 0))

    def test_symlinks(self):
        self.tree([layer().symlink("l", "t" * 4095)], ROOT, "/l l - 0:0 0 ->" + "t" * 4095)
        self.refused("filesystem", layer().symlink("l", "t" * 4096))

    def test_owners(self):
        self.tree([layer().file("f", uid=4294967294, gid=2**21), layer(fmt="gnu").file("g", uid=4294967294, gid=2**21)],
                  ROOT, '/f f 0644 4294967294:2097152 0 ""', '/g f 0644 4294967294:2097152 0 ""')

    def test_limits(self):
        self.refused("limit", layer().file("f", xattrs={"user.a": "x" * 65537}))
        self.refused("limit", layer().file("x/" * 33000 + "x"))
        self.tree([layer().file("a/../" * 13000 + "f")], ROOT, '/f f 0644 0:0 0 ""')


class Tar(Case):
    def test_long_names(self):
        name = "/".join(["d" * 100] * 3)
        lines = [ROOT] + ["/%s d 0755 0:0 0" % "/".join(["d" * 100] * i) for i in (1, 2)]
        for fmt in ("pax", "gnu"):
            self.tree([layer(fmt=fmt).symlink(name, "t" * 200)], *lines, "/%s l - 0:0 0 ->%s" % (name, "t" * 200))
        for fmt, size in (("ustar", 150), ("star", 125)):
            self.tree([layer(fmt=fmt).file("p" * size + "/f" + "g" * 60)],
                      ROOT, "/%s d 0755 0:0 0" % ("p" * size), '/%s/f%s f 0644 0:0 0 ""' % ("p" * size, "g" * 60))

    def test_global_headers_are_ignored(self):
        self.tree([layer().global_header([("comment", "x"), ("mtime", "77"), ("path", "b")]).file("a")], ROOT, '/a f 0644 0:0 0 ""')

    def test_numbers(self):
        self.tree([layer(fmt="gnu", numbers="base256").file("a", "x", uid=1, mtime=5)], ROOT, '/a f 0644 1:0 5 "x"')
        self.tree([layer(fmt="ustar").file("a", fields={"mode": "   644 \0", "uid": "\0" * 8})], ROOT, '/a f 0644 0:0 0 ""')
        self.refused("tar", layer(fmt="ustar").file("a", fields={"uid": "12x\0"}))
        self.refused("tar", layer(fmt="gnu").file("a", fields={"size": b"\xff" * 12}))

    def test_checksums(self):
        self.tree([layer(checksum="signed", fmt="gnu").file(b"\xff")], ROOT, '/\\xff f 0644 0:0 0 ""')
        self.refused("tar", layer(checksum="bad").file("a"))

    def test_the_end(self):
        self.tree([layer(end=0).file("a", "x")], ROOT, '/a f 0644 0:0 0 "x"')
        self.tree([layer(trailer=b"junk").file("a", "x")], ROOT, '/a f 0644 0:0 0 "x"')
        self.refused("tar", layer(end=0).file("a", "x", size=5000))
        self.refused("tar", layer(end=0).file("a").raw(b"x" * 100))

    def test_empty_pax_values(self):
        self.tree([layer().file("a", pax=[("path", ""), ("uid", "")])], ROOT, '/a f 0644 0:0 0 ""')


class Layouts(unittest.TestCase):
    """The reader of OCI layouts, over what the image factory writes."""

    def dump(self, image, ref=None, **options):
        with tempfile.TemporaryDirectory(prefix="ref-") as out:
            Layout(**options).add(image, tags=("a", "b"), attestation=True).write(out)
            return refdump.of_layout(out, ref)

    def test_every_codec_and_shape_gives_the_same(self):
        layers = [layer().file("a", "x" * 5000), layer().file("b", "y").whiteout("a")]
        want = self.dump(Image(layers, codec="plain"))
        self.assertEqual(len(want), 2)
        for codec in ("gzip", "gzip:members=3:name", "gzip:level=0", "zstd", "zstd:frames=2:skippable", "zstd:stored:frames=3"):
            self.assertEqual(self.dump(Image(layers, codec=codec)), want)
        for options in ({"family": "docker"}, {"media_type": False}, {"inline": True}, {"history": True}):
            self.assertEqual(self.dump(Image(layers, **options), media_type=False, ref="b"), want)

    def test_platforms_and_tags(self):
        with tempfile.TemporaryDirectory(prefix="ref-") as out:
            Layout().add_index([Image([layer().file("a")]), Image([layer().file("b")], arch="arm64")], tags=["m"], depth=2).write(out)
            self.assertIn("/b\t", "\n".join(refdump.of_layout(out, "m", "linux/arm64")))
            with self.assertRaises(Refused):
                layout.load(out, "none")

    def test_wrong_diff_id(self):
        with tempfile.TemporaryDirectory(prefix="ref-") as out:
            Image([layer().file("a")], diff_ids=["sha256:" + "0" * 64]).write(out)
            with self.assertRaises(Refused):
                layout.load(out)

    def test_created(self):
        for text, want in (("1970-01-01T00:00:01Z", (1, 0)), ("1970-01-01T00:00:01.5Z", (1, 500000000)),
                           ("1970-01-01T02:00:00+02:00", (0, 0)), ("0001-01-01T00:00:00Z", (-62135596800, 0)), (None, None)):
            self.assertEqual(layout.parse_created(text), want)


class Generator(unittest.TestCase):
    def test_a_seed_gives_the_same_bytes(self):
        import randimage
        for seed in range(20):
            self.assertEqual(randimage.image(seed).tars(), randimage.image(seed).tars())


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""The merge rules of docs/layers.md, one class for each, as images with the dump that the rules demand.

The expected lines were reasoned from the rules, so that the reference itself can be trusted.
"""
import unittest

from cases import ROOT, Case, layer


class Rule1Names(Case):
    def test_dots_and_slashes_drop_out(self):
        self.tree([layer().file("./a").file("/b").file("c//./d")],
                  ROOT, '/a f 0644 0:0 0 ""', '/b f 0644 0:0 0 ""', "/c d 0755 0:0 0", '/c/d f 0644 0:0 0 ""')

    def test_dotdot_is_lexical_and_stops_at_the_root(self):
        self.tree([layer().symlink("s", "d").file("s/../x").file("../../y").file("q/r/../../z")],
                  ROOT, "/s l - 0:0 0 ->d", '/x f 0644 0:0 0 ""', '/y f 0644 0:0 0 ""', '/z f 0644 0:0 0 ""')

    def test_bytes_are_kept(self):
        self.tree([layer().file(b"\xff \n\\\xc3\xa9")], ROOT, '/\\xff\\x20\\x0a\\x5c\\xc3\\xa9 f 0644 0:0 0 ""')

    def test_length_of_a_part(self):
        self.tree([layer().file("n" * 255)], ROOT, "/%s f 0644 0:0 0 \"\"" % ("n" * 255))
        self.refused(1, layer().file("n" * 256))
        self.refused(1, layer().file("n" * 256 + "/x"))

    def test_nul(self):
        self.refused(1, layer().file("a", pax=[("path", "a\0b")]))


class Rule2Symlinks(Case):
    def test_same_layer_is_followed(self):
        self.tree([layer().dir("usr/lib").symlink("lib", "usr/lib").file("lib/foo")],
                  ROOT, "/lib l - 0:0 0 ->usr/lib", "/usr d 0755 0:0 0", "/usr/lib d 0755 0:0 0", '/usr/lib/foo f 0644 0:0 0 ""')

    def test_lower_layer_is_not(self):
        self.tree([layer().dir("usr").symlink("lib", "usr"), layer().file("lib/foo", mtime=7)],
                  ROOT, "/lib d 0755 0:0 7", '/lib/foo f 0644 0:0 7 ""', "/usr d 0755 0:0 0", warned="/lib")

    def test_no_warning_when_a_directory_was_asked_for(self):
        found = self.tree([layer().symlink("lib", "usr"), layer().dir("lib").file("lib/foo")],
                          ROOT, "/lib d 0755 0:0 0", '/lib/foo f 0644 0:0 0 ""')
        self.assertEqual(found, [])

    def test_clamped_to_the_root_and_physical(self):
        self.tree([layer().symlink("a/s", "../../../t").file("a/s/x")],
                  ROOT, "/a d 0755 0:0 0", "/a/s l - 0:0 0 ->../../../t", "/t d 0755 0:0 0", '/t/x f 0644 0:0 0 ""')
        self.tree([layer().dir("p/q").symlink("d", "p/q").symlink("u", "d/..").file("u/x")],
                  ROOT, "/d l - 0:0 0 ->p/q", "/p d 0755 0:0 0", "/p/q d 0755 0:0 0", '/p/x f 0644 0:0 0 ""', "/u l - 0:0 0 ->d/..")

    def test_absolute_and_dangling(self):
        self.tree([layer().symlink("l", "/no/such").file("l/x", mtime=9)],
                  ROOT, "/l l - 0:0 0 ->/no/such", "/no d 0755 0:0 9", "/no/such d 0755 0:0 9", '/no/such/x f 0644 0:0 9 ""')

    def test_hops(self):
        def chain(number):
            found = layer(fmt="ustar").dir("d")
            for i in range(number):
                found.symlink("s%d" % i, "s%d" % (i + 1) if i < number - 1 else "d")
            return found.file("s0/x")
        links = sorted("/s%d l - 0:0 0 ->%s" % (i, "s%d" % (i + 1) if i < 254 else "d") for i in range(255))
        self.tree([chain(255)], ROOT, "/d d 0755 0:0 0", '/d/x f 0644 0:0 0 ""', *sorted(links, key=lambda l: l.split(" ")[0]))
        self.refused(2, chain(256))
        self.refused(2, layer().symlink("a", "b").symlink("b", "a").file("a/x"))


class Rule3Implied(Case):
    def test_over_a_lower_directory_keeps_everything(self):
        self.tree([layer().dir("d", mode=0o700, uid=5, gid=6, mtime=3, xattrs={"user.a": "1"}), layer().file("d/new", mtime=9)],
                  ROOT, "/d d 0700 5:6 3 - user.a=31", '/d/new f 0644 0:0 9 ""')

    def test_new_one_has_the_time_of_its_first_entry(self):
        self.tree([layer().file("d/a", mtime=4, uid=1).file("d/b", mtime=8)],
                  ROOT, "/d d 0755 0:0 4", '/d/a f 0644 1:0 4 ""', '/d/b f 0644 0:0 8 ""')

    def test_non_directory_in_the_way(self):
        self.tree([layer().file("f"), layer().file("f/x", mtime=2)], ROOT, "/f d 0755 0:0 2", '/f/x f 0644 0:0 2 ""')
        self.tree([layer().file("f").file("f/x", mtime=2)], ROOT, "/f d 0755 0:0 2", '/f/x f 0644 0:0 2 ""')


class Rule4Duplicates(Case):
    def test_last_wins(self):
        self.tree([layer().file("f", "one", mode=0o600).file("f", "two", mtime=5)], ROOT, '/f f 0644 0:0 5 "two"')

    def test_directory_over_directory(self):
        self.tree([layer().dir("d", xattrs={"user.a": "1"}).file("d/x").dir("d", mode=0o700, mtime=5, xattrs={"user.b": "2"})],
                  ROOT, "/d d 0700 0:0 5 - user.b=32", '/d/x f 0644 0:0 0 ""')

    def test_non_directory_over_directory(self):
        self.tree([layer().dir("d").file("d/x").file("d", "f")], ROOT, '/d f 0644 0:0 0 "f"', warned="rule 4")
        self.tree([layer().dir("d").file("d/x").file("d").dir("d")], ROOT, "/d d 0755 0:0 0")

    def test_directory_over_implied(self):
        self.tree([layer().file("d/x", mtime=9).dir("d", mode=0o711, mtime=1)], ROOT, "/d d 0711 0:0 1", '/d/x f 0644 0:0 9 ""')


class Rule5HardLinks(Case):
    def test_backward_applies_the_header(self):
        self.tree([layer().file("a", "x", mode=0o600, uid=1, mtime=1, xattrs={"user.a": "1", "user.b": "2"})
                   .link("h", "a", mode=0o640, uid=2, mtime=2, xattrs={"user.b": "3"})],
                  ROOT, '/a f 0640 2:0 2 "x" user.a=31,user.b=33 /a*2', '/h f 0640 2:0 2 "x" user.a=31,user.b=33 /a*2')

    def test_forward(self):
        self.tree([layer().link("h", "./z", mode=0o640, mtime=2).file("z", "x", mode=0o600, mtime=1, xattrs={"user.a": "1"})],
                  ROOT, '/h f 0640 0:0 2 "x" user.a=31 /h*2', '/z f 0640 0:0 2 "x" user.a=31 /h*2')

    def test_forward_chain(self):
        self.tree([layer().link("a", "b").link("b", "c").file("c", "x")],
                  ROOT, '/a f 0644 0:0 0 "x" - /a*3', '/b f 0644 0:0 0 "x" - /a*3', '/c f 0644 0:0 0 "x" - /a*3')

    def test_lower_target_ignores_the_header(self):
        self.tree([layer().file("a", "x", mode=0o600, mtime=1), layer().link("h", "a", mode=0o777, uid=9, mtime=9, xattrs={"user.a": "1"})],
                  ROOT, '/a f 0600 0:0 1 "x" - /a*2', '/h f 0600 0:0 1 "x" - /a*2', warned="rule 5")

    def test_lower_target_as_it_was_before_this_layer(self):
        self.tree([layer().file("a", "x"), layer().whiteout("a").link("h", "a")], ROOT, '/h f 0644 0:0 0 "x"')
        self.tree([layer().file("d/a", "x"), layer().file("d", "new").link("h", "d/a")],
                  ROOT, '/d f 0644 0:0 0 "new"', '/h f 0644 0:0 0 "x"')

    def test_this_layer_before_the_lower(self):
        self.tree([layer().file("a", "old"), layer().link("h", "a").file("a", "new")],
                  ROOT, '/a f 0644 0:0 0 "new" - /a*2', '/h f 0644 0:0 0 "new" - /a*2')

    def test_errors(self):
        self.refused(5, layer().link("h", "a"))
        self.refused(5, layer().link("h", "h"))
        self.refused(5, layer().link("h", "i").link("i", "h"))
        self.refused(5, layer().dir("d").link("h", "d"))
        self.refused(5, layer().dir("d"), layer().link("h", "d"))
        self.refused(5, layer().link("h", "/"))
        self.refused(5, layer().symlink("l", "d").file("d/f"), layer().link("h", "l/f"))

    def test_symlinks_on_the_way_and_at_the_end(self):
        self.tree([layer().file("d/f", "x").symlink("s", "d").link("h", "s/f").link("t", "s")],
                  ROOT, "/d d 0755 0:0 0", '/d/f f 0644 0:0 0 "x" - /d/f*2', '/h f 0644 0:0 0 "x" - /d/f*2',
                  "/s l - 0:0 0 ->d - /s*2", "/t l - 0:0 0 ->d - /s*2")

    def test_self_link(self):
        self.tree([layer().file("a", "x").link("a", "a", mode=0o600)], ROOT, '/a f 0600 0:0 0 "x"')
        self.tree([layer().file("a", "x", mode=0o640), layer().link("a", "a", mode=0o600)], ROOT, '/a f 0640 0:0 0 "x"')

    def test_later_entry_of_the_target_is_another_inode(self):
        self.tree([layer().file("a", "1").link("h", "a").file("a", "2")], ROOT, '/a f 0644 0:0 0 "2"', '/h f 0644 0:0 0 "1"')

    def test_bodies_are_never_served(self):
        self.tree([layer().file("a", "x", pax_names=True).link("h", "a", data=b"body", pax_names=True).file("z")],
                  ROOT, '/a f 0644 0:0 0 "x" - /a*2', '/h f 0644 0:0 0 "x" - /a*2', '/z f 0644 0:0 0 ""')
        self.tree([layer(fmt="gnu").file("a", "x").link("h", "a", size=1).file("z")],
                  ROOT, '/a f 0644 0:0 0 "x" - /a*2', '/h f 0644 0:0 0 "x" - /a*2', '/z f 0644 0:0 0 ""')

    def test_over_other_things(self):
        self.tree([layer().dir("h").file("h/x").file("a", "x"), layer().link("h", "a")],
                  ROOT, '/a f 0644 0:0 0 "x" - /a*2', '/h f 0644 0:0 0 "x" - /a*2')


class Rule6Markers(Case):
    LOWER = ROOT, "/d d 0755 0:0 0", '/d/old f 0644 0:0 0 ""'

    def lower(self):
        return layer().dir("d").file("d/old")

    def test_whiteouts_of_every_form(self):
        for how in ("file", "dir", "symlink", "link", "char"):
            with self.subTest(how):
                self.tree([self.lower(), layer().whiteout("d/old", how)], *self.LOWER[:2])
                self.tree([self.lower(), layer().whiteout("d", how)], ROOT)
        self.tree([self.lower(), layer().char("d/.wh.old", 1, 3)], *self.LOWER[:2])
        self.tree([self.lower(), layer().fifo("d/.wh.old").whiteout("nope").whiteout("no/such")], *self.LOWER[:2])

    def test_block_zero_is_a_device(self):
        self.tree([layer().file("b"), layer().block("b", 0, 0)], ROOT, "/b b 0644 0:0 0 0:0")

    def test_opaque_anywhere(self):
        new = '/d/new f 0644 0:0 0 ""'
        self.tree([self.lower(), layer().file("d/new").opaque("d")], *self.LOWER[:2], new)
        self.tree([self.lower(), layer().opaque("d").file("d/new")], *self.LOWER[:2], new)
        self.tree([layer().file("d/sub/old"), layer().file("d/sub/new").opaque("d")],
                  *self.LOWER[:2], "/d/sub d 0755 0:0 0", '/d/sub/new f 0644 0:0 0 ""')
        self.tree([layer().opaque("d").file("d/new")], *self.LOWER[:2], new)

    def test_never_in_their_own_layer(self):
        self.tree([layer().file("f", "1"), layer().whiteout("f").file("f", "2")], ROOT, '/f f 0644 0:0 0 "2"')
        self.tree([layer().file("f", "1"), layer().file("f", "2").whiteout("f")], ROOT, '/f f 0644 0:0 0 "2"')
        self.tree([layer().file("f", "1"), layer().file("f", "2").whiteout("f", "char")], ROOT, '/f f 0644 0:0 0 "2"')
        self.tree([self.lower(), layer().dir("d").file("d/new").whiteout("d")], *self.LOWER[:2], '/d/new f 0644 0:0 0 ""')
        self.tree([layer().file("f").file("f/.wh.x")], ROOT, '/f f 0644 0:0 0 ""')

    def test_through_symlinks_of_the_layer_only(self):
        self.tree([self.lower(), layer().symlink("s", "d").whiteout("s/old")], *self.LOWER[:2], "/s l - 0:0 0 ->d")
        self.tree([self.lower(), layer().whiteout("s/old").symlink("s", "d")], *self.LOWER[:2], "/s l - 0:0 0 ->d")
        self.tree([self.lower().symlink("s", "d"), layer().whiteout("s/old")], *self.LOWER, "/s d 0755 0:0 0", warned="/s")

    def test_bad_names(self):
        for name in (".wh.", ".wh..", ".wh...", "d/.wh.", ".wh.x/y", "d/.wh.x/.wh.y", ".wh..wh..opq/x"):
            with self.subTest(name):
                self.refused(6, layer().file(name))
        self.tree([layer().file("a"), layer().file(".wh.x/../.wh.a")], ROOT)

    def test_names_that_only_look_alike(self):
        self.tree([layer().file(".wh").file(".whx").file("a.wh.b").file(".hid").file("..."), layer().file(".wh..hid")],
                  ROOT, '/... f 0644 0:0 0 ""', '/.wh f 0644 0:0 0 ""', '/.whx f 0644 0:0 0 ""', '/a.wh.b f 0644 0:0 0 ""')

    def test_aufs(self):
        self.tree([layer().file(".wh..wh.aufs").dir(".wh..wh.orph").file(".wh..wh.plnk/1.2", "x").link("h", ".wh..wh.plnk/1.2")],
                  ROOT, '/h f 0644 0:0 0 "x"')
        self.tree([layer().file("d/.wh..wh.x")], ROOT, "/d d 0755 0:0 0")
        self.refused(5, layer().file(".wh..wh.plnk/1.2", "x"), layer().link("h", ".wh..wh.plnk/1.2"))


class Rule7MarkersAlone(Case):
    def test_creates_nothing(self):
        self.tree([layer().whiteout("no/such/x").opaque("nor/this")], ROOT)
        self.tree([layer().dir("d", mtime=3), layer().whiteout("d/x", mtime=9)], ROOT, "/d d 0755 0:0 3")

    def test_hides_a_non_directory(self):
        self.tree([layer().file("f"), layer().whiteout("f/x", mtime=9)], ROOT, "/f d 0755 0:0 9")
        self.tree([layer().file("f"), layer().opaque("f", mtime=9)], ROOT, "/f d 0755 0:0 9")
        self.tree([layer().file("f"), layer().whiteout("f/sub/x", mtime=9)], ROOT, "/f d 0755 0:0 9")
        self.tree([layer().file("f"), layer().whiteout("f/x").whiteout("f")], ROOT)

    def test_an_entry_that_mentions_it_gives_the_time(self):
        self.tree([layer().whiteout("d/x", mtime=9).file("d/new", mtime=4)], ROOT, "/d d 0755 0:0 4", '/d/new f 0644 0:0 4 ""')

    def test_through_a_dangling_symlink(self):
        self.tree([layer().symlink("l", "no/such").whiteout("l/x")], ROOT, "/l l - 0:0 0 ->no/such")


class Rule8Root(Case):
    def test_only_the_mtime_counts(self):
        self.tree([layer().dir("./", mode=0o700, uid=7, gid=8, mtime=5, xattrs={"user.a": "1"}).file("a")],
                  "/ d 0755 0:0 5", '/a f 0644 0:0 0 ""', created=(9, 0))
        self.tree([layer().dir("/", mtime=5), layer().dir("a/..", mtime=(6, 7)), layer().file("a")],
                  "/ d 0755 0:0 6.000000007", '/a f 0644 0:0 0 ""')

    def test_without_one(self):
        self.tree([layer().file("a")], "/ d 0755 0:0 9.000000001", '/a f 0644 0:0 0 ""', created=(9, 1))
        self.tree([layer()], ROOT)
        self.tree([], ROOT)

    def test_opaque(self):
        self.tree([layer().file("a").dir("./", mtime=5), layer().file("b").opaque("")], "/ d 0755 0:0 5", '/b f 0644 0:0 0 ""')


class Laying(Case):
    """The section on laying a layer over the tree."""

    def test_whiteout_and_new_directory(self):
        self.tree([layer().file("d/old"), layer().whiteout("d").file("d/new", mtime=6)],
                  ROOT, "/d d 0755 0:0 6", '/d/new f 0644 0:0 6 ""')
        self.tree([layer().dir("d", mode=0o700).file("d/old"), layer().whiteout("d").whiteout("d/old")], ROOT)
        self.tree([layer().file("d/old"), layer().whiteout("d"), layer().file("d/new")],
                  ROOT, "/d d 0755 0:0 0", '/d/new f 0644 0:0 0 ""')

    def test_directory_over_directory(self):
        self.tree([layer().dir("d", mode=0o700, xattrs={"user.a": "1"}).file("d/x"), layer().dir("d", mtime=4, xattrs={"user.b": "2"})],
                  ROOT, "/d d 0755 0:0 4 - user.b=32", '/d/x f 0644 0:0 0 ""')

    def test_changes_of_type(self):
        self.tree([layer().file("d/x"), layer().file("d", "f")], ROOT, '/d f 0644 0:0 0 "f"')
        self.tree([layer().file("d"), layer().dir("d")], ROOT, "/d d 0755 0:0 0")
        self.tree([layer().file("d/x"), layer().symlink("d", "e")], ROOT, "/d l - 0:0 0 ->e")
        self.tree([layer().file("d/x"), layer().file("d"), layer().dir("d").file("d/y")],
                  ROOT, "/d d 0755 0:0 0", '/d/y f 0644 0:0 0 ""')

    def test_one_name_of_a_group(self):
        self.tree([layer().file("a", "1").link("b", "a").link("c", "a"), layer().file("a", "2")],
                  ROOT, '/a f 0644 0:0 0 "2"', '/b f 0644 0:0 0 "1" - /b*2', '/c f 0644 0:0 0 "1" - /b*2')
        self.tree([layer().file("a", "1").link("b", "a"), layer().whiteout("a")], ROOT, '/b f 0644 0:0 0 "1"')


if __name__ == "__main__":
    unittest.main()

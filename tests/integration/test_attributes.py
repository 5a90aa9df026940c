"""Extended attributes, POSIX ACLs and capabilities, read back by getfacl, getcap and the kernel."""
import os
import subprocess
import unittest

import judge
import samples
from mkimage import Image, Layer

USER_OBJ, USER, GROUP_OBJ, GROUP, MASK, OTHER = 1, 2, 4, 8, 0x10, 0x20
ROOM_INODE = 96 - 4 - 4 - 20        # a value of user.x that still goes into the inode
ROOM_BLOCK = 4096 - 32 - 4 - 20     # and into a block


class Acls(judge.Case):
    def setUp(self):
        super().setUp()
        named = samples.acl((USER_OBJ, 7, None), (USER, 5, 1000), (USER, 0, 4294967294), (GROUP_OBJ, 5, None), (GROUP, 7, 70000),
                            (MASK, 7, None), (OTHER, 1, None))
        default = samples.acl((USER_OBJ, 7, None), (USER, 6, 3), (GROUP_OBJ, 5, None), (MASK, 5, None), (OTHER, 0, None))
        plain = samples.acl((USER_OBJ, 7, None), (GROUP_OBJ, 5, None), (OTHER, 4, None))
        layer = Layer()
        layer.file("raw", b"x", mode=0o640, xattrs={"system.posix_acl_access": named})
        layer.dir("dir", mode=0o2750, xattrs={"system.posix_acl_access": named, "system.posix_acl_default": default})
        layer.dir("default", mode=0o755, xattrs={"system.posix_acl_default": plain})
        layer.file("text", b"x", mode=0o4750, acl="user::rwx,user:1000:r-x,group::r-x,group:70000:rwx,mask::rwx,other::---")
        layer.dir("dtext", mode=0o700, acl="user::rwx\nuser:joe:rw-:1234\ngroup::---\nmask::rw-\nother::---\n",
                  default_acl="user::rwx,group::r-x,other::---")
        layer.file("both", b"x", mode=0o600, acl="user::rwx,user:1:rwx,group::rwx,mask::rwx,other::rwx",
                   xattrs={"system.posix_acl_access": named})
        self.image, _, _ = self.make_and_judge(Image([layer]))

    def test_getfacl(self):
        expected = {
            "raw": "user::rw-\nuser:1000:r-x\nuser:4294967294:---\ngroup::r-x\ngroup:70000:rwx\nmask::r--\nother::---",
            "dir": "user::rwx\nuser:1000:r-x\nuser:4294967294:---\ngroup::r-x\ngroup:70000:rwx\nmask::r-x\nother::---\n"
                   "default:user::rwx\ndefault:user:3:rw-\ndefault:group::r-x\ndefault:mask::r-x\ndefault:other::---",
            "default": "user::rwx\ngroup::r-x\nother::r-x\ndefault:user::rwx\ndefault:group::r-x\ndefault:other::r--",
            "text": "user::rwx\nuser:1000:r-x\ngroup::r-x\ngroup:70000:rwx\nmask::r-x\nother::---",
            "dtext": "user::rwx\nuser:1234:rw-\ngroup::---\nmask::---\nother::---\n"
                     "default:user::rwx\ndefault:group::r-x\ndefault:other::---",
            "both": "user::rw-\nuser:1000:r-x\nuser:4294967294:---\ngroup::r-x\ngroup:70000:rwx\nmask::---\nother::---",
        }
        with judge.loop_mount(self.image) as root:
            for name, text in expected.items():
                with self.subTest(name):
                    found = judge.run("getfacl", "--omit-header", "--numeric", "--absolute-names", "--no-effective", "%s/%s" % (root, name))
                    self.assertEqual(found.strip(), text)

    def test_the_kernel_obeys_them(self):
        """User 1000 may read what only the ACL allows."""
        with judge.loop_mount(self.image) as root:
            for user, name, allowed in ((1000, "raw", True), (1001, "raw", False), (1000, "text", True), (1001, "text", False)):
                done = subprocess.run(["cat", "%s/%s" % (root, name)], user=user, group=user, extra_groups=[], capture_output=True)
                self.assertEqual(done.returncode == 0, allowed, (user, name, done.stderr))


class Capabilities(judge.Case):
    def test_on_hard_links_that_gnu_tar_wrote(self):
        """GNU tar leaves the xattrs out of link headers; whichever name comes first carries them."""
        tree = self.path("tree")
        os.mkdir(tree)
        for name in ("middle", "other"):
            with open(os.path.join(tree, name), "wb") as f:
                f.write(samples.noise(5000))
            os.chmod(os.path.join(tree, name), 0o755)
        judge.run("setcap", "cap_net_raw,cap_net_admin=ep", tree + "/middle")
        judge.run("setcap", "cap_net_bind_service=eip", tree + "/other")
        os.link(tree + "/middle", tree + "/after")
        os.link(tree + "/middle", tree + "/zlast")
        for form in ("posix", "pax"):
            tar = self.new(".tar")
            judge.run("tar", "--xattrs", "--xattrs-include=*", "--format=" + form, "-C", tree, "-cf", tar, "middle", "after", "zlast", "other")
            with open(tar, "rb") as f:
                image, _, dump = self.make_and_judge(Image([f.read()]))
            self.assertEqual([line.split("\t")[7] for line in dump[1:]], ["/after*3", "/after*3", "-", "/after*3"])
            with judge.loop_mount(image) as root:
                for name, caps in (("after", "cap_net_admin,cap_net_raw=ep"), ("middle", "cap_net_admin,cap_net_raw=ep"),
                                   ("zlast", "cap_net_admin,cap_net_raw=ep"), ("other", "cap_net_bind_service=eip")):
                    self.assertEqual(judge.run("getcap", "%s/%s" % (root, name)).strip(), "%s/%s %s" % (root, name, caps))

    def test_versions_and_forms(self):
        v3 = bytes.fromhex("010000030020000000000000000000000000000000000100")[:24]
        layer = Layer()
        for style in ("schily", "libarchive", "both"):
            layer.file(style, b"x", xattrs={"security.capability": samples.capability()}, xattr_style=style)
        layer.file("v3", b"x", xattrs={"security.capability": v3})
        image, _, _ = self.make_and_judge(Image([layer]))
        with judge.loop_mount(image) as root:
            for style in ("schily", "libarchive", "both"):
                self.assertEqual(judge.run("getcap", "%s/%s" % (root, style)).strip(), "%s/%s cap_net_raw=ep" % (root, style))


class Sets(judge.Case):
    def test_dropped_and_kept(self):
        keep = {"user.kept": b"1", "user.overlayed": b"2", "security.ima": b"3", "security.capability": samples.capability()}
        drop = {"trusted.x": b"t", "trusted.overlay.opaque": b"y", "security.selinux": b"label\0", "user.overlay.opaque": b"y",
                "user.overlay.whiteout": b""}
        odd = {"nonsense": b"1", "com.apple.x": b"2", "system.other": b"3"}
        layer = Layer().file("f", b"x", xattrs={**keep, **drop, **odd}).dir("d", xattrs={**keep, **drop, **odd})
        image, _, _ = self.make_and_judge(Image([layer]))
        with judge.loop_mount(image) as root:
            for name in "fd":
                self.assertEqual({n: os.getxattr(root + "/" + name, n) for n in os.listxattr(root + "/" + name)}, keep)
        for name in odd:
            self.assertIn(name, self.said)
        for name in drop:
            self.assertNotIn(name, self.said)

    def test_user_attributes_of_what_cannot_have_them(self):
        """The kernel shows user.* on files and directories only."""
        layer = Layer().symlink("l", "t", xattrs={"user.x": b"1", "security.x": b"2"}).fifo("p", xattrs={"user.x": b"1"})
        layer.char("c", 1, 3, xattrs={"user.x": b"1", "security.y": b"3"})
        image, _, _ = self.make_and_judge(Image([layer]))
        self.assertIn("user.x", self.said)
        with judge.loop_mount(image) as root:
            self.assertEqual(os.listxattr(root + "/l", follow_symlinks=False), ["security.x"])
            self.assertEqual(os.listxattr(root + "/c", follow_symlinks=False), ["security.y"])

    def test_values_around_the_room_of_inode_and_block(self):
        for size, blocks in ((0, 0), (1, 0), (ROOM_INODE, 0), (ROOM_INODE + 1, 1), (1000, 1), (ROOM_BLOCK - 1, 1), (ROOM_BLOCK, 1)):
            with self.subTest(size):
                _, info, _ = self.make_and_judge(Image([Layer().file("f", b"", xattrs={"user.x": samples.noise(size)})]))
                self.assertEqual(info["xattr_blocks"], blocks)

    def test_value_that_does_not_fit_is_refused(self):
        for size in (ROOM_BLOCK + 1, 5000, 60_000):
            layer = Layer().file("before", b"", xattrs={"user.x": b"ok"}).file("dir/the file", b"", xattrs={"user.x": samples.noise(size)})
            self.refused(self.layout(Image([layer])), code=1, words=["dir/the file", "extended attributes", "4096"])

    def test_value_over_the_limit_is_refused(self):
        layer = Layer().file("dir/the file", b"", xattrs={"user.x": bytes(65537)})
        self.refused(self.layout(Image([layer])), code=6, words=["dir/the file", "xattr-value"])

    def test_sets_of_many_attributes(self):
        """As many as fit in inode and block together, then one more."""
        def many(count):
            return Layer().dir("dir").file("dir/many", b"", xattrs={"user.%03d" % i: b"v" for i in range(count)})
        room = (96 - 4 - 4) // 24 + (4096 - 32 - 4) // 24
        _, info, dump = self.make_and_judge(Image([many(room)]))
        self.assertEqual((info["xattr_blocks"], dump[-1].count("user.")), (1, room))
        self.refused(self.layout(Image([many(room + 1)])), code=1, words=["dir/many"])

    def test_names_of_every_length(self):
        layer = Layer()
        for length in list(range(1, 12)) + [100, 249, 250]:
            layer.file("n%d" % length, b"", xattrs={"user." + "n" * length: b"v" * (length % 9), "security." + "s" * min(length, 246): b""})
        layer.file("bytes", b"", xattrs={b"user.\xff\xfe\x80 \xc3\xa9=\n": bytes(range(256)) * 3})
        self.make_and_judge(Image([layer]))

    def test_name_over_255_bytes_is_refused(self):
        layer = Layer().file("dir/f", b"", xattrs={"user." + "n" * 251: b""})
        self.refused(self.layout(Image([layer])), code=6, words=["dir/f", "255"])

    def test_a_set_shared_by_3_000_files(self):
        """A block's reference count ends at 1 024; four different sets, of 1, 1 024, 1 025 and 3 000 files."""
        layer, blocks = Layer(), 0
        for number, count in enumerate((1, 1024, 1025, 3000)):
            blocks += -(-count // 1024)
            for i in range(count):
                layer.file("%d/%d" % (number, i), b"", xattrs={"user.x": samples.noise(300, number), "user.a": b"%d" % number})
        image, info, _ = self.make_and_judge(Image([layer]))
        self.assertEqual(info["xattr_blocks"], blocks)
        with judge.loop_mount(image, write=True) as root:
            for i in range(0, 3000, 3):
                os.setxattr("%s/3/%d" % (root, i), "user.x", b"another value" * 30)
            for i in range(1024):
                os.removexattr("%s/1/%d" % (root, i), "user.x")
            os.unlink(root + "/0/0")
        judge.fsck_silent(image)

    def test_every_file_with_a_set_of_its_own(self):
        layer = Layer()
        for i in range(500):
            layer.file("f%d" % i, b"", xattrs={"user." + chr(97 + j) * (1 + j): samples.noise(i % 300, i * 10 + j) for j in range(i % 4)})
        self.make_and_judge(Image([layer]))


if __name__ == "__main__":
    unittest.main()

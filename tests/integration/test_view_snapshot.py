"""o2r snapshot of a mounted view: what the view shows, and nothing is read through it."""
import json
import os
import re
import signal
import time

import judge
import samples
import viewing
from mkimage import Image, Layer, Layout
from mounting import AMD64, MountCase, images
from viewing import wait_for


class Snapshot(MountCase):
    """`o2r snapshot DIR` of a mounted view writes what the view shows."""

    def test_the_same_bytes(self):
        layout = self.layout(samples.image("gzip", "plain", "zstd"))
        expected, _ = self.bytes_of(layout, *AMD64, "--no-cache")
        v = self.mounted_view(layout)
        self.assertEqual(self.bytes_of(v.root)[0], expected)
        self.assertEqual(self.bytes_of("./mnt", cwd=os.path.dirname(v.root))[0], expected)
        self.assertEqual(self.bytes_of(".", cwd=v.root)[0], expected)
        self.assertEqual(self.bytes_of(layout, *AMD64)[0], expected)
        v.unmount()

    def test_a_view_of_a_view(self):
        layout = self.layout(samples.image("gzip"))
        v = self.mounted_view(layout)
        w = self.mounted_view(v.root, platform=None)
        self.assertEqual(viewing.lines(v.root), viewing.lines(w.root))
        v.unmount()
        self.assertEqual(self.bytes_of(w.root)[0], self.bytes_of(layout, *AMD64)[0])
        w.unmount()
        self.gone(w)

    def test_a_tag_that_moved(self):
        layout = self.layout(images(b"old", b"new"))
        expected, _ = self.bytes_of("oci:%s:a" % layout, *AMD64)
        v = self.mounted_view("oci:%s:a" % layout)
        with open(layout + "/index.json") as f:
            index = json.load(f)
        index["manifests"][0]["annotations"], index["manifests"][1]["annotations"] = (
            index["manifests"][1]["annotations"], index["manifests"][0]["annotations"])
        with open(layout + "/index.json", "w") as f:
            json.dump(index, f)
        self.assertNotEqual(self.bytes_of("oci:%s:a" % layout, *AMD64)[0], expected)
        self.assertEqual(self.bytes_of(v.root)[0], expected)
        # not even in the index any more
        index["manifests"] = [m for m in index["manifests"] if m["annotations"]["org.opencontainers.image.ref.name"] == "a"]
        with open(layout + "/index.json", "w") as f:
            json.dump(index, f)
        self.assertEqual(self.bytes_of(v.root)[0], expected)
        v.unmount()

    def test_the_view_knows_its_platform(self):
        layout = self.layout(Layout().add_index([Image([Layer().file("x", b"amd")]), Image([Layer().file("x", b"arm")], arch="arm64")],
                                                tags=["t"]))
        v = self.mounted_view(layout, platform="linux/arm64")
        self.assertEqual(self.bytes_of(v.root)[0], self.bytes_of(layout, "--platform", "linux/arm64")[0])
        self.assertEqual(self.bytes_of(v.root, "--platform", "linux/arm64")[0], self.bytes_of(v.root)[0])
        _, done = self.bytes_of(v.root, "--platform", "linux/amd64", code=5)
        self.assertIn("the view shows linux/arm64", done.stderr)
        v.unmount()

    def test_limits_are_the_views(self):
        layout = self.layout(Image([Layer().file("d/" * 40 + "x", b"x")]))
        v = self.mounted_view(layout, "--limit", "path=100")
        with open(os.path.join(os.environ["XDG_RUNTIME_DIR"], "o2r", *self.states())) as f:
            self.assertEqual(json.load(f)["limits"]["path"], "100")
        self.assertEqual(self.bytes_of(v.root)[0], self.bytes_of(layout, *AMD64)[0])
        self.bytes_of(v.root, "--no-cache", "--limit", "path=10", code=6)
        v.unmount()

    def test_source_gone(self):
        layout = self.layout(samples.image("gzip"))
        v = self.mounted_view(layout)
        os.rename(layout, layout + ".away")
        line = self.wrong("snapshot", v.root, "-o", self.path("x"), code=3, words=[v.root, layout, "cannot be opened again", "put it back"])
        self.assertNotIn("warning", line)
        self.assertFalse(os.path.exists(self.path("x")))
        self.assertEqual(os.stat(v.root + "/etc/replaced").st_size, 5)
        os.rename(layout + ".away", layout)
        self.assertEqual(self.bytes_of(v.root)[0], self.bytes_of(layout, *AMD64)[0])
        v.unmount()

    def test_another_image_in_its_place(self):
        layout = self.layout(samples.image("gzip"))
        v = self.mounted_view(layout)
        other = self.layout(samples.small())
        os.rename(layout, layout + ".away")
        os.rename(other, layout)
        self.wrong("snapshot", v.root, "-o", self.path("x"), code=6, words=["cannot be opened again", "is missing from " + layout])
        v.unmount()

    def test_inside(self):
        layout = self.layout(samples.image("gzip"))
        v = self.mounted_view(layout)
        for name in ("etc", "etc/hosts", "many/"):
            self.wrong("snapshot", "-n", os.path.join(v.root, name), code=2, words=["inside the view at " + v.root, "oci:"])
        v.unmount()

    def test_a_layout_that_a_view_holds(self):
        inner = self.layout(samples.small())
        layer = Layer()
        for where, _, names in os.walk(inner):
            for name in names:
                with open(os.path.join(where, name), "rb") as f:
                    layer.file(os.path.relpath(os.path.join(where, name), inner), f.read())
        v = self.mounted_view(self.layout(Image([layer])))
        self.assertEqual(self.bytes_of("oci:" + v.root, *AMD64)[0], self.bytes_of(inner, *AMD64)[0])
        self.assertNotEqual(self.bytes_of(v.root)[0], self.bytes_of(inner, *AMD64)[0])
        v.unmount()

    def test_dead(self):
        """What a dead view showed is still known."""
        layout = self.layout(samples.image("gzip"))
        v = self.mounted_view(layout)
        os.kill(v.pid, signal.SIGKILL)
        wait_for(lambda: not v.living())
        self.assertEqual(self.bytes_of(v.root)[0], self.bytes_of(layout, *AMD64)[0])
        self.command("umount", v.root)
        self.gone(v)

    def strace(self, *args):
        """The files that the command opens."""
        done, calls = judge.traced("open,openat,openat2,creat,readlink,getdents64,newfstatat,statx,lgetxattr", *args)
        self.assertEqual(done.returncode, 0, done.stderr)
        return calls

    def test_nothing_is_read_through_the_view(self):
        layout = self.layout(samples.image("gzip", "zstd", "plain"))
        v = self.mounted_view(layout)
        os.kill(v.pid, signal.SIGSTOP)      # it could not answer
        try:
            calls = self.strace("snapshot", v.root, "-o", self.path("x.ext4"))
        finally:
            os.kill(v.pid, signal.SIGCONT)
        about = [line for line in calls.splitlines() if v.root in line]
        self.assertTrue(all(re.search(r"statx\(AT_FDCWD, \"%s\", [^)]*AT_STATX_DONT_SYNC" % re.escape(v.root), line) for line in about), about)
        self.assertTrue(about)
        self.assertEqual(judge.sha256(self.path("x.ext4")), self.bytes_of(layout, *AMD64)[0])
        v.unmount()

    def test_the_kept_index_is_used(self):
        """Also where the command's own cache folder is another one; a dry run opens no layer."""
        layout = self.layout(samples.image("gzip"))
        time.sleep(0.2)     # a file that was just written might change unseen: it is verified each time
        v = self.mounted_view(layout)
        layers = [d["digest"].split(":")[1] for d in self.facts["manifests"][0]["layers"]]
        os.environ["XDG_CACHE_HOME"] = self.new(".cache")
        calls = self.strace("snapshot", "-n", v.root)
        opened = [line for line in calls.splitlines() if "open" in line and "blobs/sha256" in line and any(d in line for d in layers)]
        self.assertEqual(opened, [])
        v.unmount()

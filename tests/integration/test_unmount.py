"""o2r umount and o2r mounts."""
import contextlib
import json
import os
import re
import signal
import stat
import subprocess
import time

import judge
import samples
import viewing
from mounting import NOBODY, MountCase, images
from viewing import mounted, wait_for


class Unmounting(MountCase):
    def setUp(self):
        super().setUp()
        self.image = self.layout(samples.small())

    def test_ways(self):
        for way in (["fusermount3", "-u"], ["umount"], [judge.O2R, "umount"], [judge.O2R, "umount", "--lazy"]):
            with self.subTest(way=way):
                v = self.mounted_view(self.image)
                judge.run(*way, v.root)
                wait_for(lambda: not v.living())
                self.gone(v)

    def test_waits_for_the_end(self):
        v = self.mounted_view(self.image)
        self.command("umount", v.root)
        self.gone(v)

    def test_names(self):
        """Through links, with dots and slashes, from below."""
        for spell in ("{0}/", "{0}/.", "{0}/../mnt", "./mnt", "mnt", "{1}"):
            with self.subTest(spell=spell):
                v = self.mounted_view(self.image)
                link = self.path("link")
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(link)
                os.symlink(v.root, link)
                self.command("umount", spell.format(v.root, link), cwd=os.path.dirname(v.root))
                self.gone(v)

    def test_several(self):
        views = [self.mounted_view(self.image) for _ in range(3)]
        done = self.command("umount", views[0].root, self.work, views[1].root, "/none", views[2].root, code=2)
        self.assertRegex(done.stderr, r"\Ao2r: %s is not a view[^\n]*\no2r: /none: [^\n]*\n\Z" % re.escape(self.work))
        for v in views:
            self.gone(v)

    def test_not_a_view(self):
        v = self.mounted_view(self.image)
        with open(self.path("file"), "w"):
            pass
        for name, words in (("/proc", "not a view of o2r, but a mount of type proc"), (self.work, "nothing is mounted there"),
                            (self.path("file"), "nothing is mounted there"), (v.root + "/hello", "inside the view at " + v.root)):
            self.wrong("umount", name, code=2, words=words)
        self.wrong("umount", self.path("none"), code=3, words="none")
        self.wrong("umount", code=2, words="no mount point")
        self.assertTrue(mounted(v.root))
        self.command("umount", v.root)

    def test_busy(self):
        v = self.mounted_view(self.image)
        with open(v.root + "/hello") as f:
            self.wrong("umount", v.root, code=1, words=["busy", "python", "(%d)" % os.getpid(), "--lazy"])
            self.assertTrue(mounted(v.root))
            self.command("umount", "-l", v.root)
            self.assertFalse(mounted(v.root))
            self.assertEqual(self.listed(), {})
            self.assertEqual(f.read(), "hello\n")
        wait_for(lambda: not v.living())
        self.gone(v)

    def test_busy_by_its_folder(self):
        v = self.mounted_view(self.image)
        self.wrong("umount", v.root, code=1, words=["busy", "o2r ("], cwd=v.root)
        self.command("umount", v.root)
        self.gone(v)

    def test_dead(self):
        v = self.mounted_view(self.image)
        os.kill(v.pid, signal.SIGKILL)
        wait_for(lambda: not v.living())
        with self.assertRaises(OSError):
            os.listdir(v.root)
        self.assertEqual(self.listed()[v.root]["state"], "dead")
        self.assertRegex(self.command("mounts").stdout.decode(), r"(?m)^dead .*" + re.escape(v.root))
        self.command("umount", v.root)
        self.gone(v)
        v.mount()
        v.unmount()
        self.gone(v)

    def test_a_server_that_hangs(self):
        """Nothing is asked of it."""
        v = self.mounted_view(self.image)
        pid = v.pid
        os.kill(pid, signal.SIGSTOP)
        self.assertEqual(self.listed()[v.root]["state"], "serving")
        # the kernel takes it away at once; the server learns of it when it goes on
        child = subprocess.Popen([judge.O2R, "umount", v.root], env=v.env)
        wait_for(lambda: not mounted(v.root))
        os.kill(pid, signal.SIGCONT)
        self.assertEqual(child.wait(timeout=60), 0)
        self.gone(v)


class Listing(MountCase):
    def test_table_and_json(self):
        layout = self.layout(images(b"a", b"b"))
        self.assertEqual(self.command("mounts").stdout, b"")
        self.assertEqual(json.loads(self.command("mounts", "--format=json").stdout), {"views": []})
        digests = [m["digest"] for m in self.facts["manifests"]]
        began = int(time.time())
        views = [self.mounted_view("oci:%s:%s" % (layout, tag)) for tag in "ab"]
        found = json.loads(self.command("mounts", "--format=json").stdout)["views"]
        self.assertEqual([f["mountpoint"] for f in found], [v.root for v in views])
        for v, f, digest in zip(views, found, digests):
            self.assertTrue(began <= f.pop("since") <= time.time())
            self.assertEqual(f, {"mountpoint": v.root, "reference": "oci:" + layout, "manifest_digest": digest, "platform": "linux/amd64",
                                 "pid": v.pid, "state": "serving"})
        lines = self.command("mounts").stdout.decode().splitlines()
        self.assertEqual(len(lines), 3)
        for v, digest, line in zip(views, digests, lines[1:]):
            self.assertRegex(line, r"^serving +%d  \d{4}-\d\d-\d\d \d\d:\d\d:\d\d  %s  %s  oci:%s$"
                             % (v.pid, digest[:19], re.escape(v.root), re.escape(layout)))
        for v in views:
            v.unmount()
        self.assertEqual(self.command("mounts").stdout, b"")
        self.wrong("mounts", "x", code=2, words="one operand too many")
        self.wrong("mounts", "--format=xml", code=2, words="text or json")

    def test_strange_names(self):
        layout = self.layout(samples.small())
        strange = os.fsencode(self.work) + b"/a b\n\\%20\xff\xc3\xbc"
        os.mkdir(strange)
        os.rename(layout, strange + b"/layout")
        os.mkdir(strange + b"/mnt")
        v = self.view(os.fsdecode(strange + b"/layout"))
        v.root = os.fsdecode(strange + b"/mnt")
        v.mount()
        self.assertEqual(os.listdir(v.root), ["hello"])
        table = self.command("mounts").stdout.decode()
        self.assertEqual(len(table.splitlines()), 2)
        self.assertIn(r"/a b\x0a\x5c%20\xff" + "\u00fc/mnt", table)
        self.command("snapshot", v.root, "-o", self.path("x.ext4"))
        self.command("umount", v.root)
        wait_for(lambda: not v.living())
        self.gone(v)

    def test_one_image_twice(self):
        layout = self.layout(samples.small())
        first, second = self.mounted_view(layout), self.mounted_view(layout)
        self.assertEqual(viewing.lines(first.root), viewing.lines(second.root))
        self.assertNotEqual(os.stat(first.root).st_dev, os.stat(second.root).st_dev)
        first.unmount()
        self.assertEqual(list(self.listed()), [second.root])
        self.assertEqual(os.listdir(second.root), ["hello"])
        second.unmount()
        self.gone(second)

    def test_stale_files_go(self):
        v = self.mounted_view(self.layout(samples.small()))
        name, = self.states()
        path = os.path.join(os.environ["XDG_RUNTIME_DIR"], "o2r", name)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode), 0o700)
        with open(path) as f:
            state = json.load(f)
        os.kill(v.pid, signal.SIGKILL)
        wait_for(lambda: not v.living())
        judge.run("umount", v.root)
        self.assertEqual(self.states(), [name])
        self.assertEqual(self.listed(), {})
        self.assertEqual(self.states(), [])
        # a process of that number, but not that one; one of an earlier boot
        for change in ({"pid": os.getpid()}, {"boot": "00000000-0000-0000-0000-000000000000"}):
            with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
                json.dump({**state, **change}, f)
            self.assertEqual(self.listed(), {})
            self.assertEqual(self.states(), [])

    def test_what_is_not_believed(self):
        """Files that others may write, of other owners, links, rubbish: passed over, and left alone."""
        v = self.mounted_view(self.layout(samples.small()))
        name, = self.states()
        folder = os.path.join(os.environ["XDG_RUNTIME_DIR"], "o2r")
        path = os.path.join(folder, name)
        with open(path) as f:
            good = f.read()

        def check(words):
            self.assertEqual(self.listed(), {})
            self.wrong("snapshot", "-n", v.root, code=1, words=["is not known", words])
        os.chmod(path, 0o644)
        check("0600")
        os.chmod(path, 0o600)
        os.chown(path, NOBODY, NOBODY)
        check("0600")
        os.chown(path, 0, 0)
        os.rename(path, folder + "/elsewhere")
        os.symlink(folder + "/elsewhere", path)
        check(name)
        os.unlink(path)
        check("XDG_RUNTIME_DIR")
        for text in ("", "{}", good[:-5], good.replace('"pid"', '"pig"'), "x" * (1 << 21)):
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
                f.write(text)
            check(name)
        with open(os.open(path, os.O_WRONLY | os.O_TRUNC, 0o600), "w") as f:
            f.write(good.replace(json.loads(good)["manifest"], "sha256:" + "0" * 64))
        self.assertEqual(self.listed()[v.root]["manifest_digest"] if self.listed() else None, None)
        self.wrong("snapshot", "-n", v.root, code=1, words="of another mount")
        os.chmod(folder, 0o755)
        self.wrong("mounts", code=4, words="0700")
        os.chmod(folder, 0o700)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
            f.write(good)
        os.unlink(folder + "/elsewhere")
        self.assertEqual(list(self.listed()), [v.root])
        v.unmount()
        self.gone(v)

    def test_no_place_for_it(self):
        """The view works all the same, and says so."""
        folder = self.path("closed")
        os.mkdir(folder, 0o700)
        with open(folder + "/o2r", "w"):
            pass
        v = self.view(self.layout(samples.small()), env={"XDG_RUNTIME_DIR": folder})
        v.mount()
        self.assertIn("warning", v.said)
        self.assertEqual(os.listdir(v.root), ["hello"])
        v.unmount()
        self.assertEqual(v.living(), [])

"""The commands around a view: o2r mount, umount and mounts, and o2r snapshot of a mounted view."""
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import time

import judge
import samples
import viewing
from bad import BadCase
from judge import Case
from mkimage import Image, Layer, Layout
from test_view_slow import slow
from viewing import mounted, wait_for

NOBODY = 65534
AMD64 = ("--platform", "linux/amd64")


def fuse_mounts():
    """Mount points of all views."""
    with open("/proc/self/mountinfo", "rb") as f:
        return [line.split()[4].decode() for line in f if b" - fuse.o2r " in line]


def images(*contents, **options):
    """A layout of several images with the tags a, b, ..."""
    layout = Layout(**options)
    for number, content in enumerate(contents):
        layout.add(Image([Layer(codec="gzip").file("name", content).file("data", samples.noise(300_000, content))]),
                   tags=[chr(ord("a") + number)])
    return layout


class MountCase(Case):
    """Views in folders of the case; whatever happens nothing stays behind, and at the end nothing is there to clear."""

    GATE = False

    def setUp(self):
        super().setUp()
        self.folder = self.path("views")
        os.mkdir(self.folder)
        self.points = 0

    def view(self, layout, *args, platform="linux/amd64", env=None):
        """A View that is not mounted yet; its runtime folder is the case's."""
        self.points += 1
        folder = os.path.join(self.folder, str(self.points))
        os.mkdir(folder)
        os.mkdir(folder + "/mnt")
        env = {"XDG_RUNTIME_DIR": os.environ["XDG_RUNTIME_DIR"], **(env or {})}
        v = viewing.View(os.fspath(layout), ["--platform", platform, *args] if platform else args, env, folder + "/mnt", folder)
        v.token = v.env[viewing.TOKEN] = "%s-%d" % (os.path.basename(self.work), self.points)
        self.addCleanup(v.clear)
        return v

    def mounted_view(self, layout, *args, foreground=False, **kw):
        return self.view(layout, *args, **kw).mount(foreground)

    def command(self, *args, code=0, env=None, **kw):
        done = judge.o2r(*args, env=env, **kw)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def wrong(self, *args, code, words, **kw):
        """It fails with one line that has the words."""
        done = self.command(*args, code=code, **kw)
        self.assertRegex(done.stderr, r"\Ao2r: [^\n]*\n\Z")
        self.assertEqual(done.stdout, b"")
        for word in [words] if isinstance(words, str) else words:
            self.assertIn(word, done.stderr)
        return done.stderr

    def listed(self):
        """What `o2r mounts` tells: {mount point: object}."""
        found = json.loads(self.command("mounts", "--format", "json").stdout)["views"]
        return {view["mountpoint"]: view for view in found}

    def states(self):
        folder = os.path.join(os.environ["XDG_RUNTIME_DIR"], "o2r")
        return os.listdir(folder) if os.path.exists(folder) else []

    def gone(self, v):
        """No mount, no process, no file."""
        self.assertFalse(mounted(v.root))
        self.assertEqual(v.living(), [])
        self.assertEqual(self.states(), [])
        self.assertEqual(v.reports(), "")


class Background(MountCase):
    def test_returns_when_ready(self):
        v = self.mounted_view(self.layout(samples.image("gzip")), "-q")
        self.assertEqual(os.stat(v.root + "/etc/replaced").st_size, 5)
        self.assertEqual(v.said, "")
        v.unmount()
        self.gone(v)

    def test_on_its_own(self):
        """Another session, no folder, no terminal, nothing of what the caller had open."""
        layout = self.layout(samples.small())
        v = self.view(layout)
        ours, theirs = os.pipe()
        done = subprocess.run([judge.O2R, "mount", layout, v.root, *AMD64], env=v.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, pass_fds=[theirs], cwd=self.work)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))
        os.close(theirs)
        self.assertEqual(os.read(ours, 1), b"")     # so nobody else has it
        os.close(ours)
        proc = "/proc/%d/" % v.pid
        self.assertEqual(os.getsid(v.pid), v.pid)
        self.assertEqual(os.readlink(proc + "cwd"), "/")
        for fd in "012":
            self.assertEqual(os.readlink(proc + "fd/" + fd), "/dev/null")
        v.unmount()
        self.gone(v)

    def test_relative_names(self):
        self.layout(samples.small())
        os.mkdir(self.path("mnt"))
        v = self.view("./1.layout")
        done = v.command("mount", "./1.layout", "mnt", "--log", "log", "--cache", "cache", *AMD64, "-v", cwd=self.work)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(os.listdir(self.path("mnt")), ["hello"])
        with open(self.path("mnt/hello")) as f:
            self.assertEqual(f.read(), "hello\n")
        view = self.listed()[self.path("mnt")]
        self.assertEqual(view["reference"], "oci:" + self.path("1.layout"))
        self.assertTrue(os.path.isdir(self.path("cache/index")))
        self.command("umount", self.path("mnt"))
        wait_for(lambda: not v.living())
        with open(self.path("log")) as f:
            self.assertRegex(f.read(), r"(?m)^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ o2r\[\d+\]: served .*/mnt: \d+ spans decoded")
        self.gone(v)

    def test_foreground(self):
        layout = self.layout(samples.small())
        for args, said in (((), "shows sha256:"), (("-q",), "")):
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                with self.subTest(args=args, number=number):
                    v = self.mounted_view(layout, *args, foreground=True)
                    if said:
                        wait_for(lambda: said in v.log)
                        self.assertIn(v.root, v.log)
                    v.child.send_signal(number)
                    self.assertEqual(v.child.wait(timeout=60), 0, v.log)
                    self.assertEqual(v.log == "", not said)
                    self.gone(v)

    def test_signals_to_the_server(self):
        layout = self.layout(samples.small())
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number=number):
                v = self.mounted_view(layout)
                pid = v.pid
                for _ in range(3):      # one would do
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, number)
                wait_for(lambda: not v.living())
                self.gone(v)

    def test_ignored_signals_stay_ignored(self):
        v = self.view(self.layout(samples.small()))
        done = subprocess.run(["nohup", judge.O2R, "mount", v.reference, v.root, *AMD64], env=v.env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode, 0, done.stdout)
        os.kill(v.pid, signal.SIGHUP)
        time.sleep(0.2)
        self.assertEqual(os.listdir(v.root), ["hello"])
        v.unmount()
        self.gone(v)

    def begun(self, v, gate):
        """The command, waiting for the data of a layer."""
        child = subprocess.Popen([judge.O2R, "mount", v.reference, v.root, *v.args], env=v.env, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        wait_for(lambda: gate.waiting() > 0)
        return child

    def behind_a_gate(self, root):
        """A layout whose documents are quick and whose layer is slow."""
        layout = self.layout(Image([Layer().file("data", samples.noise(4 << 20))]))
        digest = self.facts["manifests"][0]["layers"][0]["digest"].split(":")[1]
        shutil.move(layout + "/blobs/sha256/" + digest, self.path("slow/blob"))
        os.symlink(root + "/blob", layout + "/blobs/sha256/" + digest)
        return layout

    def test_signals_while_it_loads(self):
        os.mkdir(self.path("slow"))
        layout = self.behind_a_gate(self.path("gate"))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL):
            with self.subTest(number=number), slow(self.path("slow"), self.path("gate")) as gate:
                gate.set("hold")
                v = self.view(layout, "--no-cache")
                child = self.begun(v, gate)
                child.send_signal(number)
                if number == signal.SIGKILL:
                    child.wait()        # the child learns of it when it is ready
                gate.set("open")
                said = child.communicate(timeout=60)[1].decode()
                if number != signal.SIGKILL:
                    self.assertEqual(child.returncode, 130)
                    self.assertRegex(said, r"\Ao2r: [^\n]*interrupted\n\Z")
                wait_for(lambda: not v.living())
                self.gone(v)

    def test_killed_while_it_loads(self):
        os.mkdir(self.path("slow"))
        layout = self.behind_a_gate(self.path("gate"))
        with slow(self.path("slow"), self.path("gate")) as gate:
            gate.set("hold")
            v = self.view(layout, "--no-cache")
            child = self.begun(v, gate)
            server, = [pid for pid in v.living() if pid != child.pid]
            os.kill(server, signal.SIGKILL)
            gate.set("open")
            self.assertIn("died of signal 9", child.communicate(timeout=60)[1].decode())
            self.assertEqual(child.returncode, 1)
            wait_for(lambda: not v.living())
            self.gone(v)


class Failures(BadCase, MountCase):
    """What is wrong is said before anything is mounted; viewing.refused has every image that snapshot refuses."""

    def test_codes(self):
        layout = self.layout(images(b"a", b"b"))
        corrupt = self.layout(samples.small(codec="gzip"))
        blob = self.facts["manifests"][0]["layers"][0]["digest"].replace(":", "/")
        with open(os.path.join(corrupt, "blobs", blob), "r+b") as f:
            f.seek(30)
            f.write(b"\xff\xff")
        point = self.view(layout).root
        for args, code, words in (
                ((layout + "/none", point), 3, "none"),
                (("oci:%s:none" % layout, point), 3, "none"),
                ((layout, point), 2, "a"),              # which one?
                (("oci:%s:a" % layout, point, "--platform", "linux/s390x"), 5, "s390x"),
                ((corrupt, point), 6, "layer 1 of 1"),
                (("nginx", point), 2, "nginx"),
                ((corrupt,), 2, "no mount point"),
                ((), 2, "no image"),
                ((corrupt, point, "x"), 2, "x is one operand too many"),
                ((corrupt, point, "-o", ""), 2, "--options: the option is empty"),
                ((corrupt, point, "-o", "nonsense"), 2, "nonsense"),
                ((corrupt, point, "-o", "ro,,rw"), 2, "rw"),
                ((corrupt, point, "--cache-size", "0"), 2, "--cache-size"),
                ((corrupt, point, "--cache-size", "much"), 2, "much"),
                ((corrupt, point, "--log", ""), 2, "--log"),
                ((corrupt, point, "--log", "/none/log"), 3, "/none/log"),
                ((corrupt, point, "--forground"), 2, "did you mean --foreground?")):
            with self.subTest(args=args):
                platform = () if "--platform" in args else AMD64
                self.wrong("mount", *args, *platform, code=code, words=words)
                self.wrong("mount", "-f", *args, *platform, code=code, words=words)
        self.assertFalse(mounted(point))
        self.assertEqual(self.states(), [])

    def test_mount_points(self):
        layout = self.layout(samples.small())
        open(self.path("file"), "w").close()
        os.symlink("nowhere", self.path("dangling"))
        for point, words in (
                ("none", "there is no such directory"), ("dangling", "there is no such directory"), ("file", "it is not a directory"),
                ("file/x", "ot a directory"), ("", "the mount point's name is empty")):
            with self.subTest(point=point):
                self.wrong("mount", layout, point and self.path(point), *AMD64, code=3 if point == "file/x" else 2, words=words)
        v = self.mounted_view(layout)
        self.wrong("mount", layout, v.root, *AMD64, code=2, words=["already a view of", "o2r umount " + v.root])
        os.kill(v.pid, signal.SIGKILL)
        wait_for(lambda: not v.living())
        self.wrong("mount", layout, v.root, *AMD64, code=2, words=["lost its server", "o2r umount " + v.root])
        self.command("umount", v.root)
        self.gone(v)

    def test_swapped(self):
        layout = self.layout(samples.small())
        point = self.view(layout).root
        for image in (layout, "oci:" + layout):
            line = self.wrong("mount", point, image, *AMD64, code=2, words="the image comes first")
            self.assertIn("see 'o2r help mount'", line)

    def test_early(self):
        """A wrong option or mount point is said before the layers are read."""
        layout = self.layout(samples.small())
        blob = self.facts["manifests"][0]["layers"][0]["digest"].replace(":", "/")
        with open(os.path.join(layout, "blobs", blob), "r+b") as f:
            f.write(b"\xff" * 20)
        self.wrong("mount", layout, self.path("none"), *AMD64, code=2, words="no such directory")
        self.wrong("mount", layout, self.work, "-o", "nonsense", *AMD64, code=2, words="nonsense")
        self.wrong("mount", layout, self.work, *AMD64, code=6, words="layer 1")


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


class Many(MountCase):
    def test_a_busy_folder(self):
        """Who is in the folder already goes on there."""
        layout = self.layout(samples.small())
        v = self.view(layout)
        with open(v.root + "/below", "w") as f:
            f.write("below")
        sleeper = subprocess.Popen(["sleep", "1000"], cwd=v.root)
        self.addCleanup(sleeper.wait)
        self.addCleanup(sleeper.kill)
        v.mount()
        self.assertEqual(os.listdir(v.root), ["hello"])
        self.assertEqual(os.listdir("/proc/%d/cwd" % sleeper.pid), ["below"])
        v.unmount()
        self.assertEqual(os.listdir(v.root), ["below"])

    def test_fifty_in_a_row(self):
        layout = self.layout(samples.image("gzip", "zstd", "plain"))
        v = self.view(layout)
        before = fuse_mounts()
        for _ in range(50):
            v.mount()
            self.assertEqual(os.stat(v.root + "/etc/replaced").st_size, 5)
            self.command("umount", v.root)
            self.gone(v)
        self.assertLessEqual(set(fuse_mounts()), set(before) | set(fuse_mounts()) - {v.root})
        left = [name for name in os.listdir("/tmp") if name.startswith(".o2r")]
        self.assertEqual(left, [])

    def test_at_once(self):
        layout = self.layout(samples.image("gzip"))
        views = [self.view(layout) for _ in range(8)]
        children = [subprocess.Popen([judge.O2R, "mount", layout, v.root, *AMD64], env=v.env) for v in views]
        self.assertEqual([c.wait() for c in children], [0] * len(views))
        self.assertEqual(len(self.listed()), len(views))
        children = [subprocess.Popen([judge.O2R, "umount", v.root], env=v.env) for v in views]
        self.assertEqual([c.wait() for c in children], [0] * len(views))
        for v in views:
            self.gone(v)


class Snapshot(MountCase):
    """`o2r snapshot DIR` of a mounted view writes what the view shows."""

    def bytes_of(self, reference, *args, code=0, **kw):
        out = self.new(".ext4")
        done = self.command("snapshot", reference, "-o", out, *args, code=code, **kw)
        return (judge.sha256(out) if code == 0 else None), done

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
        log = self.new(".strace")
        env = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0", "LSAN_OPTIONS": "detect_leaks=0"}
        done = subprocess.run(["strace", "-f", "-o", log, "-e", "trace=open,openat,openat2,creat,readlink,getdents64,newfstatat,statx,lgetxattr",
                               judge.O2R, *args], env=env, capture_output=True, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(log) as f:
            return f.read()

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


class OrdinaryUser(BadCase, MountCase):
    """Everything through fusermount3, for one who is not root."""

    def setUp(self):
        super().setUp()
        mode = stat.S_IMODE(os.stat("/dev/fuse").st_mode)
        self.addCleanup(os.chmod, "/dev/fuse", mode)
        os.chmod("/dev/fuse", 0o666)
        for name in ("XDG_CACHE_HOME", "XDG_RUNTIME_DIR"):
            os.environ[name] = self.path(name)
            os.mkdir(os.environ[name], 0o700)
            os.chown(os.environ[name], NOBODY, NOBODY)
        os.chown(self.folder, NOBODY, NOBODY)
        self.program = self.path("o2r")     # where he can reach it
        shutil.copy(judge.O2R, self.program)
        self.user = {"user": NOBODY, "group": NOBODY, "extra_groups": []}

    def nobody(self, *args, code=0, words=(), **kw):
        done = subprocess.run([self.program, *map(os.fspath, args)], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              **{**self.user, **kw})
        self.assertEqual(done.returncode, code, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
        return done

    def his_view(self, layout, *args, code=0, words=()):
        v = self.view(layout)
        os.chown(v.root, NOBODY, NOBODY)
        self.nobody("mount", layout, v.root, *AMD64, *args, env=v.env, code=code, words=words)
        return v

    def test_his_own(self):
        layout = self.layout(samples.image("gzip", "zstd", "plain"))
        v = self.his_view(layout)
        found = json.loads(self.nobody("mounts", "--format=json").stdout)["views"]
        self.assertEqual([f["mountpoint"] for f in found], [v.root])
        # every file, also those that only root may read
        read = subprocess.run(["find", v.root, "-type", "f", "-exec", "cat", "{}", "+"], capture_output=True, **self.user)
        self.assertEqual((read.returncode, read.stderr), (0, b""))
        self.assertGreater(len(read.stdout), 500_000)
        # nobody else, root included
        for other in ({"user": 0}, {"user": 1000, "group": 1000, "extra_groups": []}):
            done = subprocess.run(["ls", v.root], capture_output=True, **other)
            self.assertEqual(done.returncode, 2)
            self.assertIn(b"Permission denied", done.stderr)
        self.nobody("snapshot", v.root, "-o", self.folder + "/x.ext4")
        self.assertEqual(judge.sha256(self.folder + "/x.ext4"), Snapshot.bytes_of(self, layout, *AMD64, "--no-cache")[0])
        self.nobody("umount", v.root)
        self.gone(v)

    def test_busy_and_dead(self):
        layout = self.layout(samples.small())
        v = self.his_view(layout)
        sleeper = subprocess.Popen(["sleep", "1000"], cwd="/", preexec_fn=lambda: (os.setgid(NOBODY), os.setuid(NOBODY), os.chdir(v.root)))
        try:
            self.nobody("umount", v.root, code=1, words=["busy", "sleep (%d)" % sleeper.pid, "--lazy"])
            self.nobody("umount", "--lazy", v.root)
        finally:
            sleeper.kill()
            sleeper.wait()
        wait_for(lambda: not v.living())
        self.gone(v)
        v = self.his_view(layout)
        os.kill(v.pid, signal.SIGKILL)
        wait_for(lambda: not v.living())
        self.nobody("umount", v.root)
        self.gone(v)

    def test_of_others(self):
        layout = self.layout(samples.small())
        runtime = self.new(".run")
        os.mkdir(runtime, 0o700)
        mine = self.mounted_view(layout, env={"XDG_RUNTIME_DIR": runtime})
        self.nobody("umount", mine.root, code=4, words=["belongs to user 0"])
        self.nobody("snapshot", "-n", mine.root, code=4, words=["belongs to user 0", "name the image itself"])
        his = self.his_view(layout)
        self.wrong("snapshot", "-n", his.root, code=4, words="belongs to user %d" % NOBODY)
        self.command("umount", his.root)        # root may
        self.assertFalse(mounted(his.root))
        wait_for(lambda: not his.living())
        self.gone(his)
        mine.unmount()

    def test_mount_points(self):
        layout = self.layout(samples.small())
        self.nobody("mount", layout, "/usr", *AMD64, code=4, words=["mount point /usr: not permitted"])
        sticky = self.path("sticky")
        os.mkdir(sticky)
        os.chmod(sticky, 0o1777)
        self.nobody("mount", layout, sticky, *AMD64, code=4, words=["not permitted", "sticky"])

    def test_without_a_runtime_folder(self):
        """Or with one that is not his: /tmp/o2r-UID, unless somebody else has made that."""
        layout = self.layout(samples.small())
        theirs = "/tmp/o2r-%d" % NOBODY
        self.assertFalse(os.path.lexists(theirs), "left behind by something else")
        self.addCleanup(shutil.rmtree, theirs, ignore_errors=True)
        for runtime in (None, "relative", "/", self.path("none")):
            with self.subTest(runtime=runtime):
                env = {k: v for k, v in {**os.environ, "XDG_RUNTIME_DIR": runtime}.items() if v is not None}
                v = self.view(layout)
                os.chown(v.root, NOBODY, NOBODY)
                self.nobody("mount", layout, v.root, *AMD64, env={**env, viewing.TOKEN: v.token})
                self.assertEqual(len(os.listdir(theirs)), 1)
                self.nobody("snapshot", "-n", v.root, env=env)
                self.nobody("umount", v.root, env=env)
                self.assertEqual(os.listdir(theirs), [])
                self.assertEqual(v.living(), [])
        os.chown(theirs, 0, 0)
        os.chmod(theirs, 0o777)
        done = self.nobody("mount", layout, v.root, *AMD64, env={**env, viewing.TOKEN: v.token}, words=["warning", theirs])
        self.assertEqual(os.listdir(theirs), [])
        self.nobody("snapshot", "-n", v.root, env=env, code=1, words=["is not known", theirs])
        self.nobody("umount", v.root, env=env)
        self.assertTrue(done)
        wait_for(lambda: not v.living())


class Logs(BadCase, MountCase):
    def damaged(self):
        """A layout whose layer is damaged now, and a view of it that has not read the place yet."""
        layout = self.layout(Image([Layer(codec="plain").file("a", samples.noise(1 << 20, b"a")).file("b", samples.noise(1 << 20, b"b"))]))
        return layout, os.path.join(layout, "blobs", self.facts["manifests"][0]["layers"][0]["digest"].replace(":", "/"))

    def damage(self, blob):
        with open(blob, "r+b") as f:
            f.seek(300_000)
            f.write(bytes(100))

    def test_a_line_for_a_damaged_range(self):
        layout, blob = self.damaged()
        log = self.path("log")
        v = self.mounted_view(layout, "--log", log)
        self.damage(blob)
        for _ in range(3):
            with open(v.root + "/a", "rb") as f, self.assertRaises(OSError):
                f.read()
        with open(v.root + "/b", "rb") as f:
            self.assertEqual(f.read(), samples.noise(1 << 20, b"b"))
        v.unmount()
        with open(log) as f:
            lines = f.read().splitlines()
        self.assertEqual(len(lines), 2, lines)
        self.assertRegex(lines[0], r"^\S+Z o2r\[\d+\]: error: a \(layer 1\): .*changed since it was indexed")
        self.assertRegex(lines[1], r"^\S+Z o2r\[\d+\]: warning: \d+ reads of the view failed$")

    def test_the_system_log(self):
        """Warnings and errors go there when no file is named: a line as syslog(3) sends it."""
        layout, blob = self.damaged()
        if os.path.exists("/dev/log"):
            self.addCleanup(os.rename, "/dev/log.saved", "/dev/log")
            os.rename("/dev/log", "/dev/log.saved")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.bind("/dev/log")
            try:
                s.settimeout(60)
                v = self.mounted_view(layout)
                self.damage(blob)
                with open(v.root + "/a", "rb") as f, self.assertRaises(OSError):
                    f.read()
                said = s.recv(65536).decode()
            finally:
                os.unlink("/dev/log")
        self.assertRegex(said, r"^<27>.* o2r\[%d\]: a \(layer 1\): .*changed since it was indexed" % v.pid)
        v.unmount()

    def test_in_front(self):
        layout, blob = self.damaged()
        v = self.mounted_view(layout, foreground=True)
        self.damage(blob)
        with open(v.root + "/a", "rb") as f, self.assertRaises(OSError):
            f.read()
        wait_for(lambda: "o2r: a (layer 1): " in v.log)
        v.unmount()


class Library(MountCase):
    """examples/mount.c: the library's functions, from a program."""

    PROGRAM = os.path.join(os.environ["O2R_BUILD"], "examples/mount")

    def start(self, *args, v):
        child = subprocess.Popen([self.PROGRAM, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=v.env)
        self.addCleanup(child.stdout.close)
        self.addCleanup(child.stderr.close)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        return child

    def host_layout(self):
        """An image of this machine, since the example asks for no other."""
        machine = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
        return self.layout(Image([Layer().file("hello", b"hello\n")], arch=machine))

    def test_ready_and_stop(self):
        layout = self.host_layout()
        for end in ("signal", "umount"):
            with self.subTest(end=end):
                v = self.view(layout)
                child = self.start(layout, v.root, "noexec", v=v)
                self.assertEqual(child.stdout.readline(), b"ready: %s\n" % v.root.encode())
                self.assertEqual(os.listdir(v.root), ["hello"])
                self.assertEqual(self.listed()[v.root]["pid"], child.pid)
                if end == "signal":
                    child.terminate()
                else:
                    self.command("umount", v.root)
                self.assertEqual(child.wait(timeout=60), 0)
                self.gone(v)

    def test_errors(self):
        layout = self.host_layout()
        v = self.view(layout)
        for args, code, words in (((layout, v.root, "nonsense"), 2, b"nonsense"), ((layout, self.path("none")), 2, b"no such directory"),
                                  ((self.path("none"), v.root), 3, b"none")):
            child = self.start(*args, v=v)
            said = child.communicate(timeout=60)[1]
            self.assertEqual(child.returncode, code, said)
            self.assertIn(words, said)
        self.gone(v)

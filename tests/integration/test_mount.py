"""o2r mount: where it goes, what it says, what stops it; many of them; the library's functions."""
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time

import judge
import samples
from bad import BadCase
from mkimage import Image, Layer
from mounting import AMD64, MountCase, images
from test_view_slow import slow
from viewing import mounted, wait_for


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
                (("Nginx", point), 2, "\"Nginx\" must be lower-case"),
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
        for _ in range(50):
            v.mount()
            self.assertEqual(os.stat(v.root + "/etc/replaced").st_size, 5)
            self.command("umount", v.root)
            self.gone(v)
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

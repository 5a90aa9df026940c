"""SIGINT, SIGTERM and SIGHUP in the middle of the work: the right exit status, and nothing left behind."""
import os
import signal
import subprocess
import time

import judge
from judge import Case
from mkimage import Image, Layer
from mounting import filesystem

UNDER_SANITIZERS = False    # what it runs other files run under them too

MIB = 1 << 20


def descriptors(pid):
    try:
        return [os.readlink("/proc/%d/fd/%s" % (pid, fd)) for fd in os.listdir("/proc/%d/fd" % pid)]
    except FileNotFoundError:
        return []


ATTEMPTS = 10


class Signals(Case):
    """The child is stopped (SIGSTOP) as soon as it is seen in the wanted state, and has the lowest priority, so that it rarely
    runs ahead of the signal. When it ended before the signal came, that run proves nothing and there is another one."""

    def setUp(self):
        super().setUp()
        data = os.urandom(MIB)
        self.big = self.layout(Image([Layer().file("a", data * 200), Layer().file("b", data * 200)], codec="plain"))
        self.out = self.path("out")
        os.mkdir(self.out)
        self.image = os.path.join(self.out, "image.ext4")

    def start(self, *args, prepare=None):
        def before():
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
            # shells start background jobs with SIGINT ignored, and o2r leaves it so
            for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(sig, signal.SIG_DFL)
            if prepare:
                prepare()
        child = subprocess.Popen([judge.O2R, "snapshot", self.big, "--platform=linux/amd64", *args], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=before)
        self.addCleanup(child.communicate)
        self.addCleanup(child.kill)
        return child

    def reading(self, child):
        return any("/blobs/sha256/" in d for d in descriptors(child.pid))

    def writing(self, child):
        return sum(os.stat(os.path.join(self.out, n)).st_blocks * 512 for n in os.listdir(self.out)) > 4 * MIB

    def interrupt(self, state, *signals, **kw):
        """Signals to a run in that state: (exit status, stderr), of a run that had not ended before."""
        for _ in range(ATTEMPTS):
            child = self.start("-o", self.image, **kw)
            while child.poll() is None and not state(child):
                time.sleep(0.0005)
            if child.poll() is None:
                for sig in (signal.SIGSTOP, *signals, signal.SIGCONT):
                    os.kill(child.pid, sig)
            out, err = child.communicate(timeout=120)
            if child.returncode != 0:
                self.assertEqual(out, b"")
                return child.returncode, err.decode()
            self.assertEqual(os.listdir(self.out), ["image.ext4"])
            os.unlink(self.image)
        self.fail("it always ended before the signal came")

    def check(self, sig, state):
        status, err = self.interrupt(state, sig)
        self.assertEqual(status, 130, err)
        self.assertRegex("\n".join(judge.problems(err)), r"\Ao2r: [^\n]*interrupted[^\n]*\Z")
        self.assertEqual(os.listdir(self.out), [])

    def test_while_reading(self):
        for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(sig=sig):
                self.check(sig, self.reading)

    def test_while_writing(self):
        for sig in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(sig=sig):
                self.check(sig, self.writing)

    def test_while_the_reader_of_a_pipe_sleeps(self):
        child = self.start("-o", "-")
        os.read(child.stdout.fileno(), 1)
        time.sleep(0.2)     # until it stands in write(2): sooner is fine too
        os.kill(child.pid, signal.SIGTERM)
        # it may have to be asked twice: the second signal does not wait
        try:
            child.wait(timeout=1)
        except subprocess.TimeoutExpired:
            os.kill(child.pid, signal.SIGTERM)
            child.wait(timeout=10)
        self.assertIn(child.returncode, (130, -signal.SIGTERM))

    def test_second_signal_kills(self):
        # two different ones: equal ones that wait become one
        status, err = self.interrupt(self.reading, signal.SIGINT, signal.SIGTERM)
        self.assertIn(status, (-signal.SIGTERM, -signal.SIGINT), err)

    def test_ignored_signals_stay_ignored(self):
        child = self.start("-o", self.image, "-q", prepare=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        while child.poll() is None:
            try:
                os.kill(child.pid, signal.SIGHUP)
            except ProcessLookupError:
                break
            time.sleep(0.01)
        out, err = child.communicate(timeout=120)
        self.assertEqual((child.returncode, judge.problems(err.decode())), (0, []))
        judge.fsck_silent(self.image)


class WhileCloning(Case):
    """In the middle of an image whose blocks are shared with the files of the layer: strace sends the signal with one of the calls."""

    FILES = 200

    def check(self, kind, number):
        with filesystem(self.work, kind) as point:
            layer, out, calls = os.path.join(point, "layer"), os.path.join(point, "out"), self.path("calls")
            os.mkdir(layer)
            os.mkdir(out)
            for n in range(self.FILES):
                with open(os.path.join(layer, "%d" % n), "wb") as f:
                    f.write(os.urandom(20_000))
            done = judge.o2r("snapshot", "scratch", "--layer", layer, "-o", os.path.join(out, "x.img"), "-j", "1", env={"ASAN_OPTIONS": "detect_leaks=0"},
                             wrap=["strace", "-f", "-o", calls, "-e", "trace=ioctl", "-e", "inject=ioctl:signal=SIG%s:when=%d" % ("INT", number)])
            with open(calls) as f:
                cloned = f.read().count("FICLONERANGE")
            self.assertEqual(done.returncode, 130, done.stderr)
            self.assertIn("interrupted", done.stderr)
            # it had begun, and was far from the end
            self.assertGreater(cloned, 10)
            self.assertLess(cloned, self.FILES // 2)
            self.assertEqual((os.listdir(out), sorted(os.listdir(point))), ([], ["layer", "out"]))

    def test_xfs(self):
        self.check("xfs", 40)

    def test_btrfs(self):
        self.check("btrfs", 80)

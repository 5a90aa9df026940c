"""SIGINT, SIGTERM and SIGHUP in the middle of the work: the right exit status, and nothing left behind."""
import os
import signal
import subprocess
import time

import judge
from judge import Case
from mkimage import Image, Layer

MIB = 1 << 20


def descriptors(pid):
    try:
        return [os.readlink("/proc/%d/fd/%s" % (pid, fd)) for fd in os.listdir("/proc/%d/fd" % pid)]
    except FileNotFoundError:
        return []


class Signals(Case):
    """The child is stopped (SIGSTOP) as soon as it is seen in the wanted state, so that it cannot run ahead of the signal."""

    def setUp(self):
        super().setUp()
        data = os.urandom(MIB)
        self.big = self.layout(Image([Layer().file("a", data * 200), Layer().file("b", data * 200)], codec="plain"))
        self.out = self.path("out")
        os.mkdir(self.out)

    def start(self, *args, **kw):
        child = subprocess.Popen([judge.O2R, "snapshot", self.big, "--platform=linux/amd64", *args], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kw)
        self.addCleanup(child.communicate)
        self.addCleanup(child.kill)
        return child

    def stop_when(self, child, state):
        while child.poll() is None and not state(child):
            time.sleep(0.0005)
        os.kill(child.pid, signal.SIGSTOP)
        self.assertIsNone(child.poll(), "too late")

    def reading(self, child):
        return any("/blobs/sha256/" in d for d in descriptors(child.pid))

    def writing(self, child):
        return any(os.path.getsize(os.path.join(self.out, n)) for n in os.listdir(self.out)) and self.used() > 4 * MIB

    def used(self):
        return sum(os.stat(os.path.join(self.out, n)).st_blocks * 512 for n in os.listdir(self.out))

    def interrupt(self, child, *signals):
        for sig in signals:
            os.kill(child.pid, sig)
        os.kill(child.pid, signal.SIGCONT)
        out, err = child.communicate(timeout=60)
        return child.returncode, out, err.decode()

    def check(self, sig, state):
        child = self.start("-o", os.path.join(self.out, "image.ext4"))
        self.stop_when(child, state)
        status, out, err = self.interrupt(child, sig)
        self.assertEqual(status, 130, err)
        self.assertRegex(err, r"\Ao2r: [^\n]*interrupted[^\n]*\n\Z")
        self.assertEqual(out, b"")
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
        child = self.start("-o", os.path.join(self.out, "image.ext4"))
        self.stop_when(child, self.reading)
        # two different ones: equal ones that wait become one
        status, out, err = self.interrupt(child, signal.SIGINT, signal.SIGTERM)
        self.assertIn(status, (-signal.SIGTERM, -signal.SIGINT), err)

    def test_ignored_signals_stay_ignored(self):
        child = self.start("-o", os.path.join(self.out, "image.ext4"), "-q",
                           preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        self.stop_when(child, self.reading)
        status, out, err = self.interrupt(child, signal.SIGHUP)
        self.assertEqual((status, err), (0, ""))
        judge.fsck_silent(os.path.join(self.out, "image.ext4"))

"""Blobs that change between the two passes: after they were read, verified and indexed, before their data is written.

The moment is not guessed. The image goes into a pipe that nobody reads: its first byte shows that the index is complete, and
no more than the pipe and a few buffers can be on their way while the blob is changed. Then the pipe is read to its end.
"""
import os
import signal
import subprocess
import threading
import time

import judge
import samples
from bad import BadCase, flipped, packed, sha
from layerbuild import Layer

MIB = 1 << 20
SIZE = 24 * MIB
CODECS = ("plain", "gzip:level=1", "zstd:level=1", "zstd:frames=5:level=1")


class Changes(BadCase):
    def setUp(self):
        super().setUp()
        self.files = [samples.noise(SIZE // 2, b"a"), samples.noise(SIZE // 2, b"b")]

    def two_layers(self, codec):
        """The layer that will change stands on another one."""
        layers = [packed(Layer().file("below", b"b"), "gzip"), packed(Layer().file("a", self.files[0]).file("b", self.files[1]), codec)]
        layout = self.write(layers)
        return layout, self.blob(layout, sha(layers[1].blob))

    def run_and_change(self, layout, change, *args, out=None):
        """(exit status, bytes of the image, stderr). out: a FIFO instead of standard output."""
        target = "-"
        if out:
            os.mkfifo(out)
            target = out
        child = subprocess.Popen([judge.O2R, "snapshot", layout, "-q", "-o", target, "--size=min", "--platform=linux/amd64", *args],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        said = []
        reader = threading.Thread(target=lambda: said.append(child.stderr.read()))
        reader.start()
        try:
            with (open(out, "rb", buffering=0) if out else child.stdout) as pipe:
                pieces = [os.read(pipe.fileno(), 1)]
                self.assertEqual(len(pieces[0]), 1, "it ended before it wrote")
                change()
                while pieces[-1]:
                    pieces.append(os.read(pipe.fileno(), MIB))
            status = child.wait(timeout=120)
        finally:
            child.kill()
            child.wait()
            reader.join()
            child.stderr.close()
        return status, b"".join(pieces), said[0].decode()

    def check(self, codec, change, *args, **kw):
        layout, path = self.two_layers(codec)
        status, _, said = self.run_and_change(layout, lambda: change(path), *args, **kw)
        self.assertEqual(status, 6, said)
        self.assertRegex(said, r"\Ao2r: [^\n]*\n\Z")
        for word in (layout, "layer 2 of 2 (sha256:%s)" % os.path.basename(path)[:12]):
            self.assertIn(word, said)

    def test_one_byte(self):
        def change(path):
            with open(path, "r+b") as f:
                f.seek(-MIB, os.SEEK_END)
                byte = f.read(1)
                f.seek(-1, os.SEEK_CUR)
                f.write(flipped(byte, 0))
        for codec in CODECS:
            for jobs in ("1", "4"):
                with self.subTest(codec, jobs=jobs):
                    self.check(codec, change, "-j", jobs)

    def test_cut(self):
        for codec in CODECS:
            for left in (0, 0.5, 0.95):
                with self.subTest(codec, left=left):
                    self.check(codec, lambda path: os.truncate(path, int(os.path.getsize(path) * left)))

    def test_zeros(self):
        def change(path):
            size = os.path.getsize(path)
            os.truncate(path, size // 2)
            os.truncate(path, size)
        for codec in CODECS:
            with self.subTest(codec):
                self.check(codec, change)

    def test_another_layer_in_its_place(self):
        """As large, as whole: only the checksums of the index can tell."""
        for codec in CODECS:
            with self.subTest(codec):
                other = packed(Layer().file("a", self.files[1]).file("b", self.files[0]), codec).blob

                def change(path):
                    with open(path, "r+b") as f:
                        f.write(other)
                self.check(codec, change)

    def test_into_a_fifo(self):
        self.check("plain", lambda path: os.truncate(path, 100), out=self.path("fifo"))

    def test_unlinked_or_replaced(self):
        """The open file stays what it was: the image is the right one."""
        for codec in CODECS:
            layout, path = self.two_layers(codec)
            same = judge.sha256(self.snapshot(layout, "--size", "min")[0])
            for change in (lambda: os.unlink(path), lambda: os.replace(self.garbage(), path)):
                with self.subTest(codec):
                    self.write_again(path)
                    status, got, said = self.run_and_change(layout, change)
                    self.assertEqual((status, said), (0, ""))
                    self.assertEqual(sha(got)[7:], same)

    def garbage(self):
        path = self.new(".garbage")
        self.put(path, b"g" * 1000)
        return path

    def write_again(self, path):
        if not hasattr(self, "kept"):
            self.kept = {}
        if path not in self.kept:
            with open(path, "rb") as f:
                self.kept[path] = f.read()
        if not os.path.exists(path) or os.path.getsize(path) != len(self.kept[path]):
            self.put(path, self.kept[path])

    def test_documents_are_read_once(self):
        layout, _ = self.two_layers("plain")
        same = judge.sha256(self.snapshot(layout, "--size", "min")[0])

        def change():
            for name in (self.digests["manifest"], self.digests["config"]):
                self.put(self.blob(layout, name), b"{}")
            self.put(os.path.join(layout, "index.json"), b"")
        status, got, said = self.run_and_change(layout, change)
        self.assertEqual((status, said, sha(got)[7:]), (0, "", same))


class Written(BadCase):
    """The same into a file: it is stopped while it writes, and nothing is left of what it wrote."""

    def test_nothing_is_left(self):
        layer = packed(Layer().file("a", samples.noise(8 * MIB) * 30), "plain")
        layout, out = self.write([layer]), self.path("out")
        os.mkdir(out)
        for _ in range(20):
            status, said, err = self.cut_while_writing(layout, self.blob(layout, sha(layer.blob)), out)
            if status != 0:
                break
            # It was done before it was caught: a busy machine. Once more, from the whole blob.
            os.unlink(os.path.join(out, "image"))
            self.put(self.blob(layout, sha(layer.blob)), layer.blob)
        self.assertEqual(status, 6, err)
        self.assertEqual((os.listdir(out), said), ([], b""))
        self.assertRegex(err.decode(), r"\Ao2r: [^\n]*layer 1 of 1[^\n]*\n\Z")
        self.assertIn(layout, err.decode())

    def cut_while_writing(self, layout, blob, out):
        child = subprocess.Popen([judge.O2R, "snapshot", layout, "-q", "-o", os.path.join(out, "image"), "--platform=linux/amd64", "-j1"],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            while child.poll() is None and not self.writes(out):
                time.sleep(0.0005)
            os.kill(child.pid, signal.SIGSTOP)
            os.truncate(blob, os.path.getsize(blob) - 4096)
            os.kill(child.pid, signal.SIGCONT)
            said, err = child.communicate(timeout=60)
        finally:
            child.kill()
            child.wait()
        return child.returncode, said, err

    def writes(self, out):
        """Whether the temporary file has got data; it may be renamed while one looks."""
        try:
            return sum(os.stat(os.path.join(out, n)).st_blocks for n in os.listdir(out)) > 2048
        except FileNotFoundError:
            return True

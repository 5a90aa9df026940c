"""fio reads files that it wrote itself, so that every block tells whether it is the right one, out of views."""
import os
import unittest

import judge
import viewing
from mkimage import Image, Layer

HEAVY = 2
MIB = 1 << 20
SIZE = (8 if judge.SANITIZED else 48) * MIB
SEED = os.environ.get("O2R_SEED", "1")
CODECS = ("plain", "gzip:level=1", "gzip:members=9:level=1", "zstd:level=1", "zstd:frames=20:level=1")
JOBS = {
    "random": ("--rw=randread", "--bs=4k", "--numjobs=4"),
    "random past the page cache": ("--rw=randread", "--bs=4k", "--direct=1", "--numjobs=4"),
    "random sizes": ("--rw=randread", "--bsrange=4k-256k", "--direct=1", "--numjobs=4"),
    "forward": ("--rw=read", "--bs=1M", "--direct=1", "--numjobs=2"),
    "forward with readahead": ("--rw=read", "--bs=64k"),
    "mapped": ("--rw=randread", "--bs=4k", "--ioengine=mmap", "--numjobs=2"),
}


class Fio(judge.Case):
    def fio(self, path, *args):
        return judge.run("fio", "--name=v", "--filename=" + path, "--size=%d" % SIZE, "--verify=crc32c", "--verify_interval=4k", "--verify_fatal=1",
                         "--randseed=" + SEED, *args, cwd=self.work)

    def setUp(self):
        super().setUp()
        print("seed %s" % SEED, flush=True)
        self.file = self.path("written")
        self.fio(self.file, "--rw=write", "--bs=4k", "--do_verify=0", "--buffer_compress_percentage=60", "--refill_buffers")
        with open(self.file, "rb") as f:
            self.content = f.read()
        self.assertEqual(len(self.content), SIZE)

    def read(self, path, how):
        self.fio(path, *JOBS[how], "--readonly", "--allow_file_create=0", "--invalidate=1")

    def test_every_codec(self):
        for codec in CODECS:
            layout = self.layout(Image([Layer(codec=codec).file("f", self.content)]))
            with viewing.view(layout) as v:
                for how in JOBS:
                    with self.subTest(codec, how=how):
                        self.read(v.root + "/f", how)

    def test_it_would_find_a_wrong_byte(self):
        with open(self.file, "r+b") as f:
            f.seek(SIZE // 2 + 77)
            f.write(bytes([self.content[SIZE // 2 + 77] ^ 1]))
        for how in JOBS:
            with self.subTest(how), self.assertRaises(AssertionError):
                self.read(self.file, how)


if __name__ == "__main__":
    unittest.main()

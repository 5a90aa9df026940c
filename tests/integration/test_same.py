"""The same input gives the same bytes, another input or option other bytes and another UUID; files, pipes and devices."""
import hashlib
import json
import os
import subprocess
import unittest

import judge
import samples
from judge import BLOCK, MIB
from mkimage import Image, Layer

UNDER_SANITIZERS = False    # what it runs other files run under them too


class Same(judge.Case):
    def bytes_of(self, image, *args, env=None):
        """(SHA-256 of the image, its UUID)."""
        layout = image if isinstance(image, str) else self.layout(image)
        path, info = self.snapshot(layout, *args, env=env)
        judge.fsck_silent(path)
        found = judge.sha256(path), info["uuid"]
        os.unlink(path)
        return found

    def test_runs_threads_zones_locales_and_codecs(self):
        layout = self.layout(samples.image("gzip"))
        found = {
            "again": self.bytes_of(layout), "moved": self.bytes_of(samples.image("gzip")),
            "one thread": self.bytes_of(layout, "-j", "1"), "eight": self.bytes_of(layout, "-j", "8"), "64": self.bytes_of(layout, "-j64"),
            "zone": self.bytes_of(layout, env={"TZ": "Pacific/Auckland"}), "other zone": self.bytes_of(layout, env={"TZ": "America/St_Johns"}),
            "locale": self.bytes_of(layout, env={"LC_ALL": "C"}), "utf8": self.bytes_of(layout, env={"LC_ALL": "C.UTF-8", "LANG": "de_DE"}),
            "bare": self.bytes_of(layout, env={"PATH": None, "HOME": None, "LC_ALL": None, "TZ": None}),
            "zstd": self.bytes_of(samples.image("zstd")), "plain": self.bytes_of(samples.image("plain")),
            "members": self.bytes_of(samples.image("gzip:members=5")),
            "tagged": self.bytes_of(self.layout(samples.image("gzip"), tags=["a", "b"])), "docker": self.bytes_of(samples.image("gzip", family="docker"))}
        self.assertEqual(len(set(found.values())), 1, found)

    def test_large_image_with_any_number_of_threads(self):
        layers = []
        for n in range(6):
            layer = Layer()
            for i in range(300):
                layer.file("l%d/%d" % (n, i), samples.noise(1 + i * 977 % 90_000, n * 1000 + i))
            layers.append(layer.file("l%d/big" % n, samples.noise(3 * MIB, n)))
        layout = self.layout(Image(layers, codec="gzip:level=1"))
        found = {j: self.bytes_of(layout, "-j", j) for j in ("1", "2", "3", "8")}
        self.assertEqual(len(set(found.values())), 1, found)

    def test_another_option_or_input_gives_other_bytes_and_another_uuid(self):
        layout = self.layout(samples.image("plain"))
        changed = samples.image("plain")
        changed.layers[2].file("one more", b"")
        touched = samples.image("plain")
        touched.layers[1].parts[-1].mtime = (1_600_000_001, 0)
        swapped = samples.image("plain")
        swapped.layers[1:] = swapped.layers[:0:-1]
        found = {"default": self.bytes_of(layout), "changed": self.bytes_of(changed), "touched": self.bytes_of(touched), "swapped": self.bytes_of(swapped)}
        for args in (("--size", "min"), ("--size", "200M"), ("--size", "201M"), ("--free", "100M"), ("--free", "50%"), ("--inodes", "9999"),
                     ("--label", "a"), ("--label", "b"), ("--linear-dirs",)):
            found[args] = self.bytes_of(layout, *args)
        for epoch in ("0", "1600000000", "1700000000"):
            found[epoch] = self.bytes_of(layout, env={"SOURCE_DATE_EPOCH": epoch})
        self.assertEqual(len({sha for sha, _ in found.values()}), len(found), found)
        self.assertEqual(len({uuid for _, uuid in found.values()}), len(found), found)

    def test_the_root_time_counts(self):
        """Two images of the same layers that were created at other times differ in the root's mtime."""
        one, two = (self.bytes_of(samples.small(created=when)) for when in ("2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z"))
        self.assertNotEqual(one[0], two[0])
        self.assertNotEqual(one[1], two[1])

    def test_uuid_given(self):
        layout = self.layout(samples.small())
        wanted = "01234567-89ab-cdef-0123-456789abcdef"
        self.assertEqual(self.bytes_of(layout, "--uuid", wanted), self.bytes_of(layout, "--uuid", wanted.upper()))
        self.assertNotEqual(self.bytes_of(layout, "--uuid", wanted)[0], self.bytes_of(layout)[0])

    def test_source_date_epoch(self):
        """It is the superblock's time and the upper bound of mtimes."""
        layout = self.layout(samples.image("plain"))
        epoch = 1_550_000_000
        image, info = self.snapshot(layout, env={"SOURCE_DATE_EPOCH": str(epoch)})
        lines = []
        for line in judge.reference(layout):
            parts = line.split("\t")
            if float(parts[4]) >= epoch:
                parts[4] = "%d.000000000" % epoch
            lines.append("\t".join(parts))
        self.judge(image, info, lines=lines, epoch=epoch)


class Pipes(judge.Case):
    def test_a_pipe_gives_the_bytes_of_a_file(self):
        """The reader gets all of it, holes and free space as zeros; also through a slow and small pipe."""
        for sample in (samples.image("gzip"), samples.image("zstd", "plain", "gzip"), samples.small()):
            layout = self.layout(sample)
            for args in ((), ("--size", "min"), ("--size", "600M")):
                for threads in ("1", "4"):
                    with self.subTest(args=args, threads=threads):
                        path, _ = self.snapshot(layout, *args)
                        child = subprocess.Popen([judge.O2R, "snapshot", layout, "-o", "-", "-j", threads, "-q", *args],
                                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                        with open(path, "rb") as f:
                            while True:
                                piece = child.stdout.read(1_000_003)
                                self.assertEqual(f.read(len(piece) or 1), piece)
                                if not piece:
                                    break
                        self.assertEqual((child.wait(), child.stderr.read()), (0, b""))
                        child.stdout.close()
                        child.stderr.close()
                        os.unlink(path)

    def test_a_pipe_that_somebody_made_non_blocking(self):
        """As node and some terminals do: a full pipe is waited for."""
        layout = self.layout(samples.image("gzip"))
        path, _ = self.snapshot(layout)
        read, write = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(write, False)
        child = subprocess.Popen([judge.O2R, "snapshot", layout, "-o", "-", "-q"], stdin=subprocess.DEVNULL, stdout=write)
        os.close(write)
        with open(read, "rb") as got:
            hashed = hashlib.file_digest(got, "sha256").hexdigest()
        self.assertEqual(child.wait(), 0)
        self.assertEqual(hashed, judge.sha256(path))

    def test_standard_output_that_is_a_file(self):
        layout = self.layout(samples.image("gzip"))
        path, _ = self.snapshot(layout)
        redirected = self.new()
        with open(redirected, "wb") as out:
            self.assertEqual(judge.o2r("snapshot", layout, "-o", "-", stdout=out).returncode, 0)
        self.assertEqual(judge.sha256(redirected), judge.sha256(path))

    def test_standard_output_that_appends(self):
        """A caller's header stays in front: the image begins where the descriptor stands."""
        layout = self.layout(samples.small())
        path, _ = self.snapshot(layout, "--size", "min")
        both = self.new()
        with open(both, "wb") as out:
            out.write(b"header--")
            out.flush()
            self.assertEqual(judge.o2r("snapshot", layout, "-o", "-", "--size", "min", stdout=out).returncode, 0)
        with open(both, "rb") as f, open(path, "rb") as g:
            self.assertEqual(f.read(), b"header--" + g.read())

    def test_named_pipe(self):
        layout, fifo = self.layout(samples.image("gzip")), self.path("fifo")
        path, _ = self.snapshot(layout)
        os.mkfifo(fifo)
        child = subprocess.Popen([judge.O2R, "snapshot", layout, "-q", "-o", fifo], stdin=subprocess.DEVNULL)
        got = judge.sha256(fifo)
        self.assertEqual(child.wait(), 0)
        self.assertEqual(got, judge.sha256(path))


class Devices(judge.Case):
    SIZE = 200 * MIB

    def setUp(self):
        super().setUp()
        self.backing = self.path("device")
        with open(self.backing, "wb") as f:
            for _ in range(self.SIZE // MIB):
                f.write(b"\xff" * MIB)
        self.sample = self.layout(samples.image("gzip"))

    def test_a_device_full_of_ones(self):
        """Used blocks are those of a file, untouched inode tables too; free blocks and what follows are as they were."""
        path, info = self.snapshot(self.sample)
        with judge.loop_device(self.backing) as device:
            done = judge.o2r("snapshot", self.sample, "-o", device, "--force", "--platform", "linux/amd64", "--format", "json")
            self.assertEqual(done.returncode, 0, done.stderr)
            said = json.loads(done.stdout)
            self.assertEqual((said["uuid"], said["image_bytes"], said["output"]), (info["uuid"], info["image_bytes"], device))
            self.judge(device, info, self.sample)
        free = set()
        for first, last in judge.free_ranges(path):
            free.update(range(first, last + 1))
        self.assertEqual(len(free), info["free_blocks"])
        with open(path, "rb") as f, open(self.backing, "rb") as g:
            for block in range(info["blocks"]):
                wanted, found = f.read(BLOCK), g.read(BLOCK)
                if block in free:
                    self.assertIn(found, (b"\xff" * BLOCK, bytes(BLOCK)), "free block %d" % block)
                elif wanted != found:
                    self.fail("block %d is not the file's: %r..., expected %r..." % (block, found[:64], wanted[:64]))
            while True:
                rest = g.read(MIB)
                if not rest:
                    break
                self.assertEqual(rest.count(b"\xff"), len(rest), "behind the image")

    def test_a_device_filled_to_its_end(self):
        with judge.loop_device(self.backing) as device:
            for args in (("--size", str(self.SIZE)), ("--size", "min")):
                done = judge.o2r("snapshot", self.sample, "-o", device, "-f", "--platform", "linux/amd64", "--format", "json", *args)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.judge(device, json.loads(done.stdout), self.sample)

    def untouched(self):
        with open(self.backing, "rb") as f:
            for _ in range(self.SIZE // MIB):
                self.assertEqual(f.read(MIB), b"\xff" * MIB)

    def test_refused_without_force(self):
        with judge.loop_device(self.backing) as device:
            self.refused(self.sample, code=2, words=[device, "block device", "--force"], out=device)
        self.untouched()

    def test_refused_when_too_small(self):
        with judge.loop_device(self.backing) as device:
            for size in (str(self.SIZE + BLOCK), "1G"):
                self.refused(self.sample, "--force", "--size", size, code=7, words=[device, str(self.SIZE), "--size min"], out=device)
        self.untouched()

    def test_refused_while_mounted(self):
        judge.run("mke2fs", "-q", "-F", "-t", "ext4", self.backing)
        with judge.loop_device(self.backing) as device, judge.loop_mount(device, write=True) as root:
            with open(root + "/precious", "wb") as f:
                f.write(b"precious")
            self.refused(self.sample, "--force", code=1, words=[device, "busy"], out=device)
            with open(root + "/precious", "rb") as f:
                self.assertEqual(f.read(), b"precious")
        judge.fsck_silent(self.backing)


class Deleted(judge.Case):
    def test_no_byte_of_a_file_that_an_upper_layer_removed(self):
        """Whiteouts, opaque directories, replaced files, replaced directories, within a layer and over layers, any codec."""
        for codecs in (("plain",), ("gzip",), ("zstd",), ("gzip", "plain", "zstd")):
            for args in ((), ("--size", "min"), ("--inodes", "0", "--size", "min")):
                with self.subTest(codecs=codecs, args=args):
                    layout = self.layout(samples.image(*codecs))
                    image, _ = self.snapshot(layout, *args)
                    self.assertNotIn(samples.MARKER, self.whole(image))
                    self.assertNotIn(samples.MARKER, judge.o2r("snapshot", layout, "-o", "-", *args).stdout)

    def test_the_marker_is_found_where_it_is(self):
        """The search itself: without the upper layers the bytes are there."""
        image, _ = self.snapshot(self.layout(Image(samples.image("gzip").layers[:1])))
        self.assertEqual(self.whole(image).count(samples.MARKER), 3 + 400 + 1)

    def test_names_targets_and_attributes_too(self):
        lower = Layer().dir("d").file("d/" + "secretname" * 5, b"x").symlink("link", "secrettarget" * 20)
        lower.file("attr", b"x", xattrs={"user.x": b"secretvalue" * 20}).file("twice", b"secretdata" * 1000).file("twice", b"public")
        upper = Layer().whiteout("d/" + "secretname" * 5).whiteout("link").file("attr", b"y", xattrs={"user.x": b"public" * 40})
        image, _ = self.snapshot(self.layout(Image([lower, upper])))
        raw = self.whole(image)
        self.assertNotIn(b"secret", raw)
        self.assertIn(b"public", raw)

    def test_data_of_the_image_does_not_leak_into_padding(self):
        """The rest of a file's last block is zero, whatever stands behind it in the layer."""
        layer = Layer()
        for i in range(200):
            layer.file("f%d" % i, samples.noise(1 + i * 61 % 5000, i))
        image, _ = self.snapshot(self.layout(Image([layer], codec="gzip")), "--size", "min")
        with judge.loop_mount(image) as root:
            device = judge.run("findmnt", "-no", "SOURCE", root).strip()
            with open(device, "rb") as raw:
                for i in range(200):
                    path = "%s/f%d" % (root, i)
                    size = os.path.getsize(path)
                    if size % BLOCK:
                        for line in judge.run("filefrag", "-e", "-b%d" % BLOCK, path).split("\n"):
                            parts = line.replace(":", " ").replace("..", " ").split()
                            if parts and parts[0].isdigit() and int(parts[2]) == size // BLOCK:
                                raw.seek(int(parts[4]) * BLOCK)
                                block = raw.read(BLOCK)
                                self.assertEqual(block[size % BLOCK:].count(0), BLOCK - size % BLOCK)
                                break
                        else:
                            self.fail("no last block of %s" % path)

    def whole(self, path):
        with open(path, "rb") as f:
            return f.read()


if __name__ == "__main__":
    unittest.main()

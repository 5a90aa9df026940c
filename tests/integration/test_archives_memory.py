"""Large archives: memory that does not grow with them, and no copy of one that is not compressed."""
import hashlib
import os
import re
import subprocess
import sys
import tarfile

import archives
import judge
import samples
from judge import GIB, MIB
from mkimage import Image

HEAVY = 2
UNDER_SANITIZERS = False    # their shadow memory is not ours

SIZE = 10 * GIB     # more than eleven octal digits hold


def header(name, size):
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT)


def zeros_behind(start, size):
    """(SHA-256 of start, then size zero bytes and the end of a tar)."""
    total, piece = hashlib.sha256(start), bytes(16 * MIB)
    for _ in range(size // len(piece)):
        total.update(piece)
    total.update(bytes(1024))
    return total.hexdigest()


class Memory(judge.Case):
    def archive(self):
        """A docker-archive of one layer: a file of 10 GiB zeros, which are a hole on this disk."""
        start = header("zeros", SIZE)
        layer_size = len(start) + SIZE + 1024
        config = Image([]).config_bytes(["sha256:" + zeros_behind(start, SIZE)])
        manifest = archives.dump([{"Config": "c.json", "RepoTags": ["x:1"], "Layers": ["l/layer.tar"]}])
        small = archives.Tar().file("c.json", config).file("manifest.json", manifest).bytes()
        path = self.new(".tar")
        with open(path, "wb") as f:
            f.write(header("l/layer.tar", layer_size) + start)
            f.seek(SIZE + 1024, os.SEEK_CUR)
            f.write(small)
        return path

    def peak(self, *args, env):
        done = subprocess.run([sys.executable, os.path.join(judge.TOOLS, "cgroup-run.py"), "0", judge.O2R, *args], capture_output=True,
                              stdin=subprocess.DEVNULL, env={**os.environ, **env})
        said = done.stderr.decode(errors="backslashreplace")
        self.assertEqual(done.returncode, 0, said)
        found = dict(pair.split("=") for pair in re.search(r"cgroup-run: (.*)", said)[1].split())
        anon, rss = (0 if found[k] == "-" else int(found[k]) for k in ("anon", "rss"))
        print("anon %.1f MiB, rss %.1f MiB" % (anon / MIB, rss / MIB), flush=True)
        return max(anon, rss), done.stdout

    def test_ten_gigabytes_in_place(self):
        """What is kept has to fit into 8 MiB: the cache folder and temporary files are on a disk of that size."""
        path = self.archive()
        where = self.new(".small")
        os.mkdir(where)
        judge.run("mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "none", where)
        self.addCleanup(judge.run, "umount", where)
        out = self.new(".ext4")
        args = ("--platform=linux/amd64", "--cache", where + "/cache")
        top, _ = self.peak("snapshot", path, "-o", out, "--size=min", *args, env={"TMPDIR": where})
        self.assertLess(top, 64 * MIB)
        top, listed = self.peak("ls", "-l", path, *args, env={"TMPDIR": where})
        self.assertLess(top, 64 * MIB)
        self.assertIn(str(SIZE), listed.decode())
        self.assertLess(os.stat(path).st_blocks * 512, MIB)
        with judge.loop_mount(out) as root:
            self.assertEqual(os.stat(root + "/zeros").st_size, SIZE)

    def test_decoded_from_a_pipe(self):
        """A compressed archive is decoded to disk, not to memory."""
        content = samples.noise(MIB) * 400
        image = Image([header("f", len(content)) + content + bytes(1024)])
        path = archives.put(self.new(".tar.zst"), archives.pack(archives.legacy((image, ["x:1"])), "zstd"))
        done = subprocess.run("exec %s %s 0 %s ls -l - --platform=linux/amd64 < <(cat %s)" % (
            sys.executable, os.path.join(judge.TOOLS, "cgroup-run.py"), judge.O2R, path), shell=True, executable="/bin/bash", capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        found = dict(pair.split("=") for pair in re.search(r"cgroup-run: (.*)", done.stderr)[1].split())
        print(found, flush=True)
        self.assertLess(int(found["rss"]), 64 * MIB)

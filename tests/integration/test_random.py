"""Random images from seeds, against the independent reference of tests/reference.

Every image is merged by the library (tests/tools/tree-print) and by the reference: the same dump, or both refuse it. Some
of them are also written as images, and mounted as views: e2fsck says nothing, and what the kernel shows of both is what the
reference says. What is refused `mount` refuses like `snapshot`.

The first seed is printed. It is 1, so that a run means the same everywhere; O2R_SEED=random draws one anew, to look for what
nobody has seen yet, O2R_SEED=N starts at N, O2R_SEEDS=N takes only N images. A failure says how to run its one seed again.
"""
import itertools
import json
import multiprocessing
import os
import random
import shutil
import subprocess
import tempfile
import unittest

import judge
import randimage
import refdump
import viewing
from refused import Refused

ALONE = True            # it mounts, and keeps all processors busy

TREES = int(os.environ.get("O2R_SEEDS") or (200 if judge.SANITIZED else 1000))
IMAGES = min(TREES, 20 if judge.SANITIZED else 120)
FIRST = random.SystemRandom().randrange(1 << 40) if os.environ.get("O2R_SEED") == "random" else int(os.environ.get("O2R_SEED", "1"))
TREE_PRINT = os.path.join(os.environ["O2R_BUILD"], "tests", "tools", "tree-print")
CHUNK = 20
SHOWN = 12              # differing lines of one image
OPTIONS = ([], [], ["--size", "min"], ["--free", "10%"], ["--inodes", "0", "--size", "min"], ["--linear-dirs"], ["-j", "1"],
           ["-j", "8", "--free", "1M"])


def replay(seed):
    return "O2R_SEED=%d O2R_SEEDS=1 O2R=%s O2R_BUILD=%s python3 tests/run/integration.py tests/integration/test_random.py" % (
        seed, judge.O2R, os.environ["O2R_BUILD"])


def difference(ours, theirs):
    """What a person needs to see of two dumps: reference -, o2r +."""
    a, b = set(ours), set(theirs)
    lines = ["- " + line for line in theirs if line not in a] + ["+ " + line for line in ours if line not in b]
    more = len(lines) - SHOWN
    return "\n".join(line[:400] for line in lines[:SHOWN]) + ("\n... %d lines more" % more if more > 0 else "") or "order differs"


def expected(layout, layers=False):
    """(lines, None), or (None, why it is refused). layers: each line ends with the layer of its path."""
    try:
        return refdump.of_layout(layout, layers_too=layers), None
    except Refused as e:
        return None, str(e)


def read(path):
    with open(path, errors="surrogateescape") as f:
        return f.read()


def compare(seed, layout, out):
    """None, or what is wrong; out is the path of tree-print's answer without its end."""
    lines, why = expected(layout, layers=True)
    if os.path.exists(out + ".refused"):
        said = read(out + ".refused").rstrip("\n")
        if why is None:
            return "o2r refuses what the reference takes: %s" % said
        if not said.startswith("6 %s: " % layout) or "\n" in said:
            return "refused, but not in the right way: %s" % said
        return None
    found = read(out + ".dump").splitlines()
    if lines is None:
        return "o2r takes what the reference refuses: %s" % why
    return None if found == lines else difference(found, lines)


class Scratch:
    """A directory that goes away, in the place where the run keeps them."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="o2r-random-", dir=os.environ.get("O2R_SCRATCH"))
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


def trees(seeds):
    """[(seed, refused, problem or None)] of a few seeds, in a process of its own."""
    found = []
    with Scratch() as work:
        layouts = [os.path.join(work, str(seed)) for seed in seeds]
        answers = os.path.join(work, "answers")
        os.mkdir(answers)
        for seed, layout in zip(seeds, layouts):
            randimage.write(seed, layout)
        done = subprocess.run([TREE_PRINT, "--many-layers", answers, *layouts], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            text = done.stdout.decode(errors="backslashreplace")[-3000:]
            return [(seeds[0], False, "tree-print ended with %d on one of %d seeds\n%s" % (done.returncode, len(seeds), text))]
        for seed, layout in zip(seeds, layouts):
            out = os.path.join(answers, str(seed))
            found.append((seed, os.path.exists(out + ".refused"), compare(seed, layout, out)))
    return found


def image(seed):
    """(seed, refused, problem or None): the image that the command writes."""
    with Scratch() as work:
        layout, out = os.path.join(work, "layout"), os.path.join(work, "image.ext4")
        randimage.write(seed, layout)
        lines, why = expected(layout)
        options = OPTIONS[seed % len(OPTIONS)]
        done = judge.o2r("snapshot", layout, "-o", out, "--platform", "linux/amd64", "--format", "json", *options)
        if why is not None:
            if done.returncode != 6 or sorted(os.listdir(work)) != ["layout"]:
                return seed, True, "exit %d, but the reference refuses it: %s" % (done.returncode, why)
            try:
                viewing.refused(layout, [], 6, judge.problems(done.stderr)[0])
            except AssertionError as e:
                return seed, True, str(e)
            return seed, True, None
        if done.returncode:
            return seed, False, "exit %d: %s" % (done.returncode, done.stderr)
        try:
            info = json.loads(done.stdout)
            if os.path.getsize(out) != info["image_bytes"]:
                return seed, False, "%d bytes, said %d" % (os.path.getsize(out), info["image_bytes"])
            judge.fsck_silent(out)
            with judge.loop_mount(out) as root:
                found = viewing.lines(root)
            shown = viewing.as_in_ext4(viewing.of_reference(layout), found)
        except AssertionError as e:
            return seed, False, "%s: %s" % (" ".join(options), e)
        if shown != found:
            return seed, False, "the view (+) shows not what the image (-) shows: " + difference(shown, found)
        found = [line.rsplit("\t", 1)[0] for line in found]
        return seed, False, None if found == lines else "%s: %s" % (" ".join(options), difference(found, lines))


class Random(unittest.TestCase):
    def setUp(self):
        print("first seed %d" % FIRST, flush=True)
        self.pool = multiprocessing.get_context("fork").Pool(os.cpu_count() or 2)
        self.addCleanup(self.pool.join)
        self.addCleanup(self.pool.terminate)

    def check(self, problems):
        for seed, what in problems[:10]:
            print("seed %d:\n%s\nagain: %s\n" % (seed, what, replay(seed)))
        if problems:
            self.fail("%d images differ, the seeds %s" % (len(problems), ", ".join(str(seed) for seed, _ in problems[:50])))

    def test_trees_are_those_of_the_reference(self):
        seeds = range(FIRST, FIRST + TREES)
        chunks = [list(seeds[i:i + CHUNK]) for i in range(0, TREES, CHUNK)]
        results = [one for chunk in self.pool.imap_unordered(trees, chunks) for one in chunk]
        self.check([(seed, what) for seed, _, what in results if what])
        self.assertEqual(len(results), TREES)
        refused = sum(was for _, was, _ in results)
        print("%d images, %d of them refused" % (TREES, refused))
        if TREES >= 400:
            self.assertTrue(0.05 < refused / TREES < 0.4, "the generator draws too few or too many refused images")

    def test_images_are_what_the_reference_says(self):
        limit = max(1, IMAGES * (1 if TREES == 1 else 2))
        made, refused, problems = 0, 0, []
        batch = 4 * (os.cpu_count() or 2)
        seeds = iter(range(FIRST, FIRST + limit))
        while made < IMAGES:
            some = list(itertools.islice(seeds, min(batch, IMAGES - made)))
            if not some:
                break
            for seed, was, what in self.pool.imap_unordered(image, some):
                refused += was
                made += not was
                if what:
                    problems.append((seed, what))
        self.check(problems)
        print("%d images written, %d refused" % (made, refused))
        if TREES > 1:
            self.assertEqual(made, IMAGES)

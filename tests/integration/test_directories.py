"""Layers that lie in directories: what o2r makes of a stack of them is what the kernel's overlay mount shows of it."""
import contextlib
import os
import random
import re
import secrets
import shutil
import stat
import subprocess
import threading
import unittest

import judge
import randoverlay
import treedump
import viewing
from mounting import NOBODY, MountCase

SEEDS = int(os.environ.get("O2R_SEEDS", "2" if judge.SANITIZED else "6"))
REDIRECTS = "redirect_dir=on,metacopy=on,index=off"


def layers(*paths):
    """The options that lay these on top of nothing."""
    return [word for path in paths for word in ("--layer", path)]


def tree(root):
    """All but what the top is of itself, which is its keeper's and not the image's, and the kernel's own marks. FIFOs and the
    like have no attributes of users in an image."""
    return [line for line in treedump.dump(root) if not line.startswith("/\t")]


class Stack(MountCase):
    """Layers in folders of the case, on a filesystem that has trusted.* attributes."""

    def setUp(self):
        super().setUp()
        self.count = 0

    def layer(self):
        self.count += 1
        path = self.path("layer%d" % self.count)
        os.mkdir(path)
        return path

    @contextlib.contextmanager
    def overlay(self, lower, upper=None, options=REDIRECTS):
        """The kernel's overlay of these (the bottom first), with a writable layer or without."""
        point = self.path("merged")
        os.makedirs(point, exist_ok=True)
        words = ["lowerdir=" + ":".join(reversed(lower))] if upper else ["lowerdir=" + ":".join(reversed([self.empty(), *lower]))]
        if upper:
            work = upper + ".work"
            os.mkdir(work)
            words += ["upperdir=" + upper, "workdir=" + work]
        judge.run("mount", "-t", "overlay", "overlay", "-o", ",".join([*words, options]), point)
        try:
            yield point
        finally:
            judge.run("umount", point)

    def empty(self):
        """One more layer at the bottom: a mount without a writable one wants two."""
        path = self.path("nothing")
        os.makedirs(path, exist_ok=True)
        return path

    def image_tree(self, *args):
        """What the loop-mounted snapshot shows, which the view shows as well."""
        image = self.path("out.img")
        self.command("snapshot", "scratch", *args, "-o", image, "--force")
        judge.fsck_silent(image)
        with judge.loop_mount(image) as root:
            shown = tree(root)
        v = self.mounted_view("scratch", *args, platform=None)
        self.assertEqual(tree(v.root), shown)
        v.unmount()
        return shown

    def same(self, expected, *args, seed=None):
        shown = self.image_tree(*args)
        if shown != expected:
            lines = [*("-" + line for line in expected if line not in shown), *("+" + line for line in shown if line not in expected)]
            self.fail("seed %s\n%s" % (seed, "\n".join(lines[:40])))


class Random(Stack):
    """Random changes in containers on top of each other. O2R_SEED=N O2R_SEEDS=1 makes one case again."""

    def grow(self, rng, options, rounds):
        stack = [self.layer()]
        randoverlay.fill(stack[0], rng)
        for _ in range(rounds):
            upper = self.layer()
            with self.overlay(stack, upper, options) as root:
                randoverlay.Changer(root, rng).change(rng.randrange(5, 60))
            stack.append(upper)
        return stack

    def many(self, options, name):
        first = int(os.environ.get("O2R_SEED", secrets.randbits(32)))
        print("%s: seeds %d to %d" % (name, first, first + SEEDS - 1))
        for seed in range(first, first + SEEDS):
            rng = random.Random(seed)
            stack = self.grow(rng, options, rng.randrange(1, 5))
            with self.overlay(stack, options=options) as root:
                expected = tree(root)
            self.same(expected, *layers(*stack), seed=seed)
            for path in stack:
                shutil.rmtree(path)

    def test_redirects_and_metacopies(self):
        self.many(REDIRECTS, "redirects")

    def test_plain(self):
        self.many("redirect_dir=off,metacopy=off,index=off", "plain")

    def test_marks_of_users(self):
        self.many("userxattr", "userxattr")


if __name__ == "__main__":
    unittest.main()

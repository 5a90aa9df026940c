"""What the tests of o2r mount, umount and mounts share."""
import contextlib
import json
import os

import judge
import samples
import viewing
from mkimage import Image, Layer, Layout
from viewing import mounted

NOBODY = 65534
AMD64 = ("--platform", "linux/amd64")


def images(*contents, **options):
    """A layout of several images with the tags a, b, ..."""
    layout = Layout(**options)
    for number, content in enumerate(contents):
        layout.add(Image([Layer(codec="gzip").file("name", content).file("data", samples.noise(300_000, content))]),
                   tags=[chr(ord("a") + number)])
    return layout


@contextlib.contextmanager
def filesystem(folder, kind):
    """A new one of that kind, mounted in the folder; its mount point."""
    image, point = os.path.join(folder, kind + ".disk"), os.path.join(folder, kind)
    with open(image, "wb") as f:
        f.truncate(1 << 30)
    os.mkdir(point)
    judge.run("mkfs." + kind, "-F" if kind == "ext4" else "-f", "-q", image)
    judge.run("mount", "-o", "loop", image, point)
    try:
        yield point
    finally:
        judge.run("umount", point)
        os.unlink(image)


class MountCase(judge.Case):
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

    def bytes_of(self, reference, *args, code=0, **kw):
        out = self.new(".ext4")
        done = self.command("snapshot", reference, "-o", out, *args, code=code, **kw)
        return (judge.sha256(out) if code == 0 else None), done

"""Views of an ordinary user."""
import json
import os
import shutil
import signal
import stat
import subprocess

import judge
import samples
import viewing
from bad import BadCase
from mounting import AMD64, NOBODY, MountCase
from viewing import mounted, wait_for

UNDER_SANITIZERS = False    # what it runs other files run under them too


class OrdinaryUser(BadCase, MountCase):
    """Everything through fusermount3, for one who is not root."""

    def setUp(self):
        super().setUp()
        mode = stat.S_IMODE(os.stat("/dev/fuse").st_mode)
        self.addCleanup(os.chmod, "/dev/fuse", mode)
        os.chmod("/dev/fuse", 0o666)
        for name in ("XDG_CACHE_HOME", "XDG_RUNTIME_DIR"):
            os.environ[name] = self.path(name)
            os.mkdir(os.environ[name], 0o700)
            os.chown(os.environ[name], NOBODY, NOBODY)
        os.chown(self.folder, NOBODY, NOBODY)
        self.program = self.path("o2r")     # where he can reach it
        shutil.copy(judge.O2R, self.program)
        self.user = {"user": NOBODY, "group": NOBODY, "extra_groups": []}

    def nobody(self, *args, code=0, words=(), **kw):
        done = subprocess.run([self.program, *map(os.fspath, args)], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              **{**self.user, **kw})
        self.assertEqual(done.returncode, code, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
        return done

    def his_view(self, layout, *args, code=0, words=()):
        v = self.view(layout)
        os.chown(v.root, NOBODY, NOBODY)
        self.nobody("mount", layout, v.root, *AMD64, *args, env=v.env, code=code, words=words)
        return v

    def test_his_own(self):
        layout = self.layout(samples.image("gzip", "zstd", "plain"))
        v = self.his_view(layout)
        found = json.loads(self.nobody("mounts", "--format=json").stdout)["views"]
        self.assertEqual([f["mountpoint"] for f in found], [v.root])
        # every file, also those that only root may read
        read = subprocess.run(["find", v.root, "-type", "f", "-exec", "cat", "{}", "+"], capture_output=True, **self.user)
        self.assertEqual((read.returncode, read.stderr), (0, b""))
        self.assertGreater(len(read.stdout), 500_000)
        # nobody else, root included
        for other in ({"user": 0}, {"user": 1000, "group": 1000, "extra_groups": []}):
            done = subprocess.run(["ls", v.root], capture_output=True, **other)
            self.assertEqual(done.returncode, 2)
            self.assertIn(b"Permission denied", done.stderr)
        self.nobody("snapshot", v.root, "-o", self.folder + "/x.ext4")
        self.assertEqual(judge.sha256(self.folder + "/x.ext4"), self.bytes_of(layout, *AMD64, "--no-cache")[0])
        self.nobody("umount", v.root)
        self.gone(v)

    def test_busy_and_dead(self):
        layout = self.layout(samples.small())
        v = self.his_view(layout)
        sleeper = subprocess.Popen(["sleep", "1000"], cwd="/", preexec_fn=lambda: (os.setgid(NOBODY), os.setuid(NOBODY), os.chdir(v.root)))
        try:
            self.nobody("umount", v.root, code=1, words=["busy", "sleep (%d)" % sleeper.pid, "--lazy"])
            self.nobody("umount", "--lazy", v.root)
        finally:
            sleeper.kill()
            sleeper.wait()
        wait_for(lambda: not v.living())
        self.gone(v)
        v = self.his_view(layout)
        os.kill(v.pid, signal.SIGKILL)
        wait_for(lambda: not v.living())
        self.nobody("umount", v.root)
        self.gone(v)

    def test_of_others(self):
        layout = self.layout(samples.small())
        runtime = self.new(".run")
        os.mkdir(runtime, 0o700)
        mine = self.mounted_view(layout, env={"XDG_RUNTIME_DIR": runtime})
        self.nobody("umount", mine.root, code=4, words=["belongs to user 0"])
        self.nobody("snapshot", "-n", mine.root, code=4, words=["belongs to user 0", "name the image itself"])
        his = self.his_view(layout)
        self.wrong("snapshot", "-n", his.root, code=4, words="belongs to user %d" % NOBODY)
        self.command("umount", his.root)        # root may
        self.assertFalse(mounted(his.root))
        wait_for(lambda: not his.living())
        self.gone(his)
        mine.unmount()

    def test_mount_points(self):
        layout = self.layout(samples.small())
        self.nobody("mount", layout, "/usr", *AMD64, code=4, words=["mount point /usr: not permitted"])
        sticky = self.path("sticky")
        os.mkdir(sticky)
        os.chmod(sticky, 0o1777)
        self.nobody("mount", layout, sticky, *AMD64, code=4, words=["not permitted", "sticky"])

    def test_without_a_runtime_folder(self):
        """Or with one that is not his: /tmp/o2r-UID, unless somebody else has made that."""
        layout = self.layout(samples.small())
        theirs = "/tmp/o2r-%d" % NOBODY
        self.assertFalse(os.path.lexists(theirs), "left behind by something else")
        self.addCleanup(shutil.rmtree, theirs, ignore_errors=True)
        for runtime in (None, "relative", "/", self.path("none")):
            with self.subTest(runtime=runtime):
                env = {k: v for k, v in {**os.environ, "XDG_RUNTIME_DIR": runtime}.items() if v is not None}
                v = self.view(layout)
                os.chown(v.root, NOBODY, NOBODY)
                self.nobody("mount", layout, v.root, *AMD64, env={**env, viewing.TOKEN: v.token})
                self.assertEqual(len(os.listdir(theirs)), 1)
                self.nobody("snapshot", "-n", v.root, env=env)
                self.nobody("umount", v.root, env=env)
                self.assertEqual(os.listdir(theirs), [])
                self.assertEqual(v.living(), [])
        os.chown(theirs, 0, 0)
        os.chmod(theirs, 0o777)
        done = self.nobody("mount", layout, v.root, *AMD64, env={**env, viewing.TOKEN: v.token}, words=["warning", theirs])
        self.assertEqual(os.listdir(theirs), [])
        self.nobody("snapshot", "-n", v.root, env=env, code=1, words=["is not known", theirs])
        self.nobody("umount", v.root, env=env)
        self.assertTrue(done)
        wait_for(lambda: not v.living())

"""The view of an image, mounted for a test, and the central comparison: it shows what the loop-mounted snapshot shows.

`view` mounts and always unmounts; afterwards no mount, no process, no state file and no sanitizer's report may be left.
judge.Case sends every image that a test makes through `compare`, and every reference that it refuses through `refused`.
"""
import contextlib
import os
import re
import shutil
import subprocess
import tempfile
import time

import treedump

O2R = os.environ["O2R"]
TOKEN = "O2R_TEST_VIEW"         # in the environment of a server: whose it is

# What the rules leave to the ext4 image alone (docs/layers.md, "What no filesystem of ours can hold"): `snapshot` refuses an
# image for it in these words, the view shows it. Anything else that `snapshot` refuses `mount` refuses too, in the same class.
EXT4_ALONE = (
    r"extended attributes need a block of",
    r"larger number than ext4 can hold",        # a device
    r"more than a file on ext4 can have",
)
# More than 65 000 names of one inode are copies in the image, and one inode in the view: test_large.py has both.
DIRECTORY_LINKS = 65000         # ext4 shows 1 for a directory with more; the view shows how many there are


def wait_for(what, seconds=60):
    """Until it is true; an AssertionError when it never is. The time is no measure of anything: it only ends a hang."""
    end = time.monotonic() + seconds
    pause = 0.001
    while not (found := what()):
        assert time.monotonic() < end, "still not so after %d s: %s" % (seconds, what.__doc__ or what)
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
    return found


def processes(token):
    """The processes that carry the token in their environment."""
    found, needle = [], ("%s=%s" % (TOKEN, token)).encode()
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError), open("/proc/%s/environ" % name, "rb") as f:
                if needle in f.read().split(b"\0"):
                    found.append(int(name))
    return found


def mounted(path):
    """Whether something is mounted there, also when its server is dead."""
    with open("/proc/self/mountinfo", "rb") as f:
        return any(line.split()[4] == os.fsencode(path) for line in f)


class View:
    """A mounted view: root (its path), env (what its commands run with), token, log (its messages so far), pid."""

    def __init__(self, reference, args, env, where, folder, program=O2R, user=None):
        self.program, self.who = program, {} if user is None else {"user": user, "group": user, "extra_groups": []}
        self.reference, self.args, self.root, self.folder = reference, list(map(os.fspath, args)), where, folder
        self.token = os.path.basename(folder)
        self.child = None
        runtime, reports = os.path.join(folder, "run"), os.path.join(folder, "report")
        os.mkdir(runtime, 0o700)
        if user is not None:
            os.chmod(folder, 0o755)
            os.chmod("/dev/fuse", 0o666)        # as distributions have it; run.py puts it back
            for path in (runtime, where):
                os.chown(path, user, user)
        self.env = {**os.environ, "XDG_RUNTIME_DIR": runtime, TOKEN: self.token}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS"):
            if name in os.environ or name == "TSAN_OPTIONS":
                self.env[name] = ":".join(filter(None, [os.environ.get(name), "log_path=" + reports]))
        self.env = {k: v for k, v in {**self.env, **(env or {})}.items() if v is not None}

    def command(self, *args, **kw):
        return subprocess.run([self.program, *map(os.fspath, args)], env=self.env, **self.who, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="backslashreplace", timeout=600, **kw)

    def mount(self, foreground=False, wrap=(), **kw):
        argv = ["mount", self.reference, self.root, *self.args]
        if not foreground:
            done = self.command(*argv, **kw)
            assert done.returncode == 0, "mount: exit %d\n%s%s" % (done.returncode, done.stderr, self.reports())
            self.said = done.stderr
            return self
        # what it says goes into a file, so that no pipe can fill
        self.log_path = os.path.join(self.folder, "log")
        with open(self.log_path, "wb") as log:
            self.child = subprocess.Popen([*wrap, self.program, *argv, "-f"], env=self.env, **self.who, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **kw)
        wait_for(lambda: self.child.poll() is not None or self.ready())
        assert self.child.poll() is None, "mount -f: exit %d\n%s%s" % (self.child.returncode, self.log, self.reports())
        return self

    def ready(self):
        """The kernel knows it only when the server has answered."""
        if not mounted(self.root):
            return False
        with contextlib.suppress(PermissionError):      # the kernel itself keeps others from a user's view
            os.stat(os.path.join(self.root, "."))
        return True

    @property
    def log(self):
        with open(self.log_path, errors="backslashreplace") as f:
            return f.read()

    @property
    def pid(self):
        """Of the server: the one process that is left of it."""
        if self.child:
            return self.child.pid
        found = processes(self.token)
        assert len(found) == 1, "%d servers: %s" % (len(found), found)
        return found[0]

    def reports(self):
        """What sanitizers wrote."""
        text = ""
        for name in sorted(os.listdir(self.folder)):
            if name.startswith("report"):
                with open(os.path.join(self.folder, name), errors="backslashreplace") as f:
                    text += f.read()
        return text

    def unmount(self):
        """As users do; the server ends by itself, and well."""
        done = self.command("umount", self.root)
        assert done.returncode == 0, "umount: exit %d\n%s" % (done.returncode, done.stderr)
        assert not mounted(self.root)
        wait_for(lambda: not self.living())
        if self.child:
            assert self.child.wait(60) == 0, "mount -f: exit %s\n%s%s" % (self.child.returncode, self.log, self.reports())

    def living(self):
        if self.child:
            self.child.poll()
        return processes(self.token)

    def nothing_is_left(self):
        report = self.reports()
        assert not report, report[:20000]
        left = [os.path.join(where, name) for where, _, names in os.walk(os.path.join(self.folder, "run")) for name in names
                if not name.startswith(".lock")]
        assert not left, "left behind: %s" % left

    def clear(self):
        """Whatever happened: nothing stays mounted or running."""
        for pid in self.living():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        if self.child:
            self.child.wait()
        while mounted(self.root):
            subprocess.run(["umount", "-l", self.root], check=True)


@contextlib.contextmanager
def view(reference, *args, platform="linux/amd64", env=None, where=None, foreground=False, program=O2R, user=None, **kw):
    """A View of the image. wrap: a program
    that runs the server in the foreground. user: a number, whose the server is; he needs a program that he can reach. The body may unmount by itself."""
    folder = tempfile.mkdtemp(prefix="o2r-view-", dir=os.environ.get("O2R_SCRATCH"))
    root = where or os.path.join(folder, "mnt")
    if not where:
        os.mkdir(root)
    it = View(os.fspath(reference), [*(("--platform", platform) if platform else ()), *args], env, os.path.realpath(root), folder, program, user)
    try:
        it.mount(foreground, **kw)
        yield it
        if mounted(it.root):
            it.unmount()
        it.nothing_is_left()
    finally:
        it.clear()
        shutil.rmtree(folder)


def lines(root):
    return treedump.dump(root, "--stat")


def of_reference(reference, *args, **kw):
    """The dump of the view."""
    with view(reference, *args, **kw) as v:
        return lines(v.root)


def as_in_ext4(shown, image, epoch=None):
    """The view's lines as the snapshot's have to be. image: the snapshot's, for the two numbers that its own directory changes."""
    out = []
    made_lost_found = False
    if shown and image:
        ours, theirs = (int(re.search(r"links:(\d+)", dump[0])[1]) for dump in (shown, image))
        made_lost_found = theirs == ours + 1        # /lost+found is a directory more in the root, and not in the dump
    for number, line in enumerate(shown):
        parts = line.split("\t")
        links = int(re.match(r"links:(\d+)", parts[8])[1]) + (number == 0 and made_lost_found)
        if parts[1] == "d" and links > DIRECTORY_LINKS:
            links = 1
        parts[8] = re.sub(r"^links:\d+", "links:%d" % links, parts[8])
        if epoch is not None and float(parts[4]) >= epoch:
            parts[4] = "%d.000000000" % epoch
        out.append("\t".join(parts))
    return out


def refused(reference, args, code, line, platform="linux/amd64"):
    """What `snapshot` refused with this line `mount` refuses before it mounts anything, or the table above has it."""
    folder = tempfile.mkdtemp(prefix="o2r-refused-", dir=os.environ.get("O2R_SCRATCH"))
    root = os.path.join(folder, "mnt")
    os.mkdir(root)
    it = View(os.fspath(reference), ["--platform", platform, *args], None, os.path.realpath(root), folder)
    try:
        done = it.command("mount", it.reference, it.root, *it.args)
        if done.returncode == 0:
            assert any(re.search(words, line) for words in EXT4_ALONE), "mount takes what snapshot refuses: %s" % line
            treedump.dump(it.root, "--no-hash")     # one of them has 4 EiB of zeros
            it.unmount()
        else:
            assert not mounted(it.root)
            said = [text for text in done.stderr.split("\n") if text and ": warning: " not in text]
            assert (done.returncode, done.stdout, said) == (code, "", [line]), \
                "snapshot: exit %d\n%s\nmount: exit %d\n%s" % (code, line, done.returncode, done.stderr)
        wait_for(lambda: not it.living())
        it.nothing_is_left()
    finally:
        it.clear()
        shutil.rmtree(folder)

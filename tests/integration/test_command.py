"""The command line: usage, values, help, where results and messages go, exit codes."""
import errno
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import termios

import judge
from judge import Case, o2r, sha256
from mkimage import Image, Layer, Layout

UNDER_SANITIZERS = False    # what it runs other files run under them too


def small():
    return Image([Layer().dir("etc").file("etc/hostname", b"small\n"), Layer(codec="zstd").file("root", b"x")])


def on_terminal(argv, columns=80, env=None, stdout=None):
    """Run with stderr (and stdout unless given) on a terminal: (exit status, what was drawn)."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    child = subprocess.Popen([judge.O2R, *argv], stdin=subprocess.DEVNULL, stdout=slave if stdout is None else stdout, stderr=slave,
                             env={**os.environ, "TERM": "xterm", **(env or {})})
    os.close(slave)
    drawn = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError as e:
            if e.errno != errno.EIO:        # how Linux says that the other side is closed
                raise
            break
        if not piece:
            break
        drawn += piece
    os.close(master)
    return child.wait(), drawn.decode(errors="backslashreplace")


def with_terminal(argv, typed):
    """Run in a session of its own whose terminal is not a standard descriptor: (exit status, what the terminal showed, stderr)."""
    master, slave = pty.openpty()

    def take():
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

    child = subprocess.Popen([judge.O2R, *argv], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                             pass_fds=[slave], preexec_fn=take)
    drawn = b""
    while not drawn.endswith(b": "):
        drawn += os.read(master, 1000)
    assert not termios.tcgetattr(slave)[3] & termios.ECHO, "the terminal echoes what is typed"
    os.write(master, typed)
    _, err = child.communicate()
    assert termios.tcgetattr(slave)[3] & termios.ECHO, "the terminal was left without echo"
    drawn += os.read(master, 1000)
    os.close(slave)
    os.close(master)
    return child.returncode, drawn.decode(), err.decode()


class Usage(Case):
    def wrong(self, *args, words=(), env=None):
        done = o2r(*args, env=env)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertRegex(done.stderr, r"\Ao2r: [^\n]*\n\Z")
        self.assertEqual(done.stdout, b"")
        for word in words:
            self.assertIn(word, done.stderr)
        return done

    def test_no_sense(self):
        for args, words in (
                ([], ["no command"]),
                (["snapshto"], ["did you mean snapshot?"]),
                (["convert"], ["unknown command convert"]),
                (["--verison"], ["did you mean --version?"]),
                (["help", "nothing"], ["unknown command nothing"]),
                (["snapshot"], ["no output", "see 'o2r help snapshot'"]),
                (["snapshot", "-o", "x"], ["no image"]),
                (["snapshot", "-n", "./a", "./b"], ["one image at a time: ./b"]),
                (["snapshot", "./a", "--output"], ["--output needs a value: FILE"]),
                (["snapshot", "./a", "--ouput", "x"], ["did you mean --output?"]),
                (["snapshot", "./a", "-Z"], ["unknown option -Z"]),
                (["snapshot", "./a", "--force=yes"], ["--force takes no value"]),
                (["snapshot", "./a", "-o", ""], ["--output: the name is empty"]),
                (["snapshot", "./a", "-nqv"], ["exclude each other"]),
                (["snapshot", "--\x1b[2J"], ["unknown option --\\x1b[2J"])):
            with self.subTest(args=args):
                self.wrong(*args, words=words)

    def test_values(self):
        for option, value, words in (
                ("--size", "big", ["--size: 'big'", "min"]),
                ("--size", "1.5G", ["1.5G"]),
                ("--size", "-1", ["-1"]),
                ("--size", "99999999999999T", ["99999999999999T"]),
                ("--free", "20%%", ["--free: '20%%'"]),
                ("--free", "x", ["'x'"]),
                ("--inodes", "1K", ["--inodes: '1K'"]),
                ("--label", "seventeen bytes!!", ["17 bytes", "at most 16"]),
                ("--uuid", "1234", ["--uuid: '1234'"]),
                ("--jobs", "65", ["at most 64"]),
                ("--jobs", "two", ["'two'"]),
                ("--limit", "entries", ["NAME=NUMBER"]),
                ("--limit", "names=3", ["no limit names", "entries"]),
                ("--limit", "entries=many", ["'many'"]),
                ("--format", "xml", ["text or json"]),
                ("--platform", "a/b/c/d", ["a/b/c/d", "os/arch"])):
            with self.subTest(option=option, value=value):
                self.wrong("snapshot", "./none", "-n", option, value, words=words)

    def test_values_about_registries(self):
        for options, words in (
                (["--creds", "a:secret", "--username", "b"], ["--creds and --username"]),
                (["--username", "b", "--creds", "a:secret"], ["--creds and --username"]),
                (["--creds", "a:secret", "--password-stdin"], ["--creds and --password-stdin"]),
                (["--creds", ":secret"], ["--creds: there is no user name"]),
                (["--creds", ""], ["--creds: there is no user name"]),
                (["--username", "a:secret"], ["--username: a user name is not empty and has no colon"]),
                (["--username", ""], ["--username: a user name is not empty and has no colon"]),
                (["--password-stdin"], ["--password-stdin needs --username"]),
                (["--password-stdin=secret"], ["--password-stdin takes no value"]),
                (["--authfile", ""], ["--authfile: the name is empty"]),
                (["--cert-dir", ""], ["--cert-dir: the name is empty"]),
                (["--tls-verify=no"], ["--tls-verify: 'no' is not true or false"]),
                (["--tls-verify="], ["--tls-verify: '' is not true or false"]),
                (["--tls-verify", "--insecure"], ["--insecure and --tls-verify exclude each other"]),
                (["--insecure=true"], ["--insecure takes no value"]),
                (["--parallel", "33"], ["--parallel: 33 is too large: at most 32"]),
                (["--parallel", "all"], ["--parallel: 'all' is not a number"]),
                (["--offline=1"], ["--offline takes no value"])):
            for command in (["snapshot", "./none", "-n"], ["ls", "./none"], ["mount", "./none", "/"]):
                with self.subTest(options=options, command=command):
                    self.assertNotIn("secret", self.wrong(*command, *options, words=words).stderr)

    def test_size_and_free_exclude_each_other(self):
        self.wrong("snapshot", "./none", "-n", "--size", "1G", "--free", "1G", words=["--size and --free"])
        self.wrong("snapshot", "./none", "-n", "--free", "1G", "--size", "1G", words=["--size and --free"])

    def test_environment(self):
        for value in ("", "-1", "1.5", "now", "15032385536", " 1"):
            with self.subTest(value=value):
                self.wrong("snapshot", "./none", "-n", env={"SOURCE_DATE_EPOCH": value}, words=["SOURCE_DATE_EPOCH"])
        self.wrong("snapshot", "./none", "-n", env={"O2R_LOG": "loud"}, words=["O2R_LOG", "trace"])

    def test_label_of_16_bytes(self):
        path, info = self.snapshot(self.layout(small()), "-L", "sixteen bytes ok")
        self.assertEqual(judge.superblock(path)["Filesystem volume name"], "sixteen bytes ok")

    def test_option_forms(self):
        layout = self.layout(small())
        one, two = self.new(), self.new()
        self.assertEqual(o2r("snapshot", "--output=" + one, "--size=min", layout).returncode, 0)
        self.assertEqual(o2r("snapshot", "-qsmin", "-o" + two, "--", layout).returncode, 0)
        self.assertEqual(sha256(one), sha256(two))

    def test_size_min_with_free_is_free(self):
        layout = self.layout(small())
        sums = {sha256(self.snapshot(layout, *args)[0]) for args in (
            ("--free", "8M"), ("--size", "min", "--free", "8M"), ("--free", "8m", "--size", "min"))}
        self.assertEqual(len(sums), 1)


class Help(Case):
    def test_on_standard_output(self):
        for args in (["--help"], ["-h"], ["help"], ["help", "snapshot"], ["snapshot", "--help"], ["snapshot", "-h"], ["help", "help"],
                     ["--help", "--verbose"]):
            with self.subTest(args=args):
                done = o2r(*args)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertTrue(done.stdout.startswith(b"Usage: o2r "))
                self.assertIn(b"130 interrupted", done.stdout)
                self.assertLessEqual(max(map(len, done.stdout.split(b"\n"))), 90)

    def test_same_by_both_ways(self):
        self.assertEqual(o2r("help", "snapshot").stdout, o2r("snapshot", "--help").stdout)

    def test_version(self):
        for option in ("--version", "-V"):
            self.assertRegex(o2r(option).stdout, rb"\Ao2r \d+\.\d+\.\d+\n\Z")


class Output(Case):
    def test_text(self):
        layout, out = self.layout(small()), self.new(".ext4")
        done = o2r("snapshot", layout, "-o", out)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        line = done.stdout.decode()
        self.assertEqual(line.count("\n"), 1)
        sb = judge.superblock(out)
        for part in (out, "(%d bytes)" % os.path.getsize(out), "%s inodes" % sb["Inode count"], sb["Filesystem UUID"],
                     self.facts["manifests"][0]["digest"], " s\n"):
            self.assertIn(part, line)

    def test_json(self):
        layout = self.layout(small())
        path, info = self.snapshot(layout)
        facts = self.facts["manifests"][0]
        self.assertEqual(self.said, "")
        self.assertEqual((info["manifest_digest"], info["config_digest"]), (facts["digest"], facts["config"]))
        self.assertEqual((info["reference"], info["output"], info["dry_run"]), (layout, path, False))
        self.assertEqual(info["platform"], "linux/amd64")
        self.assertEqual(info["image_bytes"], os.path.getsize(path))
        self.assertEqual(info["blocks"] * info["block_size"], info["image_bytes"])
        self.assertGreater(info["seconds"], 0)
        self.assertEqual([(l["digest"], l["diff_id"], l["size"]) for l in info["layers"]],
                         [(l["digest"], l["diff_id"], l["size"]) for l in facts["layers"]])
        self.assertEqual([l["entries"] for l in info["layers"]], [2, 1])
        self.assertTrue(all(l["decoded_size"] % 512 == 0 and l["decoded_size"] for l in info["layers"]))
        judge.agree(path, info)

    def test_json_escapes_any_bytes(self):
        layout = self.new()
        os.rename(self.layout(small()), layout)
        odd = os.path.join(os.fsencode(self.work), b'q"\xff\n')
        os.rename(layout, odd)
        done = o2r("snapshot", odd, "--dry-run", "--format=json", "--platform=linux/amd64")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout.decode("utf-8"))["reference"], self.work + '/q"\ufffd\n')

    def test_standard_output_is_the_image(self):
        layout = self.layout(small())
        path, info = self.snapshot(layout, "--size", "min")
        done = o2r("snapshot", layout, "-o", "-", "--size", "min", "--format", "json")
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(path, "rb") as f:
            self.assertEqual(done.stdout, f.read())
        said = json.loads(done.stderr)
        self.assertEqual((said["output"], said["uuid"], said["image_bytes"]), ("-", info["uuid"], info["image_bytes"]))

    def test_not_to_a_terminal(self):
        layout = self.layout(small())
        status, drawn = on_terminal(["snapshot", layout, "-o", "-", "--force"])
        self.assertEqual(status, 2)
        self.assertIn("standard output is a terminal", drawn)
        self.assertLess(len(drawn), 300)

    def test_dry_run(self):
        layout = self.layout(small())
        for args in ([], ["--size", "min"], ["--free", "20%"], ["--inodes", "5000"]):
            with self.subTest(args=args):
                path, info = self.snapshot(layout, *args)
                done = o2r("snapshot", layout, "--dry-run", *args)
                self.assertIn(b"(%d bytes)" % os.path.getsize(path), done.stdout)
                self.assertRegex(done.stdout, rb"(?m)^blocks 0-0 superblock$")
                planned = json.loads(o2r("snapshot", layout, "-n", "--format", "json", *args).stdout)
                self.assertIsNone(planned.pop("output"))
                self.assertTrue(planned.pop("dry_run"))
                for key in set(planned) - {"seconds"}:
                    self.assertEqual(planned[key], info[key], key)

    def test_dry_run_writes_nothing(self):
        layout, out = self.layout(small()), self.new(".ext4")
        self.assertEqual(o2r("snapshot", layout, "-n", "-o", out).returncode, 0)
        self.assertFalse(os.path.exists(out))

    def test_existing_file(self):
        layout, out = self.layout(small()), self.new(".ext4")
        with open(out, "w") as f:
            f.write("precious")
        self.refused(layout, code=2, words=["exists", "--force"], out=out)
        with open(out) as f:
            self.assertEqual(f.read(), "precious")
        path, info = self.snapshot(layout, "--force", out=out)
        self.judge(path, info, layout)
        self.assertEqual(sorted(os.listdir(self.work)), sorted(map(os.path.basename, (layout, out))))

    def test_no_such_folder(self):
        self.refused(self.layout(small()), code=3, words=["nowhere"], out=self.path("nowhere/image.ext4"))

    def test_folder_in_the_way(self):
        layout, out = self.layout(small()), self.new()
        os.mkdir(out)
        self.refused(layout, code=2, words=["is a directory"], out=out)

    def test_full_standard_output(self):
        layout = self.layout(small())
        with open("/dev/full", "w") as full:
            for args in (["--dry-run"], ["-o", "-"], ["-n", "--format=json"]):
                with self.subTest(args=args):
                    done = o2r("snapshot", layout, *args, stdout=full)
                    self.assertEqual(done.returncode, 7, done.stderr)
                    self.assertIn("No space left", done.stderr)

    def test_reader_that_goes_away(self):
        layout = self.layout(small())
        r, w = os.pipe()
        os.close(r)
        done = o2r("snapshot", layout, "-o", "-", stdout=w)
        os.close(w)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("Broken pipe", done.stderr)

    def test_closed_descriptors(self):
        layout, out = self.layout(small()), self.new(".ext4")
        subprocess.run(["sh", "-c", 'exec "$0" "$@" <&- >&- 2>&-', judge.O2R, "snapshot", layout, "-o", out], check=False)
        judge.fsck_silent(out)

    def test_umask_decides_the_mode(self):
        layout, out = self.layout(small()), self.new(".ext4")
        done = o2r("snapshot", layout, "-o", out, preexec_fn=lambda: os.umask(0o027))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(os.stat(out).st_mode & 0o777, 0o640)


class Messages(Case):
    def test_levels(self):
        layout = self.layout(small())

        def said(*args, **env):
            done = o2r("snapshot", layout, "-n", "--no-cache", *args, env=env)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertNotRegex(done.stderr, r"[\x00-\x09\x0b-\x1f\x7f]")
            return done.stderr
        self.assertEqual(said(), "")
        self.assertEqual(said("-q", O2R_LOG="trace"), "")
        each_layer = said("-v")
        for number, layer in enumerate(self.facts["manifests"][0]["layers"], 1):
            self.assertRegex(each_layer, r"(?m)^o2r: layer %d of 2 .*\b%d bytes.* s$" % (number, layer["size"]))
        self.assertEqual(len(said(O2R_LOG="info").splitlines()), len(each_layer.splitlines()))
        self.assertGreaterEqual(len(said("-vv")), len(each_layer))
        self.assertEqual(len(said("-v", O2R_LOG="trace").splitlines()), len(each_layer.splitlines()))

    def test_quiet_prints_json_all_the_same(self):
        layout, out = self.layout(small()), self.new()
        self.assertEqual(o2r("snapshot", layout, "-q", "-o", out).stdout, b"")
        json.loads(o2r("snapshot", layout, "-qn", "--format", "json").stdout)

    def test_errors_are_one_line_with_the_reference(self):
        line = self.refused(self.path("none"), code=3)
        self.assertIn("none", line)

    def test_platforms_are_listed(self):
        layout = self.new()
        Layout().add_index([Image([Layer()], arch="amd64"), Image([Layer()], arch="arm64")], tags=["multi"]).write(layout)
        self.refused(layout, code=5, words=["linux/amd64", "linux/arm64"], platform="linux/riscv64")
        self.assertEqual(self.snapshot(layout, platform="linux/arm64")[1]["platform"], "linux/arm64")


class Password(Case):
    def test_is_asked_for_on_the_terminal(self):
        layout = self.layout(small())
        for options in (["--username", "me"], ["--creds", "me"]):
            with self.subTest(options=options):
                status, drawn, err = with_terminal(["ls", layout, *options], b"not shown\n")
                self.assertEqual((status, drawn, err), (0, "Password for me: \r\n", ""))

    def test_is_asked_for_before_a_view_goes_to_the_background(self):
        status, drawn, err = with_terminal(["mount", self.path("none"), self.path(""), "--username", "me"], b"not shown\n")
        self.assertEqual((status, drawn), (3, "Password for me: \r\n"))
        self.assertIn("none", err)

    def test_interrupted_and_empty(self):
        for typed, code, words in ((b"\x03", 130, "interrupted"), (b"\n", 2, "the terminal gave no password"), (b"\x04", 2, "no password")):
            with self.subTest(typed=typed):
                status, drawn, err = with_terminal(["ls", self.path("none"), "--username", "me"], typed)
                self.assertEqual(status, code, err)
                self.assertIn(words, err)

    def test_no_terminal(self):
        done = subprocess.run([judge.O2R, "ls", self.path("none"), "--username", "me"], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, start_new_session=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("there is no terminal to ask for it", done.stderr)

    def test_of_the_command_line_is_hidden(self):
        os.mkfifo(self.path("fifo"))
        child = subprocess.Popen([judge.O2R, "snapshot", self.layout(small()), "-o", self.path("fifo"), "--creds", "me:pass word"],
                                 stdout=subprocess.DEVNULL)
        with open(self.path("fifo"), "rb") as reader:       # it waits for this one
            with open("/proc/%d/cmdline" % child.pid, "rb") as f:
                line = f.read()
            reader.read()
        self.assertEqual(child.wait(), 0)
        self.assertIn(b"--creds\0\0", line)
        self.assertNotIn(b"pass", line)


class Terminal(Case):
    def big(self):
        return self.layout(Image([Layer().file("a%d" % i, os.urandom(1 << 20) * 4) for i in range(4)], codec="gzip:level=1"))

    def draw(self, *args, **kw):
        status, drawn = on_terminal(["snapshot", self.big(), "--platform=linux/amd64", *args], **kw)
        self.assertEqual(status, 0, drawn)
        return drawn

    def test_progress_is_drawn_and_cleared(self):
        drawn = self.draw("-o", self.new())
        self.assertIn("\r", drawn)
        self.assertRegex(drawn, r"index  \d of 4 layers  ")
        # what was drawn last before the closing line is the clearing of the progress line
        before, closing = drawn.rstrip("\r\n").rsplit("\r\x1b[K", 1)
        self.assertRegex(closing, r"\A/.*: 8\d MiB .*s\Z")

    def test_narrow(self):
        for columns in (5, 20, 33):
            with self.subTest(columns=columns):
                drawn = self.draw("-o", self.new(), "-q", "--format=json", columns=columns, stdout=subprocess.DEVNULL)
                self.assertEqual(drawn, "")
                drawn = self.draw("-o", self.new(), columns=columns, stdout=subprocess.DEVNULL)
                for piece in re.split(r"[\r\n]", drawn):
                    self.assertLess(len(piece.replace("\x1b[K", "")), columns)

    def test_dumb_terminals_get_lines(self):
        drawn = self.draw("-o", self.new(), env={"TERM": "dumb"})
        self.assertNotIn("\x1b", drawn)

    def test_colors(self):
        argv = ["snapshot", self.path("none"), "-n"]
        self.assertIn("\x1b[", on_terminal(argv)[1])
        self.assertNotIn("\x1b[", on_terminal(argv, env={"NO_COLOR": "1"})[1])
        self.assertNotIn("\x1b[", on_terminal(argv, env={"TERM": "dumb"})[1])

    def test_none_in_a_file(self):
        done = o2r("snapshot", self.big(), "-o", self.new())
        self.assertEqual(done.returncode, 0)
        self.assertNotIn("\r", done.stderr)
        self.assertNotIn("\x1b", done.stderr)

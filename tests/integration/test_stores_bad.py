"""Stores that are broken, hostile, or of kinds that are not read: each a clear error, and nothing written."""
import gzip
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import threading

import judge
import stores
from judge import Case

FAKE_ID = "%064x" % 0xabc


def rewrite(path, change):
    """A JSON file, changed by a function (which may return another value)."""
    with open(path) as f:
        value = json.load(f)
    value = change(value) or value
    with open(path, "w") as f:
        json.dump(value, f)


class Bad(Case):
    def make(self, folder, files=(), dirs=(), links=()):
        for name in dirs:
            os.makedirs(os.path.join(folder, name), exist_ok=True)
        for name, text in dict(files).items():
            os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
            with open(os.path.join(folder, name), "w" if isinstance(text, str) else "wb") as f:
                f.write(text)
        for name, target in dict(links).items():
            os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
            os.symlink(target, os.path.join(folder, name))
        return folder


class Overlay(Bad):
    def chain(self, lower, links=(), dirs=(), name="top"):
        """A driver's directory with a layer whose `lower` is this; the path of the layer."""
        folder = self.new(".driver")
        self.make(folder, {name + "/lower": lower, name + "/link": "TOP", name + "/diff/file": "x"}, ["l", *dirs], links)
        return os.path.join(folder, name)

    def test_it_works_when_it_is_right(self):
        top = self.chain("l/A:l/B", {"l/A": "../a/diff", "l/B": "../b/diff"}, ["a/diff/from-a", "b/diff/from-b"])
        self.assertEqual(judge.o2r("ls", "overlay:" + top).stdout, b"file\nfrom-a\nfrom-b\n")

    def test_lower(self):
        good = {"l/A": "../a/diff"}
        for what, lower, links, dirs, words in (
                ("outside", "../../etc", {}, (), ["no layer"]),
                ("absolute", "/etc", {}, (), ["no layer"]),
                ("dots", "l/..", {}, (), ["no layer"]),
                ("deeper", "l/A/../../x", good, ("a/diff",), ["no layer"]),
                ("no prefix", "A", good, ("a/diff",), ["no layer"]),
                ("dangling short name", "l/A", {}, (), ["l/A", "missing"]),
                ("dangling layer", "l/A", good, (), ["layer a is missing"]),
                ("short name leads outside", "l/A", {"l/A": "../../../etc/diff"}, (), ["not the name of a layer"]),
                ("short name is absolute", "l/A", {"l/A": "/etc/diff"}, (), ["no layer"]),
                ("short name leads elsewhere", "l/A", {"l/A": "../a/work"}, ("a/work",), ["no layer"]),
                ("short name is a directory", "l/A", {}, ("l/A",), ["no link"]),
                ("short name leads up", "l/A", {"l/A": "../../diff"}, (), ["not the name of a layer"]),
                ("itself", "l/T", {"l/T": "../top/diff"}, (), ["below itself"]),
                ("twice", "l/A:l/A", good, ("a/diff",), ["below itself"]),
                ("bytes", "l/A\0:l/A", good, ("a/diff",), ["no layer"]),
                ("diff is a link", "l/A", {"l/A": "../a/diff", "a/diff": "/etc"}, ("a",), ["is no directory"]),
                ("layer is a link", "l/A", {"l/A": "../a/diff", "a": "/usr"}, (), ["is no directory"])):
            with self.subTest(what):
                top = self.chain(lower, links, dirs)
                line = self.refused("overlay:" + top, code=6, words=words)
                self.assertIn(os.path.basename(os.path.dirname(top)), line)

    def test_too_many(self):
        names = ["n%03d" % i for i in range(501)]
        top = self.chain(":".join("l/" + n for n in names), {"l/" + n: "../%s/diff" % n for n in names}, [n + "/diff" for n in names])
        self.refused("overlay:" + top, code=6, words=["more than 500 layers"])
        huge = self.chain("l/A:" * 20000, {"l/A": "../a/diff"})
        self.refused("overlay:" + huge, code=6, words=["lower"])

    def test_composefs(self):
        top = self.chain("", dirs=["top/composefs-data"])
        self.refused("overlay:" + top, code=2, words=["composefs", "skopeo copy"])

    def test_there_is_none(self):
        self.refused("overlay:" + self.path("nothing"), code=3)
        self.make(self.path("plain"), dirs=["sub"])
        self.refused("overlay:" + self.path("plain"), code=6, words=["layer plain is missing", "diff"])


class DockerFolder(Bad):
    """A data root of the classic store, made by hand: one image, one layer."""

    def setUp(self):
        super().setUp()
        self.root = self.path("docker")
        self.diff_id = "sha256:" + hashlib.sha256(b"layer").hexdigest()
        self.config = json.dumps({"architecture": "amd64", "os": "linux", "config": {},
                                  "rootfs": {"type": "layers", "diff_ids": [self.diff_id]}}).encode()
        self.image_id = hashlib.sha256(self.config).hexdigest()
        self.cache_id = "c" * 64
        self.database, self.layers = "image/overlay2/", "image/overlay2/layerdb/sha256/" + self.diff_id[7:]
        self.fill(self.root)

    def fill(self, root):
        self.make(root, {
            self.database + "repositories.json": json.dumps({"Repositories": {"img": {"img:latest": "sha256:" + self.image_id}}}),
            self.database + "imagedb/content/sha256/" + self.image_id: self.config,
            self.layers + "/cache-id": self.cache_id,
            "overlay2/%s/diff/hello" % self.cache_id: "hello"})

    def ls(self, name="img", root=None):
        return judge.o2r("ls", "--platform", "linux/amd64", "docker-store:[%s]%s" % (root or self.root, name))

    def no(self, code, *words, name="img", root=None):
        return self.refused("docker-store:[%s]%s" % (root or self.root, name), code=code, words=words)

    def test_it_works_when_it_is_right(self):
        self.assertEqual(self.ls().stdout, b"hello\n")

    def write(self, name, data):
        with open(os.path.join(self.root, name), "wb" if isinstance(data, bytes) else "w") as f:
            f.write(data)

    def test_repositories(self):
        for text in ("", "{", "[]", '{"Repositories": []}', '{"Repositories": {"a": "b"}}', '{"Repositories": {"a": {"a:b": 1}}}',
                     '{"Repositories": {"a": {"a:b": "sha256:../../../etc/passwd"}}}', "[" * 200):
            with self.subTest(text):
                self.write(self.database + "repositories.json", text)
                self.no(6, "repositories.json")
        self.write(self.database + "repositories.json", "{}")
        self.no(3, "nothing")

    def test_config(self):
        path = os.path.join(self.root, self.database, "imagedb/content/sha256", self.image_id)
        self.write(path, self.config.replace(b"amd64", b"arm64"))
        self.no(6, "does not have the digest of its name")
        os.unlink(path)
        self.no(6, "is missing", "pull the image again")

    def test_layers(self):
        for text in ("", "..", ".", "a/b", "../" + self.cache_id, "x" * 300, "a\nb"):
            with self.subTest(text):
                self.write(self.layers + "/cache-id", text)
                self.no(6, "layer 1 of 1", "not the name of a layer")
        self.write(self.layers + "/cache-id", "x" * 5000)
        self.no(6, "cache-id")
        self.write(self.layers + "/cache-id", "d" * 64)
        self.no(6, "layer 1 of 1", "is missing")
        shutil.rmtree(os.path.join(self.root, self.layers))
        self.no(6, "cache-id is missing", "pull the image again")
        shutil.rmtree(os.path.join(self.root, "overlay2"))
        self.no(6, "overlay2", "is missing")

    def test_links(self):
        shutil.rmtree(os.path.join(self.root, "overlay2", self.cache_id, "diff"))
        os.symlink("/etc", os.path.join(self.root, "overlay2", self.cache_id, "diff"))
        self.no(6, "is no directory")
        shutil.rmtree(os.path.join(self.root, "overlay2"))
        os.symlink("/var", os.path.join(self.root, "overlay2"))
        self.no(6, "overlay2", "is no directory")

    def test_ambiguous_and_without_a_name(self):
        """Two more images, one of them without a name, with IDs that begin alike."""
        found = {}
        for n in range(100000):
            config = self.config[:-1] + b', "comment": "%d"}' % n
            digest = hashlib.sha256(config).hexdigest()
            if digest[:4] in found and found[digest[:4]] != config:
                break
            found[digest[:4]] = config
        for data in (config, found[digest[:4]]):
            self.write(self.database + "imagedb/content/sha256/" + hashlib.sha256(data).hexdigest(), data)
        self.no(2, "several image IDs", name=digest[:4])
        self.assertEqual(self.ls(digest).stdout, b"hello\n")
        self.assertEqual(self.ls(digest[:20]).stdout, b"hello\n")

    def test_no_layers(self):
        config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}).encode()
        self.write(self.database + "imagedb/content/sha256/" + hashlib.sha256(config).hexdigest(), config)
        done = self.ls(hashlib.sha256(config).hexdigest())
        self.assertEqual((done.returncode, done.stdout), (0, b""), done.stderr)

    def test_not_a_store(self):
        self.no(3, "docker-daemon:img", root=self.work)
        self.no(3, root=self.path("nowhere"))
        self.make(self.path("btrfs"), dirs=["image/btrfs", "btrfs"])
        self.no(3, "docker-daemon:img", root=self.path("btrfs"))

    def test_folders_without_permission(self):
        os.chmod(os.path.join(self.root, "image"), 0o700)
        for closed in ("image", "."):
            os.chmod(os.path.join(self.root, closed), 0o700)
            done = judge.o2r("ls", "docker-store:[%s]img" % self.root, user=65534, group=65534, extra_groups=[], env={"XDG_CACHE_HOME": None})
            self.assertEqual(done.returncode, 4, done.stderr)
            self.assertIn("docker-daemon", done.stderr)

    def test_userns_remap(self):
        """ROOT/UID.GID: ids of files are mapped back by the user whose ids begin with these."""
        user = stores.User("o2r-remap")
        self.addCleanup(user.remove)
        with open("/etc/subuid") as f:
            first = int(next(line for line in f if line.startswith("o2r-remap:")).split(":")[1])
        data, inner = self.path("data"), "%d.%d" % (first, first)
        self.fill(os.path.join(data, inner))
        hello = os.path.join(data, inner, "overlay2", self.cache_id, "diff/hello")
        os.chown(hello, first + 33, first + 44)
        os.chown(os.path.dirname(hello), first, first)
        for root in (data, os.path.join(data, inner)):
            path, _ = self.snapshot("docker-store:[%s]img" % root)
            line = next(line for line in judge.mounted_dump(path) if line.startswith("/hello\t"))
            self.assertEqual(line.split("\t")[3], "33:44")
        os.chown(hello, 33, 44)
        self.no(4, "mean nothing", root=data)
        os.rename(os.path.join(data, inner), os.path.join(data, "%d.%d" % (first + 1, first)))
        self.no(4, "userns-remap", "/etc/subuid", root=data)
        os.mkdir(os.path.join(data, "1.2"))
        self.no(2, "several", root=data)


    def test_of_an_ordinary_user(self):
        """Docker that runs without root: files with subordinate ids, closed to their owner."""
        user = stores.User("o2r-rootless")
        self.addCleanup(user.remove)
        with open("/etc/subuid") as f:
            first = int(next(line for line in f if line.startswith("o2r-rootless:")).split(":")[1])
        data = os.path.join(user.home, "docker")
        self.fill(data)
        judge.run("chown", "-R", user.name + ":", data)
        hello = os.path.join(data, "overlay2", self.cache_id, "diff/hello")
        os.chown(hello, first + 32, first + 43)
        os.chmod(hello, 0o400)
        reference = "'docker-store:[%s]img'" % data
        self.assertEqual(user.must("./o2r cat --platform linux/amd64 %s hello" % reference), "hello")
        self.assertIn(" 33 ", " ".join(user.must("./o2r ls -l --platform linux/amd64 %s" % reference).replace(":", " ").split()) + " ")
        path, _ = self.snapshot("docker-store:[%s]img" % data)
        self.assertEqual(next(line for line in judge.mounted_dump(path) if line.startswith("/hello\t")).split("\t")[3], "33:44")


class Containerd(Bad):
    """Docker's containerd store: a folder of blobs beside a database of names."""

    def setUp(self):
        super().setUp()
        self.image_layout = self.layout(stores.image())
        self.root = self.path("docker")
        content = os.path.join(self.root, "containerd/daemon/io.containerd.content.v1.content")
        shutil.copytree(os.path.join(self.image_layout, "blobs"), os.path.join(content, "blobs"))
        self.make(self.root, {"containerd/daemon/io.containerd.metadata.v1.bolt/meta.db": b"\0" * 4096},
                  ["containerd/daemon/io.containerd.content.v1.content/ingest/1", "containerd/daemon/io.containerd.snapshotter.v1.overlayfs"])
        with open(os.path.join(self.image_layout, "index.json"), "rb") as f:
            text = f.read()
        self.manifest = json.loads(text)["manifests"][0]["digest"]
        self.index = "sha256:" + hashlib.sha256(text).hexdigest()
        self.blobs = os.path.join(content, "blobs/sha256")
        with open(os.path.join(self.blobs, self.index[7:]), "wb") as f:
            f.write(text)

    def of(self, name):
        return "docker-store:[%s]%s" % (self.root, name)

    def test_by_digest(self):
        expected = judge.mounted_dump(self.snapshot(self.image_layout)[0])
        for name in ("img@" + self.manifest, self.manifest, "img@" + self.index, self.index):
            with self.subTest(name):
                path, info = self.snapshot(self.of(name))
                judge.same_lines(judge.mounted_dump(path), expected, name)
        self.refused(self.of(self.index), platform="linux/arm64", code=5, words=["linux/amd64"])

    def test_names_are_not_read(self):
        self.refused(self.of("img:latest"), code=2, words=["docker-daemon:img:latest", "@DIGEST", "docker images --digests"])

    def test_missing_and_wrong_blobs(self):
        self.refused(self.of("img@sha256:" + FAKE_ID), code=3, words=["no image", FAKE_ID])
        with open(os.path.join(self.blobs, self.manifest[7:])) as f:
            layer = json.load(f)["layers"][0]["digest"]
        os.unlink(os.path.join(self.blobs, layer[7:]))
        self.refused(self.of(self.manifest), code=6, words=[layer, "is missing", "docker-daemon:"])
        with open(os.path.join(self.blobs, layer[7:]), "wb") as f:
            f.write(gzip.compress(b"other"))
        self.refused(self.of(self.manifest), code=6)
        with open(os.path.join(self.blobs, self.manifest[7:]), "ab") as f:
            f.write(b" ")
        self.refused(self.of(self.manifest), code=6)


class Containers(Bad):
    def setUp(self):
        super().setUp()
        self.root = self.path("store")
        self.image_id = stores.containers(self.layout(stores.image()), self.root)
        self.images, self.layers = (os.path.join(self.root, "overlay-%s/%s.json" % (what, what)) for what in ("images", "layers"))

    def no(self, code, *words, name=stores.NAME, **kw):
        return self.refused("containers-storage:[%s]%s" % (self.root, name), code=code, words=words, **kw)

    def change(self, path, change, code, *words, **kw):
        """The file, changed, must be refused; then it is as it was."""
        shutil.copy(path, path + ".kept")
        rewrite(path, change)
        self.no(code, *words, **kw)
        os.rename(path + ".kept", path)

    def test_images_json(self):
        with open(self.images) as f:
            text = f.read()
        for bad in ("", "{}", "[1]", "[", text[:-5], "[" * 200 + "]" * 200, '[{"id": "../../etc"}]', '[{"names": []}]', '[{"id": 5}]'):
            with self.subTest(bad[:20]):
                with open(self.images, "w") as f:
                    f.write(bad)
                self.no(6, "images.json")
        os.unlink(self.images)
        self.no(3, "nothing")

    def test_an_image(self):
        self.change(self.images, lambda l: l[0].update(layer="../x"), 6, "../x", "is missing")
        self.change(self.images, lambda l: l[0].update(layer=FAKE_ID), 6, FAKE_ID, "is missing")
        self.change(self.images, lambda l: l[0].update(layer=None), 6, "the store has 0 layers of it, its config 3")
        self.change(self.images, lambda l: l[0].update(names=5), 6, "names")
        self.change(self.images, lambda l: l[0].update(names=["x"] * 10001), 6, "too many names")
        self.change(self.images, lambda l: l[0].update({"digest": "sha256:" + FAKE_ID, "big-data-digests": {}}), 6, "its manifest has the digest")
        self.change(self.images, lambda l: l[0].update(id=FAKE_ID), 6, "manifest is missing")

    def test_names_that_mean_several(self):
        def twice(l):
            l.append({**l[0], "id": FAKE_ID})
        self.change(self.images, twice, 2, "several images", stores.NAME)

        def alike(l):
            l.append({**l[0], "id": self.image_id[:10] + "0" * 54, "names": []})
        self.change(self.images, alike, 2, "several images", name=self.image_id[:8])

    def test_layers_json(self):
        for change, words in (
                (lambda l: l[0].update(id="../etc"), ["not an ID"]),
                (lambda l: l[0].update(id=FAKE_ID[:-1]), ["not an ID"]),
                (lambda l: l[1].update(parent="/etc"), ["not an ID"]),
                (lambda l: l[0].update(parent=l[0]["id"]), ["below itself"]),
                (lambda l: l[0].update(parent=l[2]["id"]), ["below itself"]),
                (lambda l: l[1].update(parent=""), ["the store has 2 layers"]),
                (lambda l: l[1].update(parent=FAKE_ID), [FAKE_ID, "is missing"]),
                (lambda l: l[1].update({"diff-digest": "sha256:" + FAKE_ID}), ["layer 2 of 3", "diff_id"]),
                (lambda l: {"a": 1}, ["layers.json"]),
                (lambda l: ["x"], ["layers.json"])):
            with self.subTest(words):
                self.change(self.layers, change, 6, *words)
        self.change(self.layers, lambda l: l[0].update(uidmap=[{"container_id": 0, "host_id": 100000, "size": 65536}]), 2, "ids mapped")
        with open(self.layers + ".new", "w") as f:
            f.write('[{"id":"%s"}' % FAKE_ID + (',{"id":"%s"}' % FAKE_ID) * 200001 + "]")
        os.rename(self.layers, self.layers + ".kept")
        os.rename(self.layers + ".new", self.layers)
        self.no(6, "too many layers")
        os.rename(self.layers + ".kept", self.layers)
        self.change(self.layers, lambda l: l[0].update(uidmap=[{"container_id": 0, "host_id": 0, "size": 65536}]) or l.append({"id": FAKE_ID}), 3,
                    name="nope")

    def layer_dirs(self):
        with open(self.layers) as f:
            return [os.path.join(self.root, "overlay", layer["id"]) for layer in json.load(f)]

    def test_directories(self):
        low, middle, top = self.layer_dirs()
        os.mkdir(middle + "/composefs-data")
        self.no(2, "composefs", "skopeo copy")
        os.rmdir(middle + "/composefs-data")
        os.rename(middle + "/diff", middle + "/away")
        self.no(6, "layer 2 of 3", "is missing")
        os.symlink("/etc", middle + "/diff")
        self.no(6, "layer 2 of 3", "is no directory")
        os.unlink(middle + "/diff")
        os.rename(middle + "/away", middle + "/diff")
        os.rename(self.root + "/overlay", self.root + "/away")
        self.no(6, "overlay", "is missing")

    def test_documents(self):
        folder = os.path.join(self.root, "overlay-images", self.image_id)
        config = next(os.path.join(folder, name) for name in os.listdir(folder) if name.startswith("="))
        with open(config, "ab") as f:
            f.write(b" ")
        self.no(6, "its config has the digest")
        os.unlink(config)
        self.no(6, "is missing")
        with open(folder + "/manifest", "w") as f:
            f.write("{}")
        self.no(6)
        os.unlink(folder + "/manifest")
        os.symlink("/etc/passwd", folder + "/manifest")
        self.no(6)

    def test_other_stores(self):
        self.refused("containers-storage:[%s]x" % self.path("none"), code=3)
        self.refused("containers-storage:[relative]x", code=2, words=["path of a store"])
        self.make(self.path("btrfs"), dirs=["btrfs-images"])
        self.refused("containers-storage:[%s]x" % self.path("btrfs"), code=3, words=["overlay and vfs", "skopeo copy"])

    def test_no_layers(self):
        shutil.rmtree(self.root)
        stores.containers(self.layout(stores.Image([])), self.root)
        done = judge.o2r("ls", "--platform", "linux/amd64", "containers-storage:[%s]%s" % (self.root, stores.NAME))
        self.assertEqual((done.returncode, done.stdout), (0, b""), done.stderr)

    def test_while_it_is_changed(self):
        """Another program takes the lists away and puts them back, as tools do: by renames."""
        stop = threading.Event()

        def change():
            while not stop.is_set():
                for path in (self.images, self.layers):
                    shutil.copy(path, path + ".new")
                    os.rename(path + ".new", path)
        thread = threading.Thread(target=change)
        thread.start()
        try:
            for _ in range(20):
                done = judge.o2r("ls", "--platform", "linux/amd64", "containers-storage:[%s]%s" % (self.root, stores.NAME))
                self.assertEqual(done.returncode, 0, done.stderr)
        finally:
            stop.set()
            thread.join()


class Engine(Bad):
    """What answers at DOCKER_HOST may be anything."""
    GATE = False

    def serve(self, answer):
        """A server on a socket; answer(connection) for each."""
        path = self.path("engine.sock")
        server = socket.socket(socket.AF_UNIX)
        server.bind(path)
        server.listen(8)
        self.asked = threading.Event()

        def loop():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    self.asked.set()
                    try:
                        answer(connection)
                    except OSError:
                        pass
        thread = threading.Thread(target=loop, daemon=True)
        thread.start()
        self.addCleanup(server.close)
        self.addCleanup(server.shutdown, socket.SHUT_RDWR)
        return {"DOCKER_HOST": "unix://" + path}

    @staticmethod
    def head(status, length=None):
        return ("HTTP/1.1 %d X\r\nConnection: close\r\n%s\r\n" % (status, "" if length is None else "Content-Length: %d\r\n" % length)).encode()

    def no(self, env, code, *words, name="img"):
        return self.refused("docker-daemon:" + name, code=code, words=words, env=env)

    def test_answers(self):
        for answer, code, words in (
                (self.head(404) + b'{"message":"No such image: img"}', 3, ["img", "No such image"]),
                (self.head(404) + b'{"message":"' + b"x" * 100000, 3, ["img"]),
                (self.head(500) + b'{"message":"line\\nline"}', 1, ["status 500", "line\\x0aline"]),
                (self.head(403), 4, ["refuses"]),
                (self.head(301), 1, ["301"]),
                (self.head(200) + b"no archive", 6, []),
                (self.head(200), 6, []),
                (self.head(200, 100000) + b"cut", 1, []),
                (b"SSH-2.0-OpenSSH\r\n", 1, []),
                (b"", 1, [])):
            with self.subTest(answer[:60]):
                env = self.serve(lambda c: c.sendall(answer))
                self.no(env, code, *words)
                os.unlink(self.path("engine.sock"))

    def test_where_it_is(self):
        for host, code, words in (
                ("unix://" + self.path("nobody.sock"), 1, ["nobody.sock", "DOCKER_HOST"]),
                ("tcp://127.0.0.1:1", 1, ["127.0.0.1:1"]),
                ("tcp://", 2, ["DOCKER_HOST"]),
                ("tcp://a/b", 2, ["DOCKER_HOST"]),
                ("fd://3", 2, ["fd...", "docker save"])):
            with self.subTest(host):
                self.no({"DOCKER_HOST": host}, code, *words)

    def test_a_password_is_said_nowhere(self):
        for host in ("tcp://user:s3cret@127.0.0.1:1", "https://s3cret@host", "ssh://root:s3cret@host", "http://u:s3cret@[::1]:2375"):
            done = judge.o2r("ls", "-vvv", "docker-daemon:img", env={"DOCKER_HOST": host})
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertNotIn("s3cret", done.stderr)

    def test_names(self):
        for name in ("../../info", "a b", "img?x=1", "img#x", "/img", "a\nb", "%2e%2e"):
            self.no({"DOCKER_HOST": "unix:///nowhere"}, 2, "not the name of an image", name=name)

    def test_interrupted_while_it_prepares(self):
        env = self.serve(lambda c: c.recv(1))
        os.mkdir(self.path("mnt"))
        for command in (("snapshot", "docker-daemon:img", "-o", self.path("x")), ("mount", "-f", "docker-daemon:img", self.path("mnt"))):
            self.asked.clear()
            child = subprocess.Popen([judge.O2R, *command], env={**os.environ, **env}, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
            self.asked.wait(60)
            child.send_signal(signal.SIGINT)
            said = child.communicate(timeout=30)[1]
            self.assertEqual(child.returncode, 130, said)
            self.assertFalse(os.path.exists(self.path("x")))

    def saved(self, layer, behind=0):
        """Pieces of what `docker save` writes: a layer of that many zeros; then bytes behind the end of the archive."""
        config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": []}}).encode()
        manifest = json.dumps([{"Config": "c.json", "RepoTags": ["img:latest"], "Layers": []}]).encode()
        for name, data in (("c.json", config), ("manifest.json", manifest), ("large", layer)):
            info = tarfile.TarInfo(name)
            info.size = data if isinstance(data, int) else len(data)
            yield info.tobuf(tarfile.GNU_FORMAT)
            if isinstance(data, int):
                for _ in range(data >> 20):
                    yield bytes(1 << 20)
            else:
                yield data + bytes(-len(data) % 512)
        yield bytes(1024)
        for _ in range(behind >> 20):
            yield bytes(1 << 20)

    def test_a_huge_answer_takes_no_memory(self):
        def answer(connection):
            connection.sendall(self.head(200))
            for piece in self.saved(1 << 29):
                connection.sendall(piece)
        env = self.serve(answer)
        done = subprocess.run([sys.executable, os.path.join(judge.TOOLS, "cgroup-run.py"), "100M", judge.O2R, "ls", "--platform", "linux/amd64",
                               "docker-daemon:img"], env={**os.environ, **env}, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_it_goes_on_behind_the_end(self):
        """Nobody reads that, and nobody waits for it."""
        def answer(connection):
            connection.sendall(self.head(200))
            for piece in self.saved(0, behind=1 << 26):
                connection.sendall(piece)
            connection.recv(1)
        env = self.serve(answer)
        done = judge.o2r("ls", "--platform", "linux/amd64", "docker-daemon:img", env=env, timeout=60)
        self.assertEqual((done.returncode, done.stdout), (0, b""), done.stderr)

"""o2r inspect: what it says of layers is what Python's tarfile says, and the totals are those of the tree and the snapshot."""
import hashlib
import io
import json
import os
import tarfile

import judge
import layout as reference_layout
import merge
import nodes
import samples
from judge import Case
from looking import AMD64
from mkimage import Image, Layer

NAMES = {"f": "files", "d": "directories", "l": "symlinks", "c": "char_devices", "b": "block_devices", "p": "fifos"}


def inspect(*args, **kw):
    return judge.o2r("inspect", *AMD64, *args, **kw)


def members(tar):
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        return archive.getmembers()


def data(member):
    """Bytes that a member brings: of a sparse file what is no hole."""
    if not member.isreg():
        return 0
    return sum(size for _, size in member.sparse) if member.sparse else member.size


class Facts(Case):
    GATE = False

    def image(self, codec):
        """No run of zeros in it that would count as a hole."""
        base = Layer().dir("etc").file("etc/a", samples.noise(5000)).file("etc/b", samples.noise(70000, b"b")).link("etc/c", "etc/b")
        base.symlink("l", "etc").char("null", 1, 3).block("blk", 8, 1).fifo("pipe").sparse("sparse", [(1 << 20, samples.noise(8192))])
        middle = Layer().whiteout("etc/a").file("etc/new", samples.noise(3000, b"n")).dir("gone").file("gone/x", samples.noise(999))
        top = Layer().file("etc/new", samples.noise(10, b"t")).whiteout("gone").link("late", "etc/b")
        config = {"config": {"Entrypoint": ["/bin/sh", "-c"], "Cmd": ["a b"], "Env": ["A=1", "B=2"], "WorkingDir": "/srv", "User": "u:g"}}
        return Image([base, middle, top], codec=codec, config=config, created="2021-05-06T07:08:09.5Z")

    def test_layers_and_totals(self):
        for codec in ("plain", "gzip", "zstd"):
            image = self.image(codec)
            layout = self.layout(image)
            wrote = self.facts["manifests"][0]
            told = json.loads(inspect(layout, "--format", "json").stdout)
            tars = image.tars()
            # what lives, by the reference: inodes know the layer that made them
            live, kinds, paths, seen = [0] * 3, {}, 0, set()
            stack = [merge.merge(tars, reference_layout.parse_created(image.created))]
            while stack:
                node = stack.pop()
                paths += 1
                if id(node) in seen:
                    continue
                seen.add(id(node))
                kinds[NAMES[node.kind]] = kinds.get(NAMES[node.kind], 0) + 1
                if isinstance(node, nodes.Dir):
                    stack.extend(node.children.values())
                elif node.kind == "f":
                    live[node.layer] += sum(len(piece) for _, piece in node.spans)
            for number, (layer, tar, facts) in enumerate(zip(told["layers"], tars, wrote["layers"])):
                brought = sum(map(data, members(tar)))
                self.assertEqual(layer, {"number": number + 1, "digest": facts["digest"], "diff_id": facts["diff_id"], "size": facts["size"],
                                         "media_type": layer["media_type"], "decoded_size": len(tar), "entries": len(members(tar)),
                                         "data_bytes": brought, "live_bytes": live[number], "wasted_bytes": brought - live[number]})
            totals = told["totals"]
            for name in ("size", "decoded_size", "entries", "data_bytes", "live_bytes", "wasted_bytes"):
                self.assertEqual(totals[name], sum(layer[name] for layer in told["layers"]), name)
            self.assertGreater(totals["wasted_bytes"], 5000 + 3000)
            self.assertEqual((totals["paths"], totals["inodes"]), (paths, len(seen)))
            self.assertEqual({name: totals[name] for name in NAMES.values()}, {name: kinds.get(name, 0) for name in NAMES.values()})
            self.assertEqual(totals["min_snapshot_bytes"], self.snapshot(layout, "--dry-run")[1]["min_bytes"])

    def test_config(self):
        layout = self.layout(self.image("gzip"))
        wrote = self.facts["manifests"][0]
        told = json.loads(inspect(layout, "--format", "json").stdout)
        del told["layers"], told["totals"]
        self.assertEqual(told, {
            "reference": layout, "manifest_digest": wrote["digest"], "named_digest": wrote["digest"], "media_type": "application/vnd.oci.image.manifest.v1+json",
            "config_digest": wrote["config"], "platform": "linux/amd64", "created": "2021-05-06T07:08:09.5Z", "entrypoint": ["/bin/sh", "-c"],
            "cmd": ["a b"], "env": ["A=1", "B=2"], "user": "u:g", "working_dir": "/srv"})
        said = inspect(layout).stdout.decode()
        for word in ("Entrypoint    /bin/sh\n              -c\n", "Command       a b\n", "Environment   A=1\n              B=2\n", "User          u:g\n",
                     wrote["digest"], wrote["config"], *(layer[k] for layer in wrote["layers"] for k in ("digest", "diff_id")),
                     "3 files, 2 directories, 1 symlink, 1 character device, 1 block device, 1 fifo\n", "smallest snapshot: "):
            self.assertIn(word, said)

    def test_a_config_that_says_nothing(self):
        image = Image([Layer().file("a")], created=None, config={"config": {}})
        told = json.loads(inspect(self.layout(image), "--format", "json").stdout)
        self.assertEqual([told[k] for k in ("created", "user", "working_dir", "entrypoint", "cmd", "env")], [None] * 3 + [[]] * 3)

    def test_documents_byte_for_byte(self):
        layout = self.layout(self.image("gzip"))
        wrote = self.facts["manifests"][0]
        # no layer is read for them: this one could not be
        blob = os.path.join(layout, "blobs/sha256", wrote["layers"][0]["digest"][7:])
        with open(blob, "r+b") as f:
            f.write(b"broken")
        for option, digest in (("--manifest", wrote["digest"]), ("--config", wrote["config"])):
            done = inspect(layout, option)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual("sha256:" + hashlib.sha256(done.stdout).hexdigest(), digest)
        self.assertEqual(inspect(layout, "--config", "--manifest").returncode, 2)
        self.assertEqual(inspect(layout).returncode, 6)

    def test_what_ext4_cannot_hold_is_shown_all_the_same(self):
        layer = Layer().file("f", xattrs={"user.a": samples.noise(3000), "user.b": samples.noise(3000, b"b")})
        layout = self.layout(Image([layer]))
        done = inspect(layout, "--format", "json")
        self.assertEqual((done.returncode, json.loads(done.stdout)["totals"]["min_snapshot_bytes"]), (0, None), done.stderr)
        self.assertIn("no snapshot: ", inspect(layout).stdout.decode())

    def test_config_texts_cannot_drive_a_terminal(self):
        image = Image([Layer()], config={"config": {"Env": ["A=\x1b[31m\nUser  root"], "Cmd": ["\u009b"]}})
        said = inspect(self.layout(image)).stdout
        self.assertNotIn(b"\x1b", said)
        self.assertIn(b"Environment   A=\\x1b[31m\\x0aUser  root\n", said)

    def test_refused(self):
        for args, code in (([], 2), (["a", "b"], 2), ([self.path("none")], 3), (["--format", "yaml", "x"], 2)):
            self.assertEqual(judge.o2r("inspect", *args).returncode, code, args)

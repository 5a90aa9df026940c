#!/usr/bin/env python3
"""Seeds for fuzz_docker_archive: what is wanted, and members, see there."""
import json
import pathlib
import sys

ID = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def config(layers=1, **more):
    return "0c.json\n" + json.dumps({"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": [ID] * layers}, **more})


def manifest(*entries):
    return "0manifest.json\n" + json.dumps(list(entries))


def entry(tags=None, layers=("l",), config="c.json"):
    return {"Config": config, "RepoTags": tags, "Layers": list(layers)}


LAYER, GZIP, ZSTD = "0l\nlayer", "0l\n\x1f\x8b\x08", "0l\n\x28\xb5\x2f\xfd"
TWO = [manifest(entry(["a:1", "docker.io/library/b:2"]), entry(["localhost/m:1", "a:1"], config="d.json")), config(), config(note=1).replace("c.json", "d.json", 1), LAYER]
CASES = [
    ("", manifest(entry()), config(), LAYER), ("", manifest(entry(["x:1"])), config(), GZIP), ("", manifest(entry(["x:1"])), config(), ZSTD),
    ("x", manifest(entry(["x:1"])), config(), LAYER), ("@0", manifest(entry()), config(), LAYER), ("@5", manifest(entry()), config(), LAYER),
    ("b:2", *TWO), ("m:1", *TWO), ("a:1", *TWO), ("localhost/m:1", *TWO), ("@1", *TWO), ("", *TWO), ("q", *TWO),
    ("", manifest(entry(layers=["l"] * 3)), config(3), LAYER), ("", manifest(entry(layers=[])), config(0)),
    ("", manifest({"Config": "c.json", "Layers": None}), config(0)), ("", manifest(entry(layers=[])), config(), LAYER),
    ("", manifest(entry(layers=["d/l"])), config(), LAYER, "2d/l\n../l"), ("", manifest(entry(layers=["h"])), config(), LAYER, "1h\n./l"),
    ("", manifest(entry(layers=["x"])), config(), "2x\ny", "2y\nx"), ("", manifest(entry(layers=["x"])), config(), "2x\n../../etc/passwd"),
    ("", manifest(entry(layers=["x"])), config(), "2x\n/etc/passwd"), ("", manifest(entry(layers=["x"])), config(), "1x\nnone"),
    ("", manifest(entry(layers=["/l"])), config(), LAYER, "0/l\nx", "0../l\nx"), ("", manifest(entry(layers=["a/../l"])), config(), LAYER, LAYER),
    ("", manifest(entry(config="none")), LAYER), ("", manifest(entry(config="0" * 64 + ".json")), "0%s.json\n{}" % ("0" * 64)),
    ("", manifest(entry()), config(note="x" * 2100), LAYER), ("", manifest(entry(["x"] * 1001)), config(), LAYER), ("", manifest(entry([1])), config()),
    ("", manifest({}), config()), ("", manifest(1)), ("", manifest({"Config": 1})), ("", manifest(*[entry()] * 1001), config(), LAYER),
    ("", "0manifest.json\n{}"), ("", "0manifest.json\n["), ("", config()), ("",), ("", "0", "1x", "2\n"),
]


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for i, parts in enumerate(CASES):
        (out / ("seed-%02d" % i)).write_bytes("\x1e".join(parts).encode("latin-1"))


if __name__ == "__main__":
    main()

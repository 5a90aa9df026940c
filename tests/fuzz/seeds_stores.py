#!/usr/bin/env python3
"""Seeds for fuzz_stores: lists of images and layers, names, `lower`, subordinate ids. usage: seeds_stores.py OUTDIR"""
import json
import pathlib
import sys

ID = "0123456789abcdef" * 4
IDS = ["%064x" % n for n in range(4)]


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    image = {"id": ID, "digest": "sha256:" + ID, "names": ["localhost/a:b", "quay.io/c/d:e"], "layer": IDS[2],
             "big-data-digests": {"manifest": "sha256:" + ID, "manifest-sha256:" + ID: "sha256:" + ID, "other": "x"}}
    identity = [{"container_id": 0, "host_id": 0, "size": 65536}]
    chain = [{"id": IDS[0], "diff-digest": "sha256:" + ID}, {"id": IDS[1], "parent": IDS[0], "uidmap": identity},
             {"id": ID, "parent": IDS[1], "gidmap": [{"container_id": 0, "host_id": 100000, "size": 65536}]}]
    names = {"Repositories": {"img": {"img:latest": "sha256:" + ID, "img@sha256:" + ID: "sha256:" + ID},
                              "a/b": {"a/b:c": "sha256:" + IDS[1]}, "x": {"x:y": "sha256:0123" + "f" * 60}}}
    seeds = {
        "images": "i" + json.dumps([image, {**image, "id": IDS[0], "names": None, "layer": ""}]),
        "images-none": "i[]", "images-bad": "i[1]", "images-id": 'i[{"id": "../x"}]',
        "layers": "l" + json.dumps(chain), "volatile": "v" + json.dumps(chain),
        "layers-loop": "l" + json.dumps([{"id": ID, "parent": ID}]),
        "layers-two": "l" + json.dumps([{"id": ID, "parent": IDS[1]}, {"id": IDS[1], "parent": ID}]),
        "layers-gap": "l" + json.dumps(chain[1:]), "layers-id": 'l[{"id": "x"}]', "layers-none": "l{}",
        "names": "r" + json.dumps(names), "names-none": "r{}", "names-bad": 'r{"Repositories": {"a": {"b": "c"}}}',
        "lower": "ol/A:l/B", "lower-bad": "ol/C", "lower-up": "ol/D\n", "lower-twice": "ol/A:l/A", "lower-gone": "ol/Z", "lower-path": "o../x",
        "subid": "u1000:100000:65536\n# a\nroot:1:2\nother:100000:5\nother:7:1\n", "subid-bad": "u1000:4294967295:2\n1000:x:1\n1000:1:0\n1000:1",
        "key": "dsha256:" + ID, "key-plain": "dmanifest", "key-dots": "d..",
    }
    for name, text in seeds.items():
        (out / name).write_bytes(text.encode())


if __name__ == "__main__":
    main()

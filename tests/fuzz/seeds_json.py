#!/usr/bin/env python3
"""Seeds for fuzz_json: indexes, manifests, configs, and JSON of every kind, right and wrong."""
import base64
import json
import pathlib
import sys

OCI, DOCKER = "application/vnd.oci.image.", "application/vnd.docker."
EMPTY = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
DESC = {"digest": EMPTY, "size": 2}


def manifest(config=OCI + "config.v1+json", layer=OCI + "layer.v1.tar+gzip", **more):
    return {"schemaVersion": 2, "config": {"mediaType": config, **DESC}, "layers": [{"mediaType": layer, **DESC}], **more}


def index(*entries, **more):
    return {"schemaVersion": 2, "manifests": list(entries), **more}


def config(run=None, **more):
    return {"created": "2024-05-06T07:08:09.5+02:00", "os": "linux", "architecture": "arm", "variant": "7", "config": run,
            "rootfs": {"type": "layers", "diff_ids": [EMPTY]}, **more}


ENTRY = {"mediaType": OCI + "manifest.v1+json", **DESC}
NOTES = {"org.opencontainers.image.ref.name": "v1", "io.containerd.image.name": "docker.io/library/x:1",
         "vnd.docker.reference.type": "attestation-manifest"}

DOCUMENTS = [
    index(), index(ENTRY), index({**ENTRY, "platform": {"os": "linux", "architecture": "amd64", "variant": "v1"}}),
    index({**ENTRY, "annotations": NOTES, "artifactType": "a/b", "data": base64.b64encode(b"{}").decode()}),
    index({**ENTRY, "data": "!"}), index({**ENTRY, "data": "e3t7"}), index({**ENTRY, "data": "e3s="}),
    index({**ENTRY, "platform": {"os": "a b", "architecture": "x"}}), index({**ENTRY, "annotations": {k: 1 for k in NOTES}}),
    index({**ENTRY, "digest": "sha256:../x"}), index({**ENTRY, "size": 1.5}), index({"size": 1}), index({**ENTRY, "size": None}),
    index({**ENTRY, "platform": 1}), index({**ENTRY, "platform": {"os": 1}}), index({**ENTRY, "annotations": 1}), index(7),
    index(ENTRY, mediaType=OCI + "index.v1+json"), index(ENTRY, mediaType=DOCKER + "distribution.manifest.list.v2+json"),
    index(ENTRY, mediaType=OCI + "manifest.v1+json"), index(ENTRY, config={}), index(mediaType=OCI + "layer.v1.tar"),
    manifest(), manifest(mediaType=OCI + "manifest.v1+json"), manifest(layers=None), manifest(config="x/y"), manifest(layer="x/y"),
    manifest(DOCKER + "container.image.v1+json", DOCKER + "image.rootfs.diff.tar", artifactType="x"),
    manifest(mediaType=OCI + "index.v1+json"), manifest(schemaVersion=3), manifest(layers={}), manifest(schemaVersion="2"),
    manifest(layers=[{"mediaType": OCI + "layer.v1.tar", "urls": urls, **DESC} for urls in ([], ["https://h/x"], ["a", "b"])]),
    manifest(layers=[{"mediaType": OCI + "layer.v1.tar", "urls": ["x"] * 17, **DESC}]), manifest(layers=[{"urls": [1], **DESC}]),
    manifest(layers=[DESC]), {"layers": []}, {"config": DESC}, {"config": 1},
    {"schemaVersion": 1, "fsLayers": []}, {"mediaType": DOCKER + "distribution.manifest.v1+json"}, {"layers": ["x"], "size": 3},
    config({"User": "0", "WorkingDir": "/", "Env": ["A=1"], "Cmd": ["x", ""], "Entrypoint": ["y"]}), config(),
    config({"Env": None, "Cmd": [], "Entrypoint": [1]}), config({"Cmd": "x"}), config([]), config(created="x"),
    config(created="0001-01-01T00:00:00Z"), config(rootfs=None), config(rootfs={"type": "x"}), config(rootfs={"diff_ids": [1]}),
    config(rootfs={"diff_ids": ["x"]}), config(rootfs={"diff_ids": {}}), config(os=None), config(os="\n"), config(created=1),
    config({"User": 1}), config({"WorkingDir": {}}), {}, [], 1, "x", None, True,
    {"s": "\u00e9\u20ac\U0001f600\u0085", "n": [0, -1, 1.5, 1e300, 2 ** 53 - 1, 2 ** 53, 2 ** 64]},
]

TEXTS = [
    '{"s":"\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\ud83d\\ude00"}', '{"a":1,"a":2}', '{"a":1,"\\u0061":2}', '["\\ud800"]', '["\\udc00"]',
    '["\\u0000"]', '["\\x"]', '["\\u12g"]', "[tru]", "[false,null]", "[01]", "[1.]", "[1e]", "[-]", "[1 2]", '{"a" 1}', "{} x", "[" * 70,
    "[" * 64 + "]" * 64, "[" + "1" * 70 + "]", '["\n"]', " \t\r\n{ } ", "[1e-5,1E+5]",
]


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    texts = [json.dumps(d, separators=(",", ":")).encode() for d in DOCUMENTS] + [t.encode() for t in TEXTS]
    texts += [json.dumps(DOCUMENTS[-1], ensure_ascii=False).encode(), b'["\xff"]', b'["\xc0\xaf"]', b"", b"{}\0"]
    for i, text in enumerate(texts):
        (out / ("seed-%03d" % i)).write_bytes(text)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Seeds for fuzz_layout: whole layouts as parts, see there. #b is the first blob's digest and size, #c the second's, ..."""
import pathlib
import sys

OCI, DOCKER = "application/vnd.oci.image.", "application/vnd.docker."
LAYOUT = '{"imageLayoutVersion":"1.0.0"}'


def typed(kind, blob, more=""):
    return '{"mediaType":"%s",%s%s}' % (kind, blob, more)


def manifest_of(config, *layers, kind=OCI + "config.v1+json"):
    return '{"config":%s,"layers":[%s]}' % (typed(kind, config), ",".join(typed(OCI + "layer.v1.tar", x) for x in layers))


def index_of(*entries):
    return '{"manifests":[%s]}' % ",".join(entries)


def entry(blob, more=""):
    return typed(OCI + "manifest.v1+json", blob, more)


def platform(arch, os="linux"):
    return ',"platform":{"os":"%s","architecture":"%s"}' % (os, arch)


def ref(name, key="org.opencontainers.image.ref.name"):
    return ',"annotations":{"%s":"%s"}' % (key, name)


def config_of(arch, layers=1):
    diff_id = '"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"'
    return '{"os":"linux","architecture":"%s","rootfs":{"diff_ids":[%s]}}' % (arch, ",".join([diff_id] * layers))


IMAGE = [manifest_of("#c", "#d"), config_of("amd64"), "layer"]                      # as blobs b, c, d
TWO = IMAGE + [manifest_of("#f", "#g"), config_of("arm64"), "other"]                # and e, f, g
NAMED = "io.containerd.image.name"
NESTED = [index_of(typed(OCI + "index.v1+json", "#c"))]
INLINE = '{"config":{"mediaType":"%sconfig.v1+json",#c,"data":"eyJyb290ZnMiOnt9fQ=="},"layers":[]}' % OCI

CASES = [
    ("", LAYOUT, index_of(entry("#b")), *IMAGE),
    ("", LAYOUT, index_of(entry("#b", platform("amd64"))), *IMAGE),
    ("v1", LAYOUT, index_of(entry("#b", ref("v1")), entry("#e", ref("v2"))), *TWO),
    ("v3", LAYOUT, index_of(entry("#b", ref("v1")), entry("#e")), *TWO),
    ("nginx:1", LAYOUT, index_of(entry("#b", ref("docker.io/library/nginx:1", NAMED))), *IMAGE),
    ("1", LAYOUT, index_of(entry("#b", ref("docker.io/library/nginx:1", NAMED))), *IMAGE),
    ("quay.io/x:1", LAYOUT, index_of(entry("#b", ref("quay.io/x:1"))), *IMAGE),
    ("@0", LAYOUT, index_of(entry("#b")), *IMAGE),
    ("@9", LAYOUT, index_of(entry("#b")), *IMAGE),
    ("@0", LAYOUT, index_of(entry("#b", platform("unknown", "unknown"))), *IMAGE),
    ("", LAYOUT, index_of(entry("#b"), entry("#e")), *TWO),
    ("", LAYOUT, index_of(entry("#b", platform("s390x"))), *IMAGE),
    ("", LAYOUT, index_of(entry("#b", platform("amd64")), entry("#e", platform("amd64"))), *TWO),
    ("", LAYOUT, index_of(entry("#b", platform("amd64")), entry("#b", platform("amd64"))), *IMAGE),
    ("", LAYOUT, index_of("{#b}"), *IMAGE),
    ("", LAYOUT, index_of(typed("text/plain", "#b")), *IMAGE),
    ("", LAYOUT, index_of(typed(DOCKER + "distribution.manifest.v1+json", "#b")), *IMAGE),
    ("", LAYOUT, index_of(entry("#b", ',"artifactType":"x/y"')), *IMAGE),
    ("", LAYOUT, index_of(), *IMAGE),
    ("", LAYOUT, index_of(entry("#b")), manifest_of("#c", "#d", kind="x/y"), "{}", "layer"),
    ("", LAYOUT, index_of(entry("#b", platform("amd64"))), manifest_of("#c", "#d", kind="x/y"), "{}", "layer"),
    ("", LAYOUT, index_of(entry("#b")), manifest_of("#c", "#d"), config_of("amd64", 2), "layer"),
    ("", LAYOUT, index_of(entry("#b")), manifest_of("#c"), '{"rootfs":{}}'),
    ("", LAYOUT, index_of(entry("#b")), manifest_of("#c"), '{"rootfs":{},"os":"unknown","architecture":"unknown"}'),
    ("", LAYOUT, index_of(entry("#b")), INLINE, '{"rootfs":{}}'),
    ("", LAYOUT, index_of(entry("#b")), INLINE, '{"rootfs":[]}'),
    ("", LAYOUT, index_of(entry("#b")), manifest_of("#c"), '{"rootfs":{}}' + " " * 2100),
    ("", LAYOUT, index_of(typed(OCI + "index.v1+json", "#b")), index_of(entry("#c")), manifest_of("#d", "#e"), config_of("amd64"), "x"),
    ("", LAYOUT, index_of(typed(OCI + "index.v1+json", "#b")), *[index_of(typed(OCI + "index.v1+json", "#" + c)) for c in "cdefg"]),
    ("", LAYOUT, index_of(typed(OCI + "index.v1+json", "#b"), typed(OCI + "index.v1+json", "#b")), index_of(entry("#c"), entry("#c")),
     manifest_of("#d", "#e"), config_of("amd64"), "layer"),
    ("", LAYOUT, index_of(entry('"digest":"sha256:%s","size":3' % ("0" * 64)))),
    ("", LAYOUT, index_of(entry('"digest":"sha256:%s","size":9007199254740991' % ("0" * 64)))),
    ("", LAYOUT, index_of(entry("#b")), manifest_of("#c", '"digest":"sha256:%s","size":3' % ("0" * 64)), config_of("amd64")),
    ("", LAYOUT, index_of(entry("#b")), manifest_of('"digest":"sha256:%s","size":3' % ("0" * 64))),
    ("", LAYOUT.replace("1.0", "2.0"), index_of()),
    ("", "{}", index_of()),
    ("", LAYOUT, "{"),
    ("",), ("", LAYOUT),
]


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for i, (wanted, *parts) in enumerate(CASES):
        (out / ("seed-%02d" % i)).write_bytes("\x1e".join([wanted + "\nlinux/amd64", *parts]).encode())


if __name__ == "__main__":
    main()

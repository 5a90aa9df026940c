#!/usr/bin/env python3
"""Seeds for fuzz_ref: references, names, platforms and times, one a line, neighbours making pairs."""
import pathlib
import sys

REFERENCES = [
    "", "oci:", "oci:dir", "oci:dir:", "oci:dir:tag", "oci:dir:a:b", "oci:dir:@3", "oci:dir:@x", "oci:dir@3", "oci:dir@x", "oci:@3",
    "/", "./x", "../x:y", ".", "..", "docker://nginx", "oci-archive:a", "docker-archive:a", "dir:x", "containers-storage:x",
    "docker-daemon:x", "docker-store:[/x]y", "overlay:/x", "-", "scratch", "nginx", "nginx:latest",
    "docker.io/library/nginx:latest", "index.docker.io/library/nginx", "localhost/x", "localhost:5000/x:1", "Host/x", "a/b@sha256:00",
]
SHA256, SHA512 = "sha256:" + "0123456789abcdef" * 4, "sha512:" + "0123456789abcdef" * 8
NAMES = [
    "nginx@" + SHA256, "nginx:1@" + SHA256, "ghcr.io/org/app:v1@" + SHA512, "docker://quay.io/a/b:c", SHA256[7:], "[::1]:5000/x:y",
    "[fe80::1%eth0]/x", "[::ffff:1.2.3.4]/x", "example.com", "a.b/c.d_e__f--g/h", "org/a___b", "host:65536/x", "host:http/x", "a-.io/x",
    "index.docker.io/x", "http://h/x", "Nginx", "a//b", "x:" + "t" * 128, "x:" + "t" * 129, "a.io/" + "p" * 250, "a.io/" + "p" * 251,
]
ARM64 = ["linux/arm64/v9.1", "linux/arm64/v9", "linux/arm64/v8.6", "linux/arm64/v8.10", "linux/arm64", "linux/arm64/8"]
PLATFORMS = [
    "linux/amd64", "linux/amd64/v4", "linux/amd64/v2", "Linux/x86_64/v1", "linux/amd64/x", "linux/i386", "linux/armhf", "linux/armel",
    "linux/arm", "linux/arm/5", "linux/arm/v8", "linux/arm/v9", "macos/aarch64", "unknown/unknown", "linux/riscv64",
    "linux/riscv64/x", "linux", "linux/", "/x", "a/b/c/d", "a/b c", "a/" + "b" * 40, *ARM64,
]
TIMES = [
    "1970-01-01T00:00:00Z", "2024-02-29T23:59:60.123456789123+01:30", "2023-02-29T00:00:00Z", "0001-01-01t00:00:00z",
    "9999-12-31T23:59:59.5-23:59", "2024-05-06T07:08:09", "2024-05-06T07:08:09.Z", "2100-03-01T00:00:00+1:00", "2000-02-29T00:00:00Z",
]


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for i, line in enumerate(REFERENCES + NAMES + TIMES):
        (out / ("line-%02d" % i)).write_text(line)
    for name, lines in (("names", REFERENCES + NAMES), ("platforms", PLATFORMS), ("arm64", ARM64)):
        for i, line in enumerate(lines):
            (out / ("%s-%02d" % (name, i))).write_text("\n".join([line, lines[i - 1], line, lines[i - 2]]))


if __name__ == "__main__":
    main()

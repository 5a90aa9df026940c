#!/usr/bin/env python3
"""Seeds for fuzz_state: a state file, each member wrong in turn, and lines of the mount table."""
import json
import pathlib
import sys

DIGEST = "sha256:" + "5a" * 32
LIMITS = {name: "65536" for name in ("entries", "path", "pax-header", "xattr-value", "manifest", "config", "json-depth", "layer-bytes",
                                     "zstd-window")}
FILE = {"file": "/src", "dest": "/sbin/init", "mode": 493, "uid": 0, "gid": 7}
EXTRAS = [{"layer": "/a%20b"}, {"layer": "oci:/on/top", "manifest": DIGEST}, FILE]
GOOD = {
    "version": 2, "reference": "oci:/images/a%25b%0A", "manifest": DIGEST, "platform": "linux/arm64/v8",
    "layers": [DIGEST, "sha512:" + "0b" * 64], "extras": EXTRAS, "limits": LIMITS, "cache": "/var/cache/%C3%BC", "no-cache": 1, "mountpoint": "/mnt/a b",
    "pid": 4194304, "start": 123456, "boot": "13af1bee-357c-4e2f-8b55-595e8359e2ab", "since": 1700000000,
}
WRONG = {
    "version": [1, "2"], "reference": [None, "", "relative", "oci:relative", "/x%", "/x%0", "/x%00", "/x%zz", "/\u00fc", "/" + "x" * 20000],
    "manifest": [None, "sha256:00", "none", 1], "platform": [None, "unknown", "linux", "/"], "layers": [None, {}, [1], ["x"], [DIGEST] * 40],
    "extras": [None, {}, [], [1], [{}], [{"layer": "x"}], [{"layer": "oci:x"}], [{"layer": "/x", "manifest": "x"}], [{**FILE, "mode": 4096}],
               [{**FILE, "dest": "x"}], [{**FILE, "uid": 1 << 32}], [{**FILE, "gid": None}], [{"file": "/x", "dest": "/y", "uid": 0, "gid": 0}]],
    "limits": [None, {}, {**LIMITS, "path": "-1"}, {**LIMITS, "path": 1}, {**LIMITS, "entries": str(1 << 64)},
               {**LIMITS, "entries": str((1 << 64) - 1)}],
    "cache": [None, "relative", "/x%7"], "no-cache": [0, 2, "x"], "mountpoint": [None, "", "oci:/x", "relative"],
    "pid": [0, 4194305, -1, 1.5, None], "start": [1 << 53, None], "boot": [None, "", "x" * 36, "13AF1BEE-357c-4e2f-8b55-595e8359e2ab"],
    "since": [None, -1],
}
MOUNTS = [
    "45 27 0:39 / /tmp/mnt ro,nosuid - fuse.o2r /x@sha256:00 ro,user_id=0,group_id=0",
    "36 35 98:0 /mnt1 /mnt\\0402\\134\\012 rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue",
    "45 27 0:39 / / ro - fuse x user_id=1000", "45 27 0: / / ro - fuse x y", "45", "a 27 0:1 / / ro - fuse x y", "45 27 0:1 / / ro fuse x y",
    "45 27 0:1 / /\\9\\08 ro - fuse x ,user_id=1x,user_id=2",
]


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    (out / "good").write_text(json.dumps(GOOD))
    for name, values in WRONG.items():
        for i, value in enumerate(values):
            (out / ("%s-%d" % (name, i))).write_text(json.dumps({**GOOD, name: value}))
        (out / ("%s-missing" % name)).write_text(json.dumps({k: v for k, v in GOOD.items() if k != name}))
    for i, text in enumerate(["", "[]", "{", "{}", json.dumps(GOOD) + "x", json.dumps({"a": [[[[[]]]]]})]):
        (out / ("text-%d" % i)).write_text(text)
    for i, line in enumerate(MOUNTS):
        (out / ("mount-%d" % i)).write_text(line)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Seeds for fuzz_toml: documents with every kind of value, and files of registries.conf."""
import pathlib
import sys

DIGEST = "sha256:" + "0123456789" * 6 + "0123"

DOCUMENTS = [
    "", "\ufeff# a comment\r\n\r\na = 1\r\n", "a.b.'c d'.\"e\\u00e4\" = 1\na.b.f = 2\n", "[a]\nx.y = 1\n[a.x.z]\n[a.b]\n[[a.c]]\n[[a.c]]\n[a.c.d]\n",
    "[a.b]\n[a]\nb.c = 1\n", "a = [1, [2, 'x'], {y.z = [\n# c\n], w = \"\"\"x\"\"\"},\n]\n", "a = {}\n[a.b]\n", "a = [{}]\n[[a]]\n",
    "a = -0\nb = 0xff_ff\nc = 0o7\nd = 0b1\ne = 1_0\nf = 9223372036854775808\n", "a = 1.5e+10\nb = -inf\nc = nan\nd = 0e-0\ne = 1_1.1_1\n",
    "a = 1979-05-27T07:32:00.5-07:00\nb = 1979-05-27 07:32:00Z\nc = 1979-05-27\nd = 07:32:00\n",
    "a = \"\\b\\t\\n\\f\\r\\\"\\\\\\u20ac\\U0001F600\"\nb = 'C:\\x'\nc = \"\"\"\nx \\\n   y\"\"\"\"\"\nd = '''\n'x''y'''\ne = \"\"\"\r\n\"\"\"\n",
    "a = \"x\ny\"", "a = '''x", "a = \"\\ud800\"", "a = \"\\u0000\"", "a = True\n", "a = \xff", "a = " + "[" * 40, "a = " + "{a=" * 40, "a." * 20 + "b = 1",
    "a = 1\na = 2", "[a]\n[a]", "[[a]]\n[a]", "a = 1 b = 2", "a = 1.\n", "a = 0x\n", "a = 1979-13-01\n", "a = {b = 1, b.c = 2}", "a = true\nb = false\n",
]
MIRRORS = """
unqualified-search-registries = ["docker.io"]
[[registry]]
prefix = "docker.io"
location = "localhost:5000/hub/"
insecure = true
[[registry.mirror]]
location = "m.com/x"
pull-from-mirror = "digest-only"
[[registry.mirror]]
location = "n.com"
insecure = true
pull-from-mirror = "tag-only"
[[registry]]
location = "a.com"
mirror-by-digest-only = true
mirror = [{location = "docker.io/copies"}, {location = 'm'}]
[[registry]]
prefix = "*.a.com"
blocked = false
[[registry]]
location = "[::1]:5000"
blocked = true
[[registry]]
prefix = "a.com/b@%s"
location = "c.com/d@%s"
[aliases]
nginx = "docker.io/library/nginx"
""" % (DIGEST, DIGEST)
CONFIGS = [
    MIRRORS,
    "[registries.search]\nregistries = ['a.com']\n[registries.insecure]\nregistries = ['a.com', 'docker.io']\n[registries.block]\nregistries = ['a.com']\n",
    "[registries.block]\nregistries = [1]\n[[registry]]\n", "[[registry]]\nlocation = 'https://a.com'\n", "[[registry]]\nprefix = 'a.*.com'\n",
    "[[registry]]\nprefix = '*.a.com'\nlocation = 'b.com/c:tag'\n", "[[registry]]\nprefix = 'a.com/b/c:tag'\nlocation = 'b.com/c:tag'\n",
    "[[registry]]\nprefix = 'a.com/b/c:tag'\nlocation = 'index.docker.io/c:other'\n", "[[registry]]\nlocation = 'a.com'\n[[registry]]\nlocation = 'a.com'\n",
    "[[registry]]\nlocation = 'a.com'\nmirror-by-digest-only = true\n[[registry.mirror]]\nlocation = 'b'\npull-from-mirror = 'all'\n",
    "[[registry]]\nlocation = 'a.com'\n[[registry.mirror]]\nlocation = 'b'\npull-from-mirror = 'x'\n", "[[registry]]\nlocation = 'a.com'\n[[registry.mirror]]\n",
    "[[registry]]\ninsecure = 1\nlocation = 'a'\n", "registry = 1\n", "[[registry]]\n", "[[registry]]\nlocation = 'a.com'\nblockd = true\nmirror = 1\n",
]


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for i, text in enumerate(DOCUMENTS + CONFIGS):
        (out / ("toml-%02d" % i)).write_bytes(text.encode("latin-1" if "\xff" in text else "utf-8"))


if __name__ == "__main__":
    main()

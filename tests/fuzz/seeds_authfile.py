#!/usr/bin/env python3
"""Seeds for fuzz_authfile: credential files of podman and Docker, and answers of helpers, for images in a few places."""
import json
import pathlib
import sys

AUTH = "dXNlcjpTM0NSM1Q6YQ=="
ENTRY = {"auth": AUTH}
FILES = [
    {"auths": {"r.io": ENTRY}}, {"auths": {"r.io": {}, "https://r.io/v1/": ENTRY, "r.io/a": {"username": "u", "password": "p"}, "r.io/a/b": ENTRY}},
    {"auths": {"r.io": {"identitytoken": "i", "username": "u"}}}, {"auths": {"r.io": {"registrytoken": "r", "auth": "dXNlcjo="}}},
    {"auths": {"r.io": {"auth": "PHRva2VuPjpTM0NSM1Q="}}}, {"auths": {"r.io": {"auth": "!"}}}, {"auths": {"r.io": {"auth": "dTpTMwBDUjNU"}}},
    {"auths": {"r.io": {"auth": "dXNl\ncjpT\r\nMw=="}}}, {"auths": {"r.io": {"auth": "dXNlcjpTM0NSM1Q6YQAAAA=="}}}, {"auths": {"r.io": {"auth": "Og=="}}},
    {"auths": {"r.io": {"username": "u"}}}, {"auths": {"r.io": {"password": "p"}}}, {"auths": {"r.io": 1}}, {"auths": {"r.io": {"auth": 1}}},
    {"auths": {"r.io": None}}, {"auths": []}, {"credHelpers": {"r.io": "good"}, "credsStore": "desktop"}, {"credHelpers": {"r.io": ""}, "credsStore": "x"},
    {"credHelpers": {"r.io": "../x"}}, {"credHelpers": {"x.io": "a", "r.io": 2}}, {"credsStore": "a b"}, {"credsStore": []}, {"credsStore": "secretservice"},
    {"r.io": ENTRY, "https://r.io/v1/": {"username": "u", "password": "p"}}, {"ServerURL": "r.io", "Username": "u", "Secret": "s"},
    {"Username": "<token>", "Secret": "s"}, {"Username": "", "Secret": ""}, {"Username": "u"}, {"Username": [], "Secret": "s"}, [], {},
    {"auths": {"docker.io": {}, "https://index.docker.io/v1/": ENTRY, "docker.io/library": ENTRY}},
]
IMAGES = ["r.io a/b", "docker.io library/nginx", "localhost:5000 a"]


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for i, image in enumerate(IMAGES):
        for k, file in enumerate(FILES if i < 2 else FILES[:3]):
            (out / ("seed-%d-%02d" % (i, k))).write_text("%s\n%s" % (image, json.dumps(file)))
    for k, text in enumerate(["", "\n", "r.io\n \t\n", "r.io a\n{\"auths\":{\"r.io\":{\"auth\":\"", "r.io\n{\"a\\u000a\":1,\"a\\u000a\":2}"]):
        (out / ("text-%d" % k)).write_text(text)


if __name__ == "__main__":
    main()

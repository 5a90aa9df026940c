"""A registry in Python that serves layouts and does wrong what a test wants it to do wrong.

    with FakeRegistry({"test/image": layout}) as registry:
        registry.on(r"/blobs/", cut(1000), times=2)      # the first two blobs end after 1000 bytes

A rule is a pattern of paths and what is done instead of an answer: a function of (request, registry). What rules do not
take is answered as it should be.
"""
import json
import os
import re
import threading
import time

import mkimage
from web import Web

PAGE = b"<!DOCTYPE html><html><body><h1>Welcome to the intranet</h1></body></html>\n"
API = {"Docker-Distribution-API-Version": "registry/2.0"}


class Rule:
    def __init__(self, pattern, do, times, method):
        self.pattern, self.do, self.times, self.method = re.compile(pattern), do, times, method


class FakeRegistry(Web):
    """images: repository -> layout. ranges: whether parts of blobs can be had."""

    def __init__(self, images, ranges=True, **web):
        self.images, self.ranges, self.rules, self.lock = dict(images), ranges, [], threading.Lock()
        super().__init__(**web)

    def on(self, pattern, do, times=None, method="GET"):
        """From now on, for the next `times` requests (None: for all)."""
        self.rules.append(Rule(pattern, do, times, method))
        return self

    def behave(self):
        """No rules any more."""
        self.rules = []
        return self

    def rule_for(self, rq):
        with self.lock:
            for rule in self.rules:
                if rule.method == rq.method and rule.pattern.search(rq.path) and rule.times != 0:
                    if rule.times is not None:
                        rule.times -= 1
                    return rule.do
        return None

    def answer(self, rq):
        do = self.rule_for(rq)
        if do is None or do(rq, self) is NotImplemented:
            self.right(rq)

    def refuse(self, rq, status, code, message, headers=()):
        body = json.dumps({"errors": [{"code": code, "message": message, "detail": None}]}).encode()
        rq.reply(status, body, {**API, **dict(headers)})

    def right(self, rq):
        """What a registry answers."""
        match = re.match(r"/v2/(.+)/(manifests|blobs)/([^/]+)$", rq.path)
        if rq.path == "/v2/":
            return rq.reply(200, b"{}", API)
        if not match:
            return self.refuse(rq, 404, "UNSUPPORTED", "no such place")
        name, what, reference = match.groups()
        if name not in self.images:
            return self.refuse(rq, 404, "NAME_UNKNOWN", "repository name not known to registry")
        return getattr(self, what)(rq, self.images[name], reference)

    def manifests(self, rq, layout, reference):
        digest = self.digest_of(layout, reference)
        path = os.path.join(layout, "blobs", *digest.split(":")) if digest else None
        if not path or not os.path.exists(path):
            return self.refuse(rq, 404, "MANIFEST_UNKNOWN", "manifest unknown")
        with open(path, "rb") as f:
            data = f.read()
        rq.reply(200, data, {**API, "Content-Type": json.loads(data).get("mediaType") or mkimage.MANIFEST["oci"], "Docker-Content-Digest": digest})

    def digest_of(self, layout, reference):
        """Of a tag or a digest."""
        if ":" in reference:
            return reference
        with open(os.path.join(layout, "index.json")) as f:
            for desc in json.load(f)["manifests"]:
                if desc.get("annotations", {}).get(mkimage.REF_NAME) == reference:
                    return desc["digest"]
        return None

    def blobs(self, rq, layout, digest):
        path = os.path.join(layout, "blobs", *digest.split(":"))
        if not os.path.exists(path):
            return self.refuse(rq, 404, "BLOB_UNKNOWN", "blob unknown to registry")
        with open(path, "rb") as f:
            send(rq, f.read(), self.ranges)


def part(rq, size):
    """(first, end) of the Range that is asked for, or None."""
    match = re.fullmatch(r"bytes=(\d+)-(\d*)", rq.headers.get("Range", ""))
    return (int(match[1]), min(size, int(match[2] or size - 1) + 1)) if match else None


def send(rq, data, ranges=True):
    """A blob or a part of it."""
    wanted = part(rq, len(data)) if ranges else None
    headers = {"Content-Type": "application/octet-stream", **({"Accept-Ranges": "bytes"} if ranges else {})}
    if wanted is None:
        return rq.reply(200, data, headers)
    first, end = wanted
    if first >= len(data):
        return rq.reply(416, b"", {**headers, "Content-Range": "bytes */%d" % len(data)})
    rq.reply(206, data[first:end], {**headers, "Content-Range": "bytes %d-%d/%d" % (first, end - 1, len(data))})


# ---- things to do wrong

def reply(status, body=b"", **headers):
    """This, whatever was asked for; headers with _ for -."""
    return lambda rq, _: rq.reply(status, body, {k.replace("_", "-"): v for k, v in headers.items()})


def errors(status, code, message="no", **headers):
    """An error document."""
    return lambda rq, registry: registry.refuse(rq, status, code, message, {k.replace("_", "-"): v for k, v in headers.items()})


def page(status=200):
    return reply(status, PAGE, Content_Type="text/html; charset=utf-8")


def redirect(where, status=307):
    """where: a URL, or a function of the request's path."""
    return lambda rq, _: rq.reply(status, b"", {"Location": where(rq.path) if callable(where) else where, "Content-Type": None})


def reset(rq, _):
    """The connection ends without a byte."""
    rq.break_off()


class Spoiled:
    """The right reply, but for what `change` does: a function of (status, headers, body) that returns three others.
    length: what Content-Length says if not the truth (None: it is left out and the end of the connection is the end)."""

    def __init__(self, change, length=True):
        self.change, self.length = change, length

    def __call__(self, rq, registry):
        found = []
        rq.reply = lambda status, body=b"", headers=(): found.append((status, dict(headers), body))     # what would be answered
        registry.right(rq)
        del rq.reply
        status, headers, body = self.change(*found[0])
        headers = {"Content-Type": "application/json", "Content-Length": len(body), **headers}
        if self.length is not True:
            headers["Content-Length"] = self.length
            rq.break_off()
        rq.head(status, {k: v for k, v in headers.items() if v is not None})
        rq.write(body)


def cut(size):
    """The connection ends after `size` bytes of the body."""
    def do(rq, registry):
        Spoiled(lambda status, headers, body: (status, {**headers, "Content-Length": len(body)}, body[:size]))(rq, registry)
        rq.break_off()
    return do


def other_bytes(at=0):
    """One byte is another one; at < 0: from the end."""
    def change(status, headers, body):
        i = at % len(body)
        return status, headers, body[:i] + bytes([body[i] ^ 1]) + body[i + 1:]
    return Spoiled(change)


def endless(piece=bytes(65536), most=1 << 28, **headers):
    """A body without end (of 256 MiB, so that a test ends)."""
    def do(rq, _):
        rq.head(200, {"Content-Type": "application/octet-stream", **{k.replace("_", "-"): v for k, v in headers.items()}})
        rq.break_off()
        while rq.sent < most:
            rq.write(piece)
    return do


def slowly(pause, size=1 << 14):
    """The right reply in pieces."""
    def do(rq, registry):
        whole = rq.write

        def write(data):
            for at in range(0, len(data), size):
                whole(data[at:at + size])
                time.sleep(pause)
        rq.write = write
        registry.right(rq)
    return do

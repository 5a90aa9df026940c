#!/usr/bin/env python3
"""Seeds for fuzz_http: a byte that chooses, then URLs, hosts, redirects, proxies, Content-Range, header lines."""
import pathlib
import sys

HOSTS = [
    "", "example.com", "a_b.c-d", "host.", "localhost", "x.localhost", "localhost.", "127.0.0.1", "127.1", "2130706433", "0x7f000001",
    "017700000001", "8.8.8.8", "10.0.0.1", "169.254.169.254", "300.1.1.1", "::1", "[::1]", "::ffff:127.0.0.1", "64:ff9b::a00:1",
    "2002:a00:1::1", "2001:0:1:2:3:4:f5ff:fffe", "fe80::1%eth0", "fd00::1", "2606:4700::1111", "a b/c?d=e&f+g%h",
]
URLS = [
    "https://%s/" % h if ":" not in h or "[" in h else "http://[%s]:5000/v2/?a=b#c" % h for h in HOSTS
] + [
    "ftp://x/", "https://user:word@x/", "https://x:99999/", "https://x:/", "https://x\\@y/", "HTTPS://X:443?q", "http://[::1", "http://[::1]x",
]
REDIRECTS = [
    ("https://a/v2/x/y?q", to) for to in
    ["https://b/z?s=1%2F2", "//b:1/z", "/z", "z", "../../z", "?p", "#f", "", "http://a/", "ftp://a/", "https://u:w@b/", "/a b", "https://b\\@c/"]
] + [("http://a/", "https://a/"), ("http://a/", "HTTP://[::1]:5/x")]
PROXIES = [
    (proxy, no, url) for proxy in ["http://u%40x:w@p:3128", "p", "https://[fd00::1]", "socks5://p:1", "ftp://p", "http://u:w@"]
    for no, url in [("", "http://x/"), ("example.com", "https://a.example.com/")]
] + [
    ("p:1", no, url) for no, url in
    [(".example.com, b:443", "https://b/"), ("*.x", "http://a.x/"), ("*", "http://x/"), ("10.0.0.0/8,fd00::/8", "http://10.1.2.3/"),
     ("fd00::/8", "http://[fd01::1]/"), ("10.0.0.1:5000", "http://10.0.0.1:5000/"), ("[fd00::1]:80", "http://[fd00::1]/"),
     ("10.0.0.0/33,a/b", "http://10.0.0.1/"), ("x", "http://localhost/"), ("::ffff:10.0.0.1", "http://10.0.0.1/")]
]
RANGES = ["bytes 0-9/10", "bytes 5-9/*", "bytes */10", "bytes 9-0/10", "bytes 0-18446744073709551614/18446744073709551615", "items 0-9/10"]
HEADERS = [
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 206 Partial Content\r\nContent-Type: Text/JSON; charset=x\r\nContent-Length: 7\r\n"
    "Content-Range: bytes 3-9/100\r\nDocker-Content-Digest: sha256:ab\r\nRetry-After: 1\r\nRateLimit-Limit: 100;w=1\r\n"
    "RateLimit-Remaining: 1\r\nWWW-Authenticate: Bearer realm=\"x\"\r\nWarning: 299 - \"x\"\r\n\r\nTrailer: x\r\n",
    "HTTP/2 307 \r\nlocation: /x\r\nlocation: /y\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
    "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nContent-Length: 1\nContent-Range: x\n folded\nno colon\nContent-Type:\n\n",
    "HTTP/1.0 9", "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1 200 OK\r\n" + "Warning: %s\r\n" % ("w" * 8000) * 10,
]


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    kinds = [URLS, HOSTS, ["\n".join(r) for r in REDIRECTS], ["\n".join(p) for p in PROXIES], RANGES, HEADERS]
    for kind, texts in enumerate(kinds):
        for i, text in enumerate(texts):
            (out / ("%d-%02d" % (kind, i))).write_bytes(bytes([kind]) + text.encode())


if __name__ == "__main__":
    main()

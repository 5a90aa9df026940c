#!/usr/bin/env python3
"""Seeds for fuzz_challenge: lines of WWW-Authenticate and answers of token servers, right and wrong."""
import json
import pathlib
import sys

REALM = 'Bearer realm="https://auth.example/token"'
LINES = [
    REALM, REALM + ',service="registry.example",scope="repository:a/b:pull"', REALM + ',scope="a:b:c,d a:b:c  e\tb"', "Bearer realm=https://a/,service=x",
    "BEARER\tREALM = \"https://x.example\" ,, Service=s\t,\tSCOPE\t=\tp ,", REALM + ',error="insufficient_scope"', "Basic", 'Basic realm="x", ' + REALM,
    "Negotiate YIIG/a+b==, Basic realm=\"b\"", "Negotiate, NTLM, " + REALM, 'Digest realm="a", qop="auth,auth-int"', 'Bearer realm="a\\"b\\\\"',
    'Bearer realm="https://x', 'Bearer realm="a",realm="b"', "Bearer realm=", "Bearer", "Bearer \"x\"", "<html>", "=?=\nBasic realm=x", "", ",,",
    'Bearer realm="http://169.254.169.254/"', 'Bearer realm="https://10.0.0.1/x"', 'Bearer realm="https://localhost:5001"',
    'Bearer realm="http://127.0.0.1/"', 'Bearer realm="https://[::1]:5/"', 'Bearer realm="file:///x"', 'Basic realm="a\x01"',
    REALM + ',scope="%s"' % " ".join("s%d" % i for i in range(40)), "Basic\n" + REALM + "\nNegotiate",
]
REPLIES = [
    {"token": "t"}, {"access_token": "t", "expires_in": 300, "issued_at": "2023-11-14T22:12:20Z", "refresh_token": "r"}, {"token": ""}, {"token": 1},
    {"token": "a\r\nb"}, {"token": "a", "expires_in": -1}, {"token": "a", "expires_in": 10 ** 12, "issued_at": "x"}, {"refresh_token": "r"}, [],
    {"token": "", "access_token": "x", "expires_in": "300"}, {"token": "a", "issued_at": "2030-01-01T00:00:00Z"},
]


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for i, text in enumerate(LINES + [json.dumps(r) for r in REPLIES]):
        (out / ("seed-%02d" % i)).write_text(text)


if __name__ == "__main__":
    main()

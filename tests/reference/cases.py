"""Help for the tests of the reference: short expected lines instead of full dumps.

An expected line has the columns of the dump, parted by spaces, and may leave out the last ones:

    PATH TYPE MODE UID:GID MTIME CONTENT XATTRS LINKS        e.g.  /a/f f 0644 0:0 5 "data" user.x=31 /a/f*2

MTIME without a point is whole seconds; CONTENT in quotes is the file's data. Left out: `-` for CONTENT, XATTRS, LINKS.
"""
import hashlib
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "tools")]

import refdump                      # noqa: E402
from layerbuild import Layer        # noqa: E402
from merge import merge             # noqa: E402
from refused import Refused         # noqa: E402

ROOT = "/ d 0755 0:0 0"


def layer(**kw):
    """A Layer whose entries have the time 0."""
    return Layer(**{"mtime": 0, **kw})


def line(short):
    """The full line of the dump for a short one."""
    columns = short.split(" ")
    path, kind, mode, owner, mtime, content, xattrs, links = columns + ["-"] * (8 - len(columns))
    if "." not in mtime:
        mtime += ".000000000"
    if content.startswith('"'):
        data = content[1:-1].encode()
        content = "size:%d,sha256:%s" % (len(data), hashlib.sha256(data).hexdigest())
    return "\t".join((path, kind, mode, owner, mtime, content, xattrs, links))


class Case(unittest.TestCase):
    maxDiff = None

    def tree(self, layers, *expected, created=None, warned=None):
        """The layers give exactly these lines (the root's first); warned: a text that one of the warnings holds."""
        warnings = []
        tars = [one if isinstance(one, bytes) else one.tar() for one in layers]
        found = refdump.dump(merge(tars, created, warnings.append))
        self.assertEqual("\n".join(found), "\n".join(line(short) for short in expected))
        if warned is not None:
            self.assertTrue(any(warned in w for w in warnings), warnings)
        return warnings

    def refused(self, rule, *layers):
        """The layers are refused by that rule."""
        with self.assertRaises(Refused) as caught:
            merge([one if isinstance(one, bytes) else one.tar() for one in layers])
        self.assertEqual(caught.exception.rule, rule, str(caught.exception))

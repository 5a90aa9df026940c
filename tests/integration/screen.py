"""A terminal for tests: what a command draws on it, by the few sequences that o2r uses. Anything else is an error."""
import errno
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios

import judge

DRAWN = re.compile(r"([0-9a-f]{12}|fetch|index|write)(  |\Z)")
SEQUENCE = re.compile(r"\x1b\[(\d*)([A-Za-z])")


class Screen:
    """rows and columns; text that left at the top is in `gone`. A line that is drawn again and again and reaches the end of its
    row is a failure; others (a message, a result) are kept whole, as nothing goes up past them."""

    def __init__(self, rows, columns):
        self.rows, self.columns, self.gone = rows, columns, []
        self.lines, self.row, self.column, self.rest = [""], 0, 0, ""

    def resize(self, rows, columns):
        """As xterm does it: lines are cut, not wrapped anew."""
        self.rows, self.columns = rows, columns
        self.lines = [line[:columns] for line in self.lines]

    def shown(self):
        return [line.rstrip() for line in self.lines]

    def all(self):
        return [*self.gone, *self.shown()]

    def feed(self, text):
        text, at = self.rest + text, 0
        while at < len(text):
            if text[at] == "\x1b":
                found = SEQUENCE.match(text, at)
                if not found and len(text) - at < 8:
                    break
                assert found, "unknown: %r" % text[at:at + 20]
                self.obey(found[2], int(found[1] or 1))
                at = found.end()
            else:
                self.put(text[at])
                at += 1
        self.rest = text[at:]

    def obey(self, letter, n):
        if letter == "A":
            self.row = max(self.row - n, 0)
        elif letter in "JK":
            self.lines[self.row] = self.lines[self.row][:self.column]
            if letter == "J":
                del self.lines[self.row + 1:]
        else:
            assert letter == "m", "unknown: %s" % letter

    def put(self, c):
        if c == "\r":
            self.column = 0
        elif c == "\n":
            self.row += 1
            if self.row == len(self.lines):
                self.lines.append("")
            if self.row == self.rows:
                self.gone.append(self.lines.pop(0).rstrip())
                self.row -= 1
        else:
            assert c >= " ", "unknown: %r" % c
            line = self.lines[self.row].ljust(self.column)
            self.lines[self.row] = line[:self.column] + c + line[self.column + 1:]
            self.column += 1
            assert self.column < self.columns or not DRAWN.match(line), "wraps: %r" % line


class Run:
    """A command whose standard error (and output, unless given) is such a terminal; see(screen) is called after each piece."""

    def __init__(self, argv, rows=24, columns=80, stdout=None, env=None):
        self.screen = Screen(rows, columns)
        self.master, slave = pty.openpty()
        self.size(rows, columns)
        self.child = subprocess.Popen([judge.O2R, *argv], stdin=subprocess.DEVNULL, stdout=slave if stdout is None else stdout, stderr=slave,
                                      env={**os.environ, "TERM": "xterm", "NO_COLOR": "1", **(env or {})})
        os.close(slave)

    def size(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, rows, columns):
        self.screen.resize(rows, columns)
        self.size(rows, columns)

    def pieces(self):
        """After each piece that was drawn: the screen."""
        while True:
            try:
                piece = os.read(self.master, 65536)
            except OSError as e:
                if e.errno != errno.EIO:        # how Linux says that the other side is closed
                    raise
                break
            self.screen.feed(piece.decode())
            yield self.screen
        os.close(self.master)
        self.status = self.child.wait()

"""A network namespace of a test's own: an address that is no loopback, for servers on threads and for commands."""
import ctypes
import os
import subprocess
import threading

import judge

ADDRESS = "192.0.2.77"      # TEST-NET-1: nobody's
CLONE_NEWNET = 0x40000000


class Network:
    """Its only interface is the loopback one, which has ADDRESS too. Close it afterwards."""

    def __init__(self):
        self.child = subprocess.Popen(["unshare", "--net", "setpriv", "--pdeathsig", "KILL", "sh", "-c",
                                       "ip link set lo up && ip address add %s/32 dev lo && echo up && exec sleep infinity" % ADDRESS],
                                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        assert self.child.stdout.readline() == "up\n"
        self.path = "/proc/%d/ns/net" % self.child.pid
        self.wrap = ["nsenter", "--net=" + self.path]       # put before a command

    def inside(self, make):
        """The result of a function that is run there, on a thread (what listens there goes on listening there)."""
        found = []

        def work():
            fd = os.open(self.path, os.O_RDONLY)
            try:
                assert ctypes.CDLL(None, use_errno=True).setns(fd, CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
                found.append(make())
            finally:
                os.close(fd)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        return found[0]

    def o2r(self, *args, **kw):
        return judge.o2r(*args, wrap=self.wrap, **kw)

    def close(self):
        self.child.kill()
        self.child.wait()
        self.child.stdout.close()

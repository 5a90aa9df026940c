"""docker-registry on loopback for a benchmark: one image in it, and what the server itself costs."""
import contextlib
import json
import os
import re
import subprocess
import time

LISTENING = re.compile(rb'msg="listening on [^"]*:(\d+)')
NAME = "bench/image"


class Registry:
    """Started at once; a context manager. Its storage and its log stand below the folder."""

    def __init__(self, folder):
        self.folder, self.log = folder, os.path.join(folder, "log")
        config = {"version": "0.1", "log": {"level": "info", "accesslog": {"disabled": True}},
                  "storage": {"filesystem": {"rootdirectory": os.path.join(folder, "storage")}}, "http": {"addr": "127.0.0.1:0"}}
        os.makedirs(folder)
        path = os.path.join(folder, "config.yml")
        with open(path, "w") as f:      # what is JSON is YAML
            json.dump(config, f)
        with open(self.log, "wb") as log:
            self.child = subprocess.Popen(["docker-registry", "serve", path], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                          start_new_session=True)
        self.address = "localhost:%d" % self.port()

    def port(self):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self.child.poll() is None:
            with open(self.log, "rb") as f:
                found = LISTENING.search(f.read())
            if found:
                return int(found[1])
            time.sleep(0.01)
        self.stop()
        raise SystemExit("bench: docker-registry does not start: see its log:\n%s" % open(self.log, errors="replace").read())

    def push(self, layout):
        """The image as it stands in the layout; its reference."""
        reference = "%s/%s:latest" % (self.address, NAME)
        subprocess.run(["skopeo", "--insecure-policy", "copy", "--quiet", "--preserve-digests", "--dest-tls-verify=false",
                        "oci:%s:%s" % (layout.path, layout.tag), "docker://" + reference], check=True, stdin=subprocess.DEVNULL)
        return reference

    def cpu(self):
        """Seconds that the server has taken so far."""
        with open("/proc/%d/stat" % self.child.pid) as f:
            fields = f.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        self.child.kill()
        self.child.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.stop()

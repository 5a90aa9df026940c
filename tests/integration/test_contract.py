"""The library as include/o2r.h says it is, and from several threads."""
import os
import subprocess

import samples
from judge import Case

TOOLS = os.path.join(os.environ["O2R_BUILD"], "tests/tools")


class Contract(Case):
    def run_tool(self, name, *args):
        done = subprocess.run([os.path.join(TOOLS, name), *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=900)
        self.assertEqual(done.returncode, 0, done.stdout.decode(errors="backslashreplace")[-6000:])

    def test_sentences_of_the_header(self):
        self.run_tool("contract", self.layout(samples.image("gzip")), self.work)

    def test_several_threads(self):
        for codecs in (["gzip"], ["gzip", "zstd:frames=3", "plain"]):
            with self.subTest(codecs=codecs):
                self.run_tool("threads", "oci:" + self.layout(samples.image(*codecs)), self.work)

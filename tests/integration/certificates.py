"""An authority of the test's own, by openssl: certificates for servers and for clients."""
import os

import judge


class Authority:
    """crt: its certificate. Everything is written into the folder."""

    def __init__(self, folder, name="o2r test authority"):
        os.makedirs(folder, exist_ok=True)
        self.folder, self.crt, self.key = folder, os.path.join(folder, "ca.crt"), os.path.join(folder, "ca.key")
        judge.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=" + name,
                  "-keyout", self.key, "-out", self.crt)

    def issue(self, name, hosts=("localhost", "127.0.0.1"), days=2):
        """(certificate, key) for a server of these names and addresses, or for a client."""
        crt, key, csr, ext = (os.path.join(self.folder, name + suffix) for suffix in (".crt", ".key", ".csr", ".ext"))
        names = ",".join(("IP:" if host.replace(".", "").isdigit() else "DNS:") + host for host in hosts)
        with open(ext, "w") as f:
            f.write("subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\n" % names)
        judge.run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=" + name, "-keyout", key, "-out", csr)
        judge.run("openssl", "x509", "-req", "-in", csr, "-CA", self.crt, "-CAkey", self.key, "-CAcreateserial", "-days", str(days),
                  "-extfile", ext, "-out", crt)
        return crt, key

"""The tables of bench/view.py: as aligned text or as Markdown. A cell that could not be measured holds the number of a remark."""
import statistics

METADATA = ["first mount", "second mount", "find cold", "find warm", "ls -lR cold", "ls -lR warm"]
LISTS = METADATA[2:]
GROUP = {"first mount": "mount", "second mount": "mount", "find cold": "find", "find warm": "find", "ls -lR cold": "ls",
         "ls -lR warm": "ls", "tar": "everything", "cat": "everything", "memory after ls -lR": "ls", "memory after tar": "everything",
         "snapshot first": "snapshot", "snapshot second": "snapshot"}
BASE = "EROFS"
ENTRY_BYTES = 130       # of anonymous memory, names apart
MB = 1e6


def group_of(what):
    return GROUP.get(what, "random" if what.startswith("random ") else "alone")


class Report:
    def __init__(self, bench, results, filesystems, markdown):
        self.bench, self.results, self.all, self.markdown = bench, results, filesystems, markdown
        self.remarks, self.lines = list(results.remarks), []

    # ---- numbers

    def low_mid(self, row, what, field="wall"):
        values = self.results.values(row, what, field)
        return (min(values), statistics.median(values)) if values else None

    def speed(self, row, what):
        """Bytes a second, best and median; None when it was not measured."""
        times = self.low_mid(row, what)
        return tuple(self.bench.bytes_of(what) / t for t in times) if times else None

    def decoder(self, what):
        """What the decoder does on one core with the layers that the bytes lie in; best and median."""
        runs = self.bench.layers_of(what)
        sizes = [self.bench.decoded_sizes[i] for i in runs]
        times = [self.low_mid("decoder", "layer %d" % i) for i in runs]
        return tuple(sum(sizes) / sum(t[k] for t in times) for k in (0, 1)) if runs and all(times) else None

    def floor_of_second(self):
        parts = [self.low_mid("decoder", "all cores"), self.low_mid("floor", "copy")]
        return tuple(a + b for a, b in zip(*parts)) if all(parts) else None

    # ---- cells

    def pair(self, values, form="%.3f"):
        return " / ".join(form % v for v in values) if values else None

    def over(self, values, base, form="%.2f"):
        return self.pair([v / b for v, b in zip(values, base)], form) if values and base else None

    def why(self, row, group):
        """The text of a cell that has no number: a mark of the remark that says why, or -."""
        reason = self.results.failed.get((row, group))
        if not reason:
            return "-"
        text = "%s: %s" % (row, reason)
        if text not in self.remarks:
            self.remarks.append(text)
        return "%s (%d)" % ("missing" if reason.startswith("missing") else "failed", self.remarks.index(text) + 1)

    # ---- tables

    def table(self, title, head, rows):
        rows = [[str(cell) for cell in row] for row in rows]
        if all(cell == "-" for row in rows for cell in row[1:]):
            return      # nothing of it was to be measured
        self.lines += ["", ("### %s" if self.markdown else "%s") % title, ""]
        if self.markdown:
            self.lines += ["| %s |" % " | ".join(head), "|%s" % ("---|" * len(head))]
            self.lines += ["| %s |" % " | ".join(row) for row in rows]
            return
        widths = [max(len(row[i]) for row in rows + [head]) for i in range(len(head))]
        self.lines += ["  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip() for row in [head] + rows]

    def matrix(self, title, columns, cell):
        """A row for each filesystem that takes part in any of the columns."""
        rows = []
        for fs in self.all:
            if any(group_of(c) in fs.measures for c in columns):
                rows.append([fs.name] + [cell(fs, c) or self.why(fs.name, group_of(c)) for c in columns])
        self.table(title, ["program"] + columns, rows)

    def metadata(self):
        self.matrix("Mount and names: wall seconds, minimum / median", METADATA, lambda fs, c: self.pair(self.low_mid(fs.name, c)))
        floor = self.low_mid("floor", "first mount")
        if floor:
            self.lines += ["", "Floor of the first mount (decoding and all digests on all cores): %s s." % self.pair(floor)]
        self.matrix("The same beside %s, of minima / of medians" % BASE, LISTS,
                    lambda fs, c: self.over(self.low_mid(fs.name, c), self.low_mid(BASE, c)))
        self.matrix("CPU seconds, client + server, medians", LISTS + ["tar", "cat"], self.cpu)
        self.table("Names that find lists", ["program", "names"],
                   [[fs.name, self.results.facts.get((fs.name, "names")) or self.why(fs.name, "find")]
                    for fs in self.all if "find" in fs.measures])

    def cpu(self, fs, what):
        client, server = self.low_mid(fs.name, what, "cpu"), self.low_mid(fs.name, what, "server")
        if not client:
            return None
        return "%.2f + %s" % (client[1], "%.2f" % server[1] if server else "kernel")

    def data(self):
        columns = ["tar", "cat"] + list(self.bench.facts["alone"])
        self.matrix("Data: MB/s, best / median", columns,
                    lambda fs, c: self.pair([v / MB for v in self.speed(fs.name, c) or []], "%.0f"))
        if self.bench.baselines:
            row = [self.pair([v / MB for v in self.decoder(c) or []], "%.0f") or self.why("decoder", "decoder") for c in columns]
            self.table("The decoder (igzip) on one core, the same layers: MB/s, best / median", ["program"] + columns, [["decoder"] + row])
            self.matrix("Data beside the decoder on one core: how many times as fast, of best / of medians", columns,
                        lambda fs, c: self.over(self.speed(fs.name, c), self.decoder(c)))
        for label, path in self.bench.facts["alone"].items() if "alone" in self.bench.measures else ():
            self.lines += ["", "%s: /%s, %.1f MB, decoded from layer %d." % (label.capitalize(), path, self.bench.bytes_of(label) / MB,
                                                                           self.bench.layers_of(label)[0] + 1)]
        many = self.bench.facts["random"].get("compressible files", [])
        if many and "random" in self.bench.measures:
            self.lines += ["", "Compressible files: the %d largest that compress well, %.0f MB." % (len(many), self.bench.bytes_of_files(many) / MB)]
        self.matrix("Random reads of 4 KiB: mean, ms, minimum / median", ["random " + label for label in self.bench.facts["random"]],
                    lambda fs, c: self.pair([v * 1e3 for v in self.low_mid(fs.name, c) or []]))
        self.matrix("Random reads of 4 KiB: 99th percentile, ms, minimum / median", ["random " + label for label in self.bench.facts["random"]],
                    lambda fs, c: self.pair([v * 1e3 for v in self.low_mid(fs.name, c, "p99") or []]))

    def memory(self):
        rows = []
        for fs in (fs for fs in self.all if fs.served and ("mount" in fs.measures or "everything" in fs.measures)):
            after = [self.low_mid(fs.name, "memory " + when, "anonymous") for when in ("after ls -lR", "after tar")]
            peak = self.low_mid(fs.name, "memory after tar", "peak")
            mount = self.low_mid(fs.name, "first mount", "rss")
            idle = self.low_mid(fs.name, "second mount", "anonymous")
            rows.append([fs.name] + ["%.1f" % (m[1] / MB) if m else self.why(fs.name, g)
                                     for m, g in ((mount, "mount"), (idle, "mount"), (after[0], "ls"), (after[1], "everything"), (peak, "everything"))])
        self.table("Memory of the server, MB, medians", ["program", "peak, first mount", "anonymous, second mount", "anonymous after ls -lR", "anonymous after tar",
                                                         "peak after tar"], rows)

    def snapshots(self):
        rows = []
        for fs in self.all:
            if "snapshot" not in fs.measures:
                continue
            first, second = (self.low_mid(fs.name, "snapshot " + n) for n in ("first", "second"))
            for name, times in (("first", first), ("second", second)):
                cpu = self.low_mid(fs.name, "snapshot " + name, "cpu")
                rss = self.low_mid(fs.name, "snapshot " + name, "rss")
                rows.append(["o2r snapshot, %s" % name, self.pair(times) or self.why(fs.name, "snapshot"), self.pair(cpu) or "-",
                             "%.0f" % (rss[1] / MB) if rss else "-", self.over(times, first) or "-",
                             self.over(times, self.floor_of_second()) or "-"])
        self.table("Snapshot, with an empty cache and with the index kept", ["program", "wall s, minimum / median", "CPU s", "peak MB",
                                                                           "beside the first", "beside decode + copy"], rows)

    def budgets(self):
        rows = []
        for text, budget, unit, value, upper in self.aims():
            holds = "not measured" if value is None else "yes" if (value <= budget if upper else value >= budget) else "NO"
            rows.append([text, "%s %s %s" % ("at most" if upper else "at least", ("%.2f" % budget).rstrip("0").rstrip("."), unit),
                         "-" if value is None else "%.2f" % value, holds])
        self.table("Budgets, of minima", ["what", "budget", "measured", "holds"], rows)

    def aims(self):
        """(what, budget, unit, measured or None, whether the budget is an upper bound)"""
        def low(row, what, field="wall"):
            values = self.low_mid(row, what, field)
            return values[0] if values else None

        def ratio(a, b):
            return a / b if a is not None and b else None

        facts, us, plain = self.bench.facts, "o2r", "o2r, plain layers"
        second, floor = low(us, "second mount"), self.floor_of_second()
        yield "first mount beside decode + digests", 1.3, "x", ratio(low(us, "first mount"), low("floor", "first mount")), True
        yield "second mount", 50 * max(1, facts["names"] / 80000), "ms", second and second * 1e3, True
        for what, budget in (("ls -lR cold", 1.5), ("ls -lR warm", 1.2)):
            if facts["acls"]:       # then the kernel asks for those of each inode
                yield what + " beside EROFS, with ACLs", 4.0, "x", ratio(low(us, what), low(BASE, what)), True
            row = "o2r, xattr=off" if facts["acls"] else us
            yield what + " beside EROFS", budget, "x", ratio(low(row, what), low(BASE, what)), True
        for label in facts["alone"]:
            fast, base = self.speed(plain, label), self.speed(us, label)
            yield label + ", plain layers", 2.0, "GB/s", fast and fast[0] / 1e9, False
            decoder = self.decoder(label)
            yield label + " beside the decoder", 1.0, "x", ratio(base and base[0], decoder and decoder[0]), False
        for label in facts["random"]:
            mean = low(us, "random " + label)
            yield "random 4 KiB, " + label, 1.0, "ms", mean and mean * 1e3, True
        used = low(us, "memory after ls -lR", "anonymous")
        yield "anonymous memory an entry, names apart", ENTRY_BYTES, "bytes", used and (used - facts["name_bytes"]) / facts["names"], True
        yield "second snapshot beside decode + copy", 1.3, "x", ratio(low(us, "snapshot second"), floor and floor[0]), True

    def text(self, head):
        self.metadata()
        self.data()
        self.memory()
        self.snapshots()
        self.budgets()
        notes = ["", "Remarks:"] + ([""] if self.markdown else []) + ["%d. %s" % p for p in enumerate(self.remarks, 1)]
        return "\n".join(head + self.lines + (notes if self.remarks else []))

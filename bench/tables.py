"""Cells and tables as the reports have them."""


def pair(values, unit=1, form="%.2f"):
    """minimum / median"""
    return " / ".join(form % (v / unit) for v in values) if values else "-"


def ratio(above, below):
    return pair([a / b for a, b in zip(above, below)]) if above and below else "-"


def show(rows, markdown):
    if markdown:
        return ["| %s |" % " | ".join(rows[0]), "|" + "---|" * len(rows[0])] + ["| %s |" % " | ".join(row) for row in rows[1:]]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip() for row in rows]

"""The one exception of the reference: the image must be refused, and by which rule of docs/layers.md."""


class Refused(Exception):
    """rule is a number of docs/layers.md, or one of: tar, limit, filesystem, layout."""

    def __init__(self, rule, text):
        super().__init__("%s: %s" % ("rule %d" % rule if isinstance(rule, int) else rule, text))
        self.rule = rule

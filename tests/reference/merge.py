"""Layers to one tree, by docs/layers.md: an independent and simple implementation, to compare o2r with.

merge(layers, created) takes decoded layers (bytes of tars), lowest first, and gives the merged tree, or raises Refused.
Written from docs/layers.md alone, by someone who has not read src/. Slow where slow is simpler.

Readings chosen where the rules leave room (tar details are in tarread.py, ACLs in attributes.py):
  a. Markers are looked up when the layer is complete (their order must not matter): symlinks of the finished layer lead
     them, a directory replaced and made anew keeps its marks, a marker never replaces anything of its own layer.
  b. A directory that only markers name (rule 7) counts as implied by the first of them in the layer: 0755, 0:0 and that
     marker's mtime, when it has to hide a non-directory. Where an entry implies it too, the entry's mtime counts.
  c. An AUFS name is an entry, not a marker: the parents of `d/.wh..wh.x` are implied directories.
  d. A hard link met after its target takes the inode at once (a later entry of the target's name makes another inode).
     One that waits is resolved at the end; headers of such links are then applied in their order in the layer, after
     the target's own. A waiting link that is replaced, or whose parent is, is forgotten, and is never an error.
  e. Below, a link's target is looked up under its name as the symlinks of this layer lead it; symlinks of lower layers
     are not followed. An inode from below is never changed by a link header, also not through a second link.
  f. A link to itself takes the inode that the name had in this layer, else in the tree below. Links that only lead to
     each other have no target in this layer: each takes what the tree below has under the name that it names.
  g. A link's target in this layer that is a directory at that moment is an error at once, also an implied one.
  h. The targets of symlinks obey rule 6 too when they are followed: no directory of the name `.wh.NAME` is ever made.
  i. A symlink that leads to a non-directory of the same layer, in a parent position: that is replaced by a directory.
  j. A root entry that is not a directory is an error. Among several, the last of the highest layer gives the mtime.
  k. A clamped time has no nanoseconds. A creation time is clamped as well. Nanoseconds at the last second are kept.
  l. Device numbers past 12 and 20 bits, ids past 32 bits, an empty symlink target: errors.
  m. An unknown entry type is an error also when its name is a marker.
  n. When a link adds xattrs to an inode they are judged by the kind of that inode.
"""
from layertree import LayerTree, hidden
from nodes import Dir, Inode, clamp
from tarread import members

HIDES = "rule 2: a symlink below is hidden by an implied directory: /%s"


def lay(layer, root, number, warn):
    """Lay a finished layer over the tree: opaque, then whiteouts, then the entries (rule 7's ghosts make nothing)."""
    stack = [(layer, root, b"")]
    while stack:
        upper, lower, path = stack.pop()
        if upper.opaque:
            lower.children.clear()
        for name in upper.whiteouts:
            lower.children.pop(name, None)
        for name, node in upper.children.items():
            below = lower.children.get(name)
            if hidden(name):
                continue
            if isinstance(node, Inode):
                lower.children[name], lower.layers[name] = node, number
                continue
            if node.origin == "ghost" and below is None:
                continue
            here = path + b"/" + name
            if not isinstance(below, Dir):
                if below is not None and below.kind == "l" and node.origin != "entry":
                    warn(HIDES % here[1:].decode("latin-1"))
                below = lower.children[name] = Dir("entry", node.mtime)
                below.copy_metadata(node)
                lower.layers[name] = number
            elif node.origin == "entry":
                below.copy_metadata(node)
                lower.layers[name] = number
            stack.append((node, below, here))


def merge(layers, created=None, warn=lambda text: None):
    """The root Dir of the merged layers. created: (seconds, nanoseconds) of the image, or None."""
    root, root_mtime = Dir("entry", (0, 0)), None
    root.layer = 0
    for number, data in enumerate(layers):
        tree = LayerTree(number, root, warn)
        for member in members(data):
            tree.add(member)
        tree.finish()
        lay(tree.root, root, number, warn)
        if tree.root_mtime:
            root_mtime, root.layer = tree.root_mtime, number
    root.mtime = root_mtime or clamp(created or (0, 0), warn)
    return root

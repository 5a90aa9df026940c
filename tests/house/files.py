"""The files of a project tree: what git knows or would add, else everything outside of build directories."""
import os
import pathlib
import subprocess


def listed(root, *suffixes):
    """Paths relative to root, sorted; with suffixes, only names that end so."""
    root = pathlib.Path(root)
    git = subprocess.run(["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                         capture_output=True) if (root / ".git").exists() else None
    if git and git.returncode == 0:
        names = [os.fsdecode(n) for n in git.stdout.split(b"\0") if n]
    else:
        names = []
        for folder, folders, found in os.walk(root):
            folders[:] = [f for f in folders if f not in (".git", "__pycache__") and not f.startswith("build")]
            names += [os.path.relpath(os.path.join(folder, f), root) for f in found]
    return [pathlib.Path(n) for n in sorted(names) if (not suffixes or n.endswith(suffixes)) and (root / n).is_file()]


def text(root, path):
    return (pathlib.Path(root) / path).read_text(errors="backslashreplace")

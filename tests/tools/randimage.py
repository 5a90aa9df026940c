#!/usr/bin/env python3
"""Random OCI layouts that draw every rule of docs/layers.md. The same seed gives the same bytes.

usage: randimage.py [--plain] SEED OUTDIR
       randimage.py [--plain] --many FROM COUNT OUTDIR      images of the seeds FROM, FROM+1, ... as OUTDIR/SEED

One image in eight or so holds something that the rules refuse. --plain keeps to what the rules and umoci agree on
(nothing refused, no symlinks as parents, parents always written, no ACLs, no odd times), for exact comparison with it.
"""
import argparse
import os
import random
import sys

import randlayer
import randpoison
from mkimage import Image

CODECS = ("plain",) * 8 + ("gzip",) * 7 + ("gzip:members=3", "gzip:level=0", "gzip:name", "zstd:stored", "zstd:stored:frames=2:skippable",
                                           "zstd:frames=2")
POISONED = 0.08         # by intention; some more are refused by chance
CREATED = ("2020-01-01T00:00:00Z", "2021-05-06T07:08:09.123456789Z", "2020-06-01T02:00:00+02:00", "1969-12-31T23:59:59.5Z", None)


def image(seed, plain=False):
    """The Image of a seed."""
    rng = random.Random("o2r %s %d" % ("plain" if plain else "full", seed))
    story = randlayer.Story(rng, plain)
    number = rng.choice((1, 2, 2, 2, 3, 3, 4, 5, 6))
    poisoned = None if plain or rng.random() > POISONED else (rng.randrange(number), rng.choice(randpoison.ALL))
    codecs = [c for c in CODECS if not plain or c in ("plain", "gzip")]
    layers = []
    for i in range(number):
        layer = randlayer.build(story, rng.choice((3, 6, 10, 15, 25)), rng.choice(codecs))
        if poisoned and poisoned[0] == i:
            before = len(layer.parts)
            poisoned[1](rng, layer)
            if poisoned[1] not in randpoison.LAST:
                added = layer.parts[before:]
                del layer.parts[before:]
                at = rng.randint(0, before)
                layer.parts[at:at] = added
        layers.append(layer)
    return Image(layers, created=rng.choice(CREATED), media_type=plain or rng.random() < 0.7,
                 family="docker" if rng.random() < 0.1 and not plain else "oci", inline=rng.random() < 0.05 and not plain)


def write(seed, out, plain=False):
    """Write the layout of a seed."""
    return image(seed, plain).write(out, media_type=plain or seed % 3 != 0)


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--many", nargs=2, type=int, metavar=("FROM", "COUNT"))
    parser.add_argument("rest", nargs="+", metavar="[SEED] OUTDIR")
    args = parser.parse_args(argv[1:])
    if args.many:
        out, = args.rest
        for seed in range(args.many[0], args.many[0] + args.many[1]):
            write(seed, os.path.join(out, str(seed)), args.plain)
        return 0
    seed, out = args.rest
    write(int(seed), out, args.plain)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))

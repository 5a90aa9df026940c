#!/bin/bash
# From a clone on a fresh Debian 12 to an ext4 image of a real container image: installs packages, builds o2r, makes a small
# Debian as an OCI layout (from the Debian mirrors, no registry), writes it as ext4 and has it checked by e2fsck.
#
# usage: ./quickstart.sh      (as root, or as a user with sudo)     Everything else stays in build/ and quickstart/.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"
export PATH=$PATH:/usr/sbin:/sbin

step() { printf '\n\033[1m# %s\033[0m\n' "$*"; }
run() {
  local word line='$'
  for word in "$@"; do
    case $word in
    *\ *) line+=" '$word'" ;;
    *) line+=" $word" ;;
    esac
  done
  printf '%s\n' "$line"
  "$@"
}

step "packages to build o2r, and to make and check an image"
run tests/tools/install-deps.sh quickstart

step "build"
[ -f build/build.ninja ] || run meson setup build --buildtype=release
run ninja -C build --quiet src/cli/o2r
o2r=build/src/cli/o2r

step "an image: Debian in two layers, as an OCI layout"
run tests/tools/real-image.sh quickstart --small

step "what would be written"
run "$o2r" snapshot oci:quickstart/layout:latest --dry-run

step "the image as ext4"
run "$o2r" snapshot oci:quickstart/layout:latest -o quickstart/rootfs.ext4 --free 256M --force -v

step "e2fsck finds nothing to complain about"
run e2fsck -fn quickstart/rootfs.ext4

step "a look inside, without mounting it"
run debugfs -R 'cat /root/hello' quickstart/rootfs.ext4
run debugfs -R 'ls -l /' quickstart/rootfs.ext4

printf '\nquickstart/rootfs.ext4 is ready: mount it with -o loop, or boot it.\n'

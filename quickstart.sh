#!/bin/bash
# From a clone on a fresh Debian 12 to a view and an ext4 image of a real container image: installs packages, builds o2r, makes
# a small Debian as an OCI layout (from the Debian mirrors, no registry), mounts it, writes what the view shows as ext4 and has
# that checked by e2fsck.
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

step "the image, mounted: nothing is unpacked"
mkdir -p quickstart/view
if mountpoint -q quickstart/view; then
  run "$o2r" umount quickstart/view
fi
run "$o2r" mount oci:quickstart/layout:latest quickstart/view
trap '"$o2r" umount --lazy quickstart/view 2>/dev/null || true' EXIT
run "$o2r" mounts

step "a look"
run ls -l quickstart/view
run cat quickstart/view/root/hello quickstart/view/etc/debian_version
run du -sh quickstart/view

step "what the view shows, as ext4"
run "$o2r" snapshot ./quickstart/view -o quickstart/rootfs.ext4 --free 256M --force -v
run "$o2r" umount quickstart/view
trap - EXIT

step "e2fsck finds nothing to complain about"
run e2fsck -fn quickstart/rootfs.ext4

step "a look inside the ext4 image"
run debugfs -R 'cat /root/hello' quickstart/rootfs.ext4
run debugfs -R 'ls -l /' quickstart/rootfs.ext4

printf '\nquickstart/rootfs.ext4 is ready: mount it with -o loop, or boot it.\n'

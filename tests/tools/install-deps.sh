#!/bin/bash
# Install what is needed to build, test or bench o2r on a fresh Debian 12, by apt-get.
#
# usage: install-deps.sh [build|test|bench|quickstart]      (default: build, which the others include)
#
# Nothing is fetched when every package is there already.
set -euo pipefail

build=(gcc libc6-dev meson ninja-build pkg-config
	libarchive-dev libcurl4-openssl-dev libisal-dev libzstd-dev zlib1g-dev libcjson-dev uuid-dev libssl-dev libfuse3-dev fuse3)
# clang with its sanitizers and libFuzzer; judges (e2fsprogs, umoci, libarchive's bsdtar); makers of images, with what
# they need of their recommended packages (uidmap, gpg, keys, certificates); file attributes; tools.
test=(clang clang-format llvm libclang-rt-14-dev
	e2fsprogs xfsprogs btrfs-progs libarchive-tools umoci skopeo docker-registry apache2-utils
	buildah docker.io mmdebstrap uidmap passwd mount gpg debian-archive-keyring ca-certificates
	acl attr libcap2-bin
	fio rsync strace erofs-utils fuse-overlayfs iproute2
	isal zstd openssl python3 procps git man-db shellcheck)
bench=(fio squashfs-tools squashfuse fuse-overlayfs erofs-utils python3-venv
	e2fsprogs umoci isal zstd openssl python3 time pigz
	xfsprogs btrfs-progs
	skopeo docker-registry buildah mmdebstrap uidmap mount gpg debian-archive-keyring ca-certificates acl attr libcap2-bin)

quickstart=(e2fsprogs umoci mmdebstrap uidmap gpg debian-archive-keyring ca-certificates acl attr)

case ${1:-build} in
build) want=("${build[@]}") ;;
test) want=("${build[@]}" "${test[@]}") ;;
bench) want=("${build[@]}" "${bench[@]}") ;;
quickstart) want=("${build[@]}" "${quickstart[@]}") ;;
*)
	sed -n 's/^# \{0,1\}//; 2,6p' "$0" >&2
	exit 2
	;;
esac

missing=()
for package in "${want[@]}"; do
	state=$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null || true)
	[ "${state:0:2}" = ii ] || missing+=("$package")
done
if [ ${#missing[@]} = 0 ]; then
	exit 0
fi

sudo=()
if [ "$(id -u)" != 0 ]; then
	sudo=(sudo)
fi
echo "install-deps: ${missing[*]}" >&2
"${sudo[@]}" apt-get -q update
"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends "${missing[@]}"

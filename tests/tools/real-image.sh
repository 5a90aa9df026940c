#!/bin/bash
# Build a real image as an OCI layout: OUTDIR/layout, tag "latest", gzip layers.
#
# usage: real-image.sh OUTDIR [--small]
#
# The full image (root, network, about 6 GB of disk while it is made) is Debian 12 in five layers:
#   1  minbase by mmdebstrap, with a few ACLs and user xattrs, written by GNU tar
#   2  compilers, git, kernel headers; the downloaded .deb files stay in the layer
#   3  Go, SymPy, Django; git is purged
#   4  data: a 200 MB file that does not compress, 20 000 tiny files, a capability on two names of one file,
#      user xattrs, devices, and a marker file /root/secret-marker
#   5  the .deb files, the marker and a part of the tiny files are deleted; modes, owners, contents and types change
# OUTDIR/secret holds the string that fills the marker file: no image made from the layout may contain it.
# --small is an essential-only Debian and one small layer: no buildah, no mounts, under a minute.
#
# A finished build is kept and used again until this script changes (OUTDIR/stamp).
# Packages come from the Debian mirrors of this machine's own apt, else from deb.debian.org.
# O2R_REAL_IMAGE_DRIVER=vfs|overlay overrides the choice of buildah's storage driver.
set -euo pipefail
umask 022
export LC_ALL=C

readonly suite=bookworm
readonly host_ca=/etc/apt/build-host-ca.crt
self=$(readlink -f "$0")
outdir=""
small=no
for arg in "$@"; do
	case $arg in
	--small) small=yes ;;
	-*) outdir= && break ;;
	*) outdir=$arg ;;
	esac
done
if [ -z "$outdir" ]; then
	sed -n 's/^# \{0,1\}//; 2,5p' "$self" >&2
	exit 2
fi

say() { printf 'real-image: %s\n' "$*" >&2; }

need() {
	local tool
	for tool in "$@"; do
		command -v "$tool" >/dev/null || {
			say "$tool is missing: run tests/tools/install-deps.sh test"
			exit 1
		}
	done
}

# --- packages -------------------------------------------------------------------------------------

# One "deb URI SUITE COMPONENT" line for each Debian repository that this machine's apt has lists of.
debian_sources() {
	apt-get indextargets --format '$(ORIGIN) $(CODENAME) $(REPO_URI) $(COMPONENT)' \
		'Created-By: Packages' 2>/dev/null |
		sed -n "s/^Debian \($suite\|$suite-updates\|$suite-security\) \([^ ]*\) \([a-z-]*\)$/deb \2 \1 \3/p" |
		sort -u
}

# What of the machine's apt configuration is needed to reach the mirrors (proxies, certificates, timeouts).
apt_options() {
	apt-config dump |
		sed -n 's/^\(Acquire::\(https\{0,1\}\|Retries\|Check-[A-Za-z-]*\)\(::[^ ]*\)\{0,1\} ".\{1,\}";\)$/\1/p'
}

# debian_tar VARIANT OUT.tar
debian_tar() {
	local sources
	mapfile -t sources < <(debian_sources)
	# A main archive alone, or none at all: mmdebstrap's own list is the better one.
	if ! printf '%s\n' "${sources[@]}" | grep -q " $suite main$"; then sources=(); fi
	apt_options >"$work/apt-options"
	say "mmdebstrap $1 from ${sources[*]:-the default mirrors}"
	mmdebstrap --quiet --variant="$1" \
		--setup-hook="upload '$work/apt-options' /etc/apt/apt.conf.d/90build-host" \
		--setup-hook='echo force-unsafe-io >"$1/etc/dpkg/dpkg.cfg.d/90build-host"' \
		"$suite" "$2" "${sources[@]}" || {
		[ "$(id -u)" = 0 ] || say "mmdebstrap needs root, or subordinate ids for this user in /etc/subuid and /etc/subgid"
		exit 1
	}
}

# Files with ACLs and user xattrs, appended to a tar with GNU tar, which stores both as plain xattrs here.
append_xattrs() {
	local d=$work/xattrs
	mkdir -p "$d/srv/acl/inherit"
	echo 'one user and one group more' >"$d/srv/acl/file"
	echo '{"k": "v"}' >"$d/srv/acl/tagged"
	setfacl -m u:1000:rw,g:100:r "$d/srv/acl/file"
	setfacl -d -m u:1000:rwx,g:4242:rx "$d/srv/acl/inherit"
	setfattr -n user.mime_type -v application/json "$d/srv/acl/tagged"
	setfattr -n user.long -v "$(printf 'x%.0s' {1..600})" "$d/srv/acl/tagged"
	find "$d" -exec touch -d @1700000000 {} +
	# Only what is new: containers/storage refuses a tar that names a path twice.
	# (--append would leave the xattrs out.)
	tar --create --file "$work/xattrs.tar" --format=pax --pax-option=delete=atime,delete=ctime \
		--xattrs --xattrs-include='*' --sort=name --numeric-owner --owner=0 --group=0 -C "$d" ./srv/acl
	tar --concatenate --file "$1" "$work/xattrs.tar"
}

# --- a layout from tar files: umoci needs neither root nor mounts ---------------------------------

# new_layout LAYOUT TAR...
new_layout() {
	local layout=$1 tar
	shift
	umoci init --layout "$layout"
	umoci new --image "$layout:latest"
	for tar in "$@"; do
		umoci raw add-layer --image "$layout:latest" "$tar"
	done
	umoci config --image "$layout:latest" --config.cmd /bin/bash --config.env PATH=/usr/sbin:/usr/bin:/sbin:/bin
	umoci gc --layout "$layout"
}

build_small() {
	need mmdebstrap umoci tar setfacl setfattr
	debian_tar essential "$work/base.tar"
	append_xattrs "$work/base.tar"
	mkdir -p "$work/extra/root" "$work/extra/etc" "$work/extra/usr/share"
	echo 'from the second layer' >"$work/extra/root/hello"
	ln "$work/extra/root/hello" "$work/extra/root/hello-again"
	echo 'o2r-small' >"$work/extra/etc/hostname"
	mkdir -p "$work/extra/etc/apt/apt.conf.d"
	: >"$work/extra/etc/apt/apt.conf.d/.wh.90build-host"
	: >"$work/extra/usr/share/.wh.doc"
	find "$work/extra" -exec touch -d @1700000000 {} +
	tar --create --file "$work/extra.tar" --format=pax --pax-option=delete=atime,delete=ctime --sort=name \
		--numeric-owner --owner=0 --group=0 -C "$work/extra" root etc usr
	new_layout "$work/layout" "$work/base.tar" "$work/extra.tar"
}

# --- the full image -------------------------------------------------------------------------------

b() {
	buildah --root "$work/storage" --runroot "$work/run" --storage-driver "$driver" "$@"
}

# Overlay where the kernel lets us stack on this filesystem, plain copies otherwise.
choose_driver() {
	driver=${O2R_REAL_IMAGE_DRIVER-}
	[ -z "$driver" ] || return 0
	local t=$work/try
	mkdir -p "$t/l" "$t/u" "$t/w" "$t/m"
	driver=vfs
	if mount -t overlay overlay -o "lowerdir=$t/l,upperdir=$t/u,workdir=$t/w" "$t/m" 2>/dev/null; then
		umount "$t/m"
		driver=overlay
	fi
}

# in_layer SCRIPT: run a shell script inside the working container, with the host's way to the network.
in_layer() {
	local name args=()
	for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
		if [ -n "${!name-}" ]; then args+=(--env "$name=${!name}"); fi
	done
	if [ -e /etc/ssl/certs/ca-certificates.crt ]; then
		args+=(--volume "/etc/ssl/certs/ca-certificates.crt:$host_ca:ro")
	fi
	b run --isolation chroot --env DEBIAN_FRONTEND=noninteractive --env LC_ALL=C "${args[@]}" \
		"$container" -- /bin/sh -ec "$1" </dev/null >>"$work/log" 2>&1 ||
		{
			tail -n 30 "$work/log" >&2
			say "a layer failed"
			exit 1
		}
}

# commit_layer NAME: freeze the working container and go on from it.
commit_layer() {
	b unmount "$container" >/dev/null 2>&1 || true
	b commit --quiet --signature-policy "$work/policy.json" --format oci --rm "$container" "localhost/$1" >/dev/null
	container=$(b from --signature-policy "$work/policy.json" --pull=false "localhost/$1")
	say "layer $1 done after $SECONDS s"
}

packages_layer() {
	in_layer '
		if [ -e '"$host_ca"' ]; then
			echo "Acquire::https::CAInfo \"'"$host_ca"'\";" >/etc/apt/apt.conf.d/91build-host
		fi
		echo "Binary::apt::APT::Keep-Downloaded-Packages \"true\"; APT::Keep-Downloaded-Packages \"true\";" \
			>>/etc/apt/apt.conf.d/91build-host
		apt-get -q update
		apt-get -qy install --no-install-recommends build-essential git linux-headers-amd64 python3-dev'
}

languages_layer() {
	in_layer '
		apt-get -qy install --no-install-recommends golang-go python3-sympy python3-django
		apt-get -qy purge git git-man
		apt-get -qy autoremove --purge'
}

# Run with the container's root as working directory.
write_data() {
	mkdir -p opt/data opt/tiny opt/special
	head -c 200000000 /dev/zero |
		openssl enc -aes-256-ctr -K "$(printf '%064d' 7)" -iv "$(printf '%032d' 7)" >opt/data/random.bin
	python3 - opt/tiny <<'PY'
import os, sys
for d in range(200):
    path = "%s/d%03d" % (sys.argv[1], d)
    os.mkdir(path)
    for f in range(100):
        with open("%s/f%02d.txt" % (path, f), "w") as out:
            out.write("tiny file %d of directory %d\n" % (f, d) * (1 + f % 7))
PY
	printf 'a program\n' >opt/special/capable
	chmod 755 opt/special/capable
	setcap cap_net_bind_service,cap_net_raw+ep opt/special/capable
	ln opt/special/capable opt/special/capable-too
	echo tagged >opt/special/tagged
	setfattr -n user.origin -v 'layer four' opt/special/tagged
	mknod opt/special/null c 1 3
	mknod opt/special/disk b 259 70000
	mkfifo opt/special/fifo
	chown 1000:4242 opt/special/tagged
	mkdir opt/special/becomes-file opt/special/replaced
	echo old >opt/special/replaced/old
	echo old >opt/special/becomes-link
	chmod 4755 opt/special/becomes-link
	for _ in $(seq 2000); do cat "$work/secret"; done >root/secret-marker
}

delete_and_change() {
	in_layer '
		apt-get -qy purge python3-sympy
		apt-get clean'
	in_mount '
		rm -rf var/lib/apt/lists etc/apt/apt.conf.d/9?build-host ".$host_ca" root/secret-marker
		mkdir -p var/lib/apt/lists/partial
		rm -rf opt/tiny/d00? opt/tiny/d1?[0-4]/f?[05].txt
		for f in opt/tiny/d02?/f00.txt; do echo changed >>"$f"; done
		chmod 700 opt/tiny/d030 && chown -R 33:33 opt/tiny/d03?
		rm -rf opt/special/becomes-file opt/special/replaced opt/special/becomes-link
		echo "a file now" >opt/special/becomes-file
		mkdir opt/special/replaced && echo new >opt/special/replaced/new
		ln -s ../tiny opt/special/becomes-link
		ln opt/special/tagged opt/special/tagged-later
		mv opt/tiny/d050 opt/moved'
}

# in_mount SCRIPT: run a shell script of this machine with the container's root as working directory.
in_mount() {
	local m
	m=$(b mount "$container")
	(cd "$m" && eval "$1")
	b unmount "$container" >/dev/null
}

build_full() {
	need mmdebstrap umoci buildah skopeo tar setfacl setfattr setcap openssl python3
	choose_driver
	say "buildah stores with $driver"
	echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$work/policy.json"
	debian_tar minbase "$work/base.tar"
	append_xattrs "$work/base.tar"
	new_layout "$work/base" "$work/base.tar"
	rm "$work/base.tar"
	# Not "buildah from oci:": it makes an image name of the path and refuses paths that are no such name.
	skopeo copy --quiet --policy "$work/policy.json" "oci:$work/base:latest" \
		"containers-storage:[$driver@$work/storage+$work/run]localhost/base:latest"
	container=$(b from --signature-policy "$work/policy.json" --pull=false localhost/base)
	rm -r "$work/base"
	say "layer base done after $SECONDS s"
	packages_layer
	commit_layer packages
	languages_layer
	commit_layer languages
	in_mount write_data
	commit_layer data
	delete_and_change
	b commit --quiet --signature-policy "$work/policy.json" --format oci --disable-compression=false --rm \
		"$container" "oci:$work/layout:latest" >/dev/null
	say "layout written after $SECONDS s"
}

# --- main -----------------------------------------------------------------------------------------

cleanup() {
	local m
	if [ -n "${driver-}" ]; then b rm --all >/dev/null 2>&1 || true; fi
	awk -v under="$work/" 'index($2, under) == 1 { print $2 }' /proc/mounts | tac | while read -r m; do
		umount "$m" || umount -l "$m" || true
	done
	rm -rf --one-file-system "$work"
	if [ "$small" = no ]; then umount /var/lib/containers || true; fi
	if [ -n "${made_containers_dir-}" ]; then rmdir /var/lib/containers 2>/dev/null || true; fi
}

main() {
	local stamp
	stamp="$(sha256sum <"$self" | cut -d' ' -f1) small=$small"
	# who comes while it is made waits for it
	mkdir -p "$outdir"
	exec 9>"$outdir/.lock"
	flock 9
	if [ "$(cat "$outdir/stamp" 2>/dev/null)" = "$stamp" ] && [ -f "$outdir/layout/index.json" ]; then
		say "$outdir/layout is there already"
		return
	fi
	if [ "$small" = no ] && [ "${O2R_REAL_IMAGE_NS-}" != yes ]; then
		[ "$(id -u)" = 0 ] || {
			say "the full image needs root (mounts, devices, owners)"
			exit 1
		}
		# A mount namespace of our own: nothing stays mounted, whatever happens to this process.
		O2R_REAL_IMAGE_NS=yes exec unshare --mount --propagation private "$self" "$@"
	fi
	outdir=$(readlink -f "$outdir")
	work=$(mktemp -d "$outdir/.build.XXXXXX")
	chmod 755 "$work"
	trap cleanup EXIT
	trap 'exit 130' INT TERM HUP
	rm -rf "$outdir/layout" "$outdir/stamp"
	echo "o2r-secret-$(printf 'real image %s' "$suite" | sha256sum | cut -d' ' -f1)" >"$work/secret"
	if [ "$small" = yes ]; then
		build_small
	else
		# containers/image keeps a cache of blob locations there and takes no option for it.
		[ -d /var/lib/containers ] || made_containers_dir=yes
		mkdir -p /var/lib/containers "$work/varlib"
		mount --bind "$work/varlib" /var/lib/containers
		build_full
	fi
	mv "$work/layout" "$outdir/layout"
	cp "$work/secret" "$outdir/secret"
	echo "$stamp" >"$outdir/stamp"
	say "$outdir/layout: $(du -sh "$outdir/layout" | cut -f1), $SECONDS s"
}

main "$@"

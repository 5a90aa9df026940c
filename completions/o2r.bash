# bash completion for o2r
_o2r_views() {
  awk '{ for (i = 7; $i != "-"; i++); if ($(i + 1) == "fuse.o2r") print $5 }' /proc/self/mountinfo
}
_o2r_reference() {
  # what stands behind a colon is a word of its own
  local forms="oci: oci-archive: docker-archive: containers-storage: docker-store: docker-daemon: overlay: docker:// scratch"
  case $1 in
  oci:* | oci-archive:* | docker-archive:* | overlay:*) cur=${1#*:} && _filedir ;;
  *:*) ;;
  *)
    _filedir
    mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W "$forms" -- "$1")
    [[ ${COMPREPLY[*]} == *: ]] && compopt -o nospace
    ;;
  esac
}
_o2r() {
  local cur prev words cword split
  _init_completion -s || return
  local command=${words[1]}
  local image="--platform --limit --jobs --cache --no-cache
    --creds --username --password-stdin --authfile --cert-dir --tls-verify --insecure --parallel --offline"
  local extra="--layer --add"
  if [ "$cword" = 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W "mount umount mounts snapshot ls cat cp inspect digest pull save diff cache help --help --version" -- "$cur")
    return
  fi
  case $prev in
  -o | --options)
    if [ "$command" = mount ]; then
      mapfile -t COMPREPLY < <(compgen -W "allow_other allow_root auto_unmount default_permissions dev exec noatime noexec suid" -- "$cur")
    else
      _filedir
    fi
    return
    ;;
  --output | --log | --authfile)
    _filedir
    return
    ;;
  --format)
    mapfile -t COMPREPLY < <(compgen -W "text json" -- "$cur")
    return
    ;;
  -s | --size)
    mapfile -t COMPREPLY < <(compgen -W "min" -- "$cur")
    return
    ;;
  -U | --uuid)
    mapfile -t COMPREPLY < <(compgen -W "random" -- "$cur")
    return
    ;;
  --platform)
    mapfile -t COMPREPLY < <(compgen -W "linux/amd64 linux/arm64 linux/arm/v7 linux/386 linux/ppc64le linux/riscv64 linux/s390x" -- "$cur")
    return
    ;;
  --limit)
    compopt -o nospace
    mapfile -t COMPREPLY < <(compgen -S = -W "entries path pax-header xattr-value manifest config json-depth layer-bytes zstd-window" -- "$cur")
    return
    ;;
  --cache | --cert-dir)
    _filedir -d
    return
    ;;
  --tls-verify)
    if [ "$split" = true ]; then
      mapfile -t COMPREPLY < <(compgen -W "true false" -- "$cur")
      return
    fi
    ;;
  --layer)
    [ "$command" = diff ] || _filedir
    return
    ;;
  --add)
    compopt -o nospace
    _filedir
    return
    ;;
  --creds | --username | --parallel | --max-size | --cache-size | --free | --inodes | -L | --label | -j | --jobs)
    return
    ;;
  esac
  case $command in
  help)
    mapfile -t COMPREPLY < <(compgen -W "mount umount mounts snapshot ls cat cp inspect digest pull save diff cache help" -- "$cur")
    ;;
  cache)
    if [[ $cur == -* ]]; then
      mapfile -t COMPREPLY < <(compgen -W "--max-size --cache --format --verbose --quiet --help" -- "$cur")
    else
      mapfile -t COMPREPLY < <(compgen -W "ls prune" -- "$cur")
    fi
    ;;
  mount)
    if [[ $cur == -* ]]; then
      mapfile -t COMPREPLY < <(compgen -W "--options --foreground --cache-size --log
        $image $extra --verbose --quiet --help" -- "$cur")
    else
      _o2r_reference "$cur"
    fi
    ;;
  umount)
    if [[ $cur == -* ]]; then
      mapfile -t COMPREPLY < <(compgen -W "--lazy --verbose --quiet --help" -- "$cur")
    else
      mapfile -t COMPREPLY < <(compgen -W "$(_o2r_views)" -- "$cur")
    fi
    ;;
  mounts)
    mapfile -t COMPREPLY < <(compgen -W "--format --verbose --quiet --help" -- "$cur")
    ;;
  ls)
    if [[ $cur == -* ]]; then
      mapfile -t COMPREPLY < <(compgen -W "--long --recursive --directory --layers --format
        $image $extra --verbose --quiet --help" -- "$cur")
    else
      _o2r_reference "$cur"
    fi
    ;;
  cat)
    if [[ $cur == -* ]]; then
      mapfile -t COMPREPLY < <(compgen -W "$image $extra --verbose --quiet --help" -- "$cur")
    else
      _o2r_reference "$cur"
    fi
    ;;
  cp)
    if [[ $cur == -* ]]; then
      mapfile -t COMPREPLY < <(compgen -W "--force --follow-link
        $image $extra --verbose --quiet --help" -- "$cur")
    else
      _o2r_reference "$cur"
    fi
    ;;
  inspect)
    if [[ $cur == -* ]]; then
      mapfile -t COMPREPLY < <(compgen -W "--manifest --config --format
        $image $extra --verbose --quiet --help" -- "$cur")
    else
      _o2r_reference "$cur"
    fi
    ;;
  digest)
    if [[ $cur == -* ]]; then
      mapfile -t COMPREPLY < <(compgen -W "--index --format
        $image --verbose --quiet --help" -- "$cur")
    else
      _o2r_reference "$cur"
    fi
    ;;
  pull)
    if [[ $cur == -* ]]; then
      mapfile -t COMPREPLY < <(compgen -W "--format
        ${image/--no-cache/} --verbose --quiet --help" -- "$cur")
    fi
    ;;
  save)
    if [[ $cur == -* ]]; then
      mapfile -t COMPREPLY < <(compgen -W "--tag --format
        $image --verbose --quiet --help" -- "$cur")
    else
      _o2r_reference "$cur"
    fi
    ;;
  diff)
    if [[ $cur == -* ]]; then
      mapfile -t COMPREPLY < <(compgen -W "--layer --exit-code --format
        $image --verbose --quiet --help" -- "$cur")
    else
      _o2r_reference "$cur"
    fi
    ;;
  snapshot)
    if [[ $cur == -* ]]; then
      mapfile -t COMPREPLY < <(compgen -W "--output --size --free --inodes --label --uuid --linear-dirs --dry-run --force --format
        $image $extra --verbose --quiet --help" -- "$cur")
    else
      _o2r_reference "$cur"
    fi
    ;;
  esac
} && complete -F _o2r o2r

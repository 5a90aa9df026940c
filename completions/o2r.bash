# bash completion for o2r
_o2r() {
  local cur prev words cword split
  _init_completion -s || return
  local command=${words[1]}
  if [ "$cword" = 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W "snapshot cache help --help --version" -- "$cur")
    return
  fi
  case $prev in
  -o | --output)
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
  --cache)
    _filedir -d
    return
    ;;
  --max-size | --free | --inodes | -L | --label | -j | --jobs)
    return
    ;;
  esac
  case $command in
  help)
    mapfile -t COMPREPLY < <(compgen -W "snapshot cache help" -- "$cur")
    ;;
  cache)
    if [[ $cur == -* ]]; then
      mapfile -t COMPREPLY < <(compgen -W "--max-size --cache --format --verbose --quiet --help" -- "$cur")
    else
      mapfile -t COMPREPLY < <(compgen -W "ls prune" -- "$cur")
    fi
    ;;
  snapshot)
    if [[ $cur == -* ]]; then
      mapfile -t COMPREPLY < <(compgen -W "--output --size --free --inodes --label --uuid --linear-dirs --dry-run --force --format
        --platform --limit --jobs --cache --no-cache --verbose --quiet --help" -- "$cur")
    elif [[ $cur != oci:* ]]; then
      _filedir
    fi
    ;;
  esac
} && complete -F _o2r o2r

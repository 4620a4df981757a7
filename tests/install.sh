#!/usr/bin/env bash
# Installs what the tests need and the machine lacks: from Debian's packages where there is apt-get,
# else says what is missing.
set -euo pipefail
cd "$(dirname "$0")"

declare -A package=(
  [redis-server]=redis-server [chromium]=chromium [nginx]=nginx-light [node]=nodejs [npm]=npm
  [python3]=python3 [curl]=curl
)
missing=()
for command in "${!package[@]}"; do
  PATH="$PATH:/usr/sbin" command -v "$command" >/dev/null || missing+=("${package[$command]}")
done
if ((${#missing[@]})); then
  if command -v apt-get >/dev/null; then
    echo "installing ${missing[*]}"
    sudo=$( ((EUID == 0)) || echo sudo)
    $sudo apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  else
    echo "The tests need these programs, please install them: ${missing[*]}" >&2
    exit 1
  fi
fi
cargo nextest --version >/dev/null 2>&1 || cargo install --locked cargo-nextest

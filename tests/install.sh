#!/usr/bin/env bash
# Installs what the tests need and the machine lacks: from Debian's packages where there is apt-get,
# else says what is missing.
set -euo pipefail
cd "$(dirname "$0")"

declare -A package=(
  [redis-server]=redis-server [chromium]=chromium [nginx]=nginx-light [haproxy]=haproxy [caddy]=caddy [node]=nodejs [npm]=npm
  [python3]=python3 [curl]=curl [openssl]=openssl [sqlite3]=sqlite3 [psql]=postgresql [promtool]=prometheus [systemd-analyze]=systemd
  [ip]=iproute2 [unshare]=util-linux
)
missing=()
for command in "${!package[@]}"; do
  PATH="$PATH:/usr/sbin" command -v "$command" >/dev/null || missing+=("${package[$command]}")
done
# Debian has a Python without what its virtual environments need.
python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
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

# The clients of other makes that tests/clients.rs runs, and what our own client is built and tested with.
# What was installed is kept beside it, so that only a change installs anew.
install_npm() {
  if ! cmp -s package-lock.json node_modules/installed-lock.json; then
    echo "installing $1"
    npm ci --loglevel=error --no-audit --no-fund
    cp package-lock.json node_modules/installed-lock.json
  fi
}
cd clients
install_npm "the JavaScript clients"
if ! cmp -s requirements.txt .venv/installed-requirements.txt; then
  echo "installing the Python client"
  python3 -m venv --clear .venv
  .venv/bin/pip install --quiet --disable-pip-version-check --requirement requirements.txt
  cp requirements.txt .venv/installed-requirements.txt
fi
cd ../../clients/js
install_npm "what clients/js needs"
cd ../../gauntlet
install_npm "what the gauntlet needs"

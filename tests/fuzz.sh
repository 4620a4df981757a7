#!/usr/bin/env bash
# Fuzzes each target, or those that are named, for a minute or $SECONDS_EACH. What is new and interesting is kept in
# fuzz/target, what fails in fuzz/artifacts; the seeds in fuzz/corpus stay as they are.
set -euo pipefail
cd "$(dirname "$0")/.."

rustup toolchain list | grep -q nightly || rustup toolchain install nightly --profile minimal
cargo fuzz --version >/dev/null 2>&1 || cargo install cargo-fuzz --locked

targets=("$@")
((${#targets[@]})) || mapfile -t targets < <(cargo +nightly fuzz list)
cargo +nightly fuzz build
for target in "${targets[@]}"; do
  found="fuzz/target/corpus/$target"
  mkdir -p "$found"
  echo "fuzzing $target"
  cargo +nightly fuzz run "$target" "$found" "fuzz/corpus/$target" -- \
    -max_total_time="${SECONDS_EACH:-60}" -max_len=4096 -timeout=5 -print_final_stats=1 -verbosity=0
done

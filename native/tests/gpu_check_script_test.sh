#!/usr/bin/env bash
# gpu-check.sh over programs that only pretend: what it counts, writes and refuses.
#   gpu_check_script_test.sh PATH-OF-GPU-CHECK.SH
set -uo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/bin" "$folder/golden" "$folder/peers"
cp "$1" "$folder/gpu-check.sh"
cd "$folder" || exit 1
failures=0

program() { # name, shell text
  printf '#!/bin/sh\n%s\n' "$2" >"bin/$1"
  chmod +x "bin/$1"
}
run() { output=$(PYTHON=no-such-python bash gpu-check.sh "$@" 2>&1) && status=0 || status=$?; }
expect() { # what, test command...
  local what=$1
  shift
  "$@" && return
  failures=$((failures + 1))
  printf 'FAILED %s; status %s\n%s\n' "$what" "$status" "$output"
}
says() { [[ $output == *"$1"* ]]; }

for name in tensor_ops runtime decode golden decoder gpu; do program "device_${name}_test" 'echo "ok     all"'; done
program device_training_test 'echo "FAILED \"gradients\""; exit 1'
program gpu_benchmark 'case $1 in device) echo "A GPU";; measure) echo "{}" >"$2/benchmarks.json"; echo "| table |" >"$2/benchmarks.md";; esac'

run
expect "one failed test is one failure" test "$status" = 1
expect "it is named" says 'failed   training: status 1: FAILED'
expect "missing peers are skipped with the reason" says 'skipped  PyTorch peers: no no-such-python'
expect "a packed folder has no suite of Node's" says 'skipped  conformance suite: it needs Node'
expect "the table is kept and shown" grep -q '| table |' gpu-check.md
expect "the report is there" grep -q '"device": "A GPU"' gpu-check.json
expect "with the figures" grep -q '"benchmarks": {}' gpu-check.json

run --only benchmarks
expect "one part alone" test "$status" = 0
expect "counts its own" says '3 passed, 0 failed, 1 skipped'

program gpu_benchmark 'echo "Expected a driver for CUDA 13.0 but found no NVIDIA driver." >&2; exit 1'
run
expect "no device is a failure" test "$status" = 1
expect "with the reason" says 'failed   device: Expected a driver for CUDA 13.0 but found no NVIDIA driver.'
expect "and nothing else" says '0 passed, 1 failed, 0 skipped'

run --only everything
expect "unknown parts are refused" test "$status" = 2
run --pack
expect "as is a folder that is not named" test "$status" = 2

((failures == 0)) && echo "all as expected"

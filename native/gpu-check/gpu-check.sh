#!/usr/bin/env bash
# Checks the CUDA device of the native addon on a machine with a GPU, and measures it. Prints what ran and what was skipped and why, writes gpu-check.json and,
# for docs/benchmarks.md, gpu-check.md into the current folder, and ends with "N passed, N failed, N skipped".
#   gpu-check.sh                builds (cmake, nvcc) where no built programs lie beside this script, then checks
#   gpu-check.sh --only PARTS   of tests,conformance,sanitizer,benchmarks: some of them, with commas between
#   gpu-check.sh --pack DIR     builds here, for every GPU or those of SHOWTELL_CUDA_ARCHITECTURES, what DIR/gpu-check.sh runs there without a compiler, Node
#                               or a network
set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd)
repository=$here/../..
parts=tests,conformance,sanitizer,benchmarks
limit_seconds=300
tests=(tensor_ops runtime decode training golden decoder gpu)
# Of the test programs, what is enough for a sanitizer: it slows a kernel down a hundred times.
sanitized=(
  "tensor_ops"
  "decode captions_are_those_of_the_cpu_for_every_kind_of_decoder"
  "decode the_widest_beam_fills_its_lists"
  "training one_caption_of_one_word_is_enough"
  "training padding_changes_nothing"
)
passed=0 failed=0 skipped=0 entries=()

usage() {
  echo "Expected nothing, --only PARTS (of tests,conformance,sanitizer,benchmarks) or --pack DIR but received $*." >&2
  exit 2
}

build() { # where, cmake options...
  local where=$1
  shift
  mkdir -p "$where"
  cmake -S "$here/.." -B "$where" -DCMAKE_BUILD_TYPE=Release -DSHOWTELL_CUDA=ON "$@" >"$where/log" 2>&1 &&
    cmake --build "$where" --parallel "${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}" --target showtell_gpu_check >>"$where/log" 2>&1 && return
  tail -30 "$where/log" >&2
  exit 1
}

pack() { # where
  local work
  work=$(mktemp -d)
  build "$work" -DSHOWTELL_CUDA_ARCHITECTURES="${SHOWTELL_CUDA_ARCHITECTURES:-all}"
  mkdir -p "$1/bin" "$1/golden" "$1/peers"
  for name in "${tests[@]}"; do install -s "$work/gpu-check/device_${name}_test" "$1/bin/"; done
  install -s "$work/gpu-check/gpu_benchmark" "$1/bin/"
  cp "$repository/fixtures/golden/decoder/"*.json "$1/golden/"
  cp "$repository/bench/peers/"{gpu,captioner,decoder,protocol}.py "$1/peers/"
  cp "$here/gpu-check.sh" "$1/"
  rm -rf "$work"
  echo "packed into $1"
}

text() { printf '%s' "$1" | tr -d '"\\' | tr '\n\t' '  ' | tr -d '\000-\037'; }

record() { # name, outcome, seconds, detail
  printf '%-8s %s%s\n' "$2" "$1" "${4:+: $4}"
  entries+=("{\"name\": \"$(text "$1")\", \"outcome\": \"$2\", \"seconds\": $3, \"detail\": \"$(text "$4")\"}")
  case $2 in passed) passed=$((passed + 1)) ;; failed) failed=$((failed + 1)) ;; skipped) skipped=$((skipped + 1)) ;; esac
}

# Runs a command; what it printed is shown where it failed.
check() { # name, command...
  local name=$1 start=$SECONDS output status
  shift
  output=$(timeout "$limit_seconds" "$@" 2>&1)
  status=$?
  if ((status == 0)); then
    record "$name" passed $((SECONDS - start)) "$(printf '%s\n' "$output" | grep '^  ' | grep -v FAILED | tail -20 | tr '\n' ';')"
  else
    printf '%s\n' "$output" | tail -40
    ((status == 124)) && output="ERROR: no answer within $limit_seconds s"
    record "$name" failed $((SECONDS - start)) "status $status: $(printf '%s\n' "$output" | grep -E 'FAILED|ERROR|Expected' | head -3)"
  fi
}

wanted() { [[ ,$parts, == *,$1,* ]]; }

run_tests() {
  for name in "${tests[@]}"; do check "$name" "$bin/device_${name}_test"; done
  for name in golden decoder; do check "$name, exact" env SHOWTELL_TEST_PRECISION=exact "$bin/device_${name}_test"; done
}

# The suite that every backend is held to, through the addon: in a checkout whose dependencies are installed.
run_conformance() {
  if [[ ! -d $repository/node_modules ]]; then
    record "conformance suite" skipped 0 "it needs Node and an installed checkout (pnpm install)"
    return
  fi
  check "addon" env SHOWTELL_CUDA=ON SHOWTELL_REQUIRE_NATIVE=1 node "$here/../scripts/build.mjs"
  check "conformance suite" env -C "$repository" SHOWTELL_REQUIRE_CUDA=1 npx vitest run packages/native-lstm/test/conformance.test.ts
}

run_sanitizer() {
  if ! command -v compute-sanitizer >/dev/null; then
    record "compute-sanitizer" skipped 0 "not on the path (pip install nvidia-cuda-sanitizer-api, or the toolkit's bin folder)"
    return
  fi
  for tool in memcheck racecheck synccheck initcheck; do
    for one in "${sanitized[@]}"; do
      read -r program test <<<"$one"
      check "$tool: $one" compute-sanitizer --tool "$tool" --error-exitcode 1 "$bin/device_${program}_test" ${test:+"$test"}
    done
  done
}

# PyTorch first, so that the native figures can be set beside it.
run_peers() {
  local python=${PYTHON:-python3} peers=$here/peers output
  [[ -d $peers ]] || peers=$repository/bench/peers
  if ! command -v "$python" >/dev/null; then
    record "PyTorch peers" skipped 0 "no $python"
    return
  fi
  local start=$SECONDS
  output=$(timeout "$limit_seconds" "$python" "$peers/gpu.py" "$work" 2>&1)
  if [[ -f $work/peers.json ]]; then
    record "PyTorch peers" passed $((SECONDS - start)) "$(printf '%s\n' "$output" | grep -c Error) contenders failed"
  elif [[ $output == *'"unavailable"'* ]]; then
    record "PyTorch peers" skipped 0 "$(printf '%s\n' "$output" | tail -1 | sed 's/.*"unavailable": "\(.*\)".*/\1/')"
  else
    printf '%s\n' "$output" | tail -20
    record "PyTorch peers" failed $((SECONDS - start)) "$(printf '%s\n' "$output" | tail -1)"
  fi
}

run_benchmarks() {
  check "workload" "$bin/gpu_benchmark" workload "$work"
  run_peers
  check "benchmarks" "$bin/gpu_benchmark" measure "$work"
  [[ -f $work/benchmarks.md ]] || return
  printf 'Driver %s. %s\n' "${driver:-unknown}" "$(cat "$work/benchmarks.md")" >gpu-check.md
  cat gpu-check.md
}

write_report() {
  printf '{\n  "date": "%s",\n  "device": "%s",\n  "driver": "%s",\n  "checks": [\n' "$(date -u +%FT%TZ)" "$(text "${device:-none}")" "$(text "$driver")"
  for ((i = 0; i < ${#entries[@]}; i++)); do printf '    %s%s\n' "${entries[i]}" "$( ((i + 1 < ${#entries[@]})) && echo ,)"; done
  printf '  ],\n  "benchmarks": %s\n}\n' "$(cat "$work/benchmarks.json" 2>/dev/null || echo null)"
}

case ${1:-} in
  "") (($# == 0)) || usage "$@" ;;
  --only)
    (($# == 2)) && [[ $2 =~ ^(tests|conformance|sanitizer|benchmarks)(,(tests|conformance|sanitizer|benchmarks))*$ ]] || usage "$@"
    parts=$2
    ;;
  --pack)
    (($# == 2)) || usage "$@"
    pack "$2"
    exit 0
    ;;
  *) usage "$@" ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bin=$here/bin
if [[ ! -d $bin ]]; then
  build "$here/../build/gpu-check"
  bin=$here/../build/gpu-check/gpu-check
fi
[[ -d $here/golden ]] && export SHOWTELL_GOLDEN_FOLDER=$here/golden

driver=$(nvidia-smi --query-gpu=driver_version --format=csv,noheader 2>/dev/null | head -1)
if ! device=$("$bin/gpu_benchmark" device 2>&1); then
  record "device" failed 0 "$device"
  device=
else
  record "device" passed 0 "$device${driver:+, driver $driver}"
  ! wanted tests || run_tests
  ! wanted conformance || run_conformance
  ! wanted sanitizer || run_sanitizer
  ! wanted benchmarks || run_benchmarks
fi
write_report >gpu-check.json
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0))

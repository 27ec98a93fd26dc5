#!/usr/bin/env bash
# Checks the CUDA device of the native addon on a machine with a GPU, without Node and without a network. Prints what ran and what was skipped and why, writes
# gpu-check.json, and ends with "N passed, N failed".
#   gpu-check.sh              builds (cmake, nvcc) where no built tests lie beside this script, then checks
#   gpu-check.sh --pack DIR   builds here and puts into DIR what DIR/gpu-check.sh runs there without a compiler
set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd)
report=${GPU_CHECK_REPORT:-gpu-check.json}
limit_seconds=300
tests=(decode golden decoder)
passed=0 failed=0 entries=()

usage() {
  echo "Expected nothing or --pack DIR but received $*." >&2
  exit 2
}

build() { # where
  cmake -S "$here/.." -B "$1" -DCMAKE_BUILD_TYPE=Release -DSHOWTELL_CUDA=ON >"$1.log" 2>&1 &&
    cmake --build "$1" --parallel --target showtell_gpu_check >>"$1.log" 2>&1 && return
  tail -30 "$1.log" >&2
  exit 1
}

text() { printf '%s' "$1" | tr -d '"\\' | tr '\n\t' '  '; }

record() { # name, outcome, seconds, detail
  printf '%-8s %s%s\n' "$2" "$1" "${4:+: $4}"
  entries+=("{\"name\": \"$(text "$1")\", \"outcome\": \"$2\", \"seconds\": $3, \"detail\": \"$(text "$4")\"}")
  case $2 in passed) passed=$((passed + 1)) ;; failed) failed=$((failed + 1)) ;; esac
}

check() { # name, command...
  local name=$1 start=$SECONDS output status
  shift
  output=$(timeout "$limit_seconds" "$@" 2>&1)
  status=$?
  if ((status == 0)); then
    record "$name" passed $((SECONDS - start)) ""
  else
    printf '%s\n' "$output" | tail -20
    record "$name" failed $((SECONDS - start)) "status $status: $(printf '%s\n' "$output" | grep -E 'FAILED|ERROR' | head -3)"
  fi
}

case ${1:-} in
  "") (($# == 0)) || usage "$@" ;;
  --pack)
    (($# == 2)) || usage "$@"
    work=$(mktemp -d)
    build "$work/build"
    mkdir -p "$2/bin" "$2/golden"
    for name in "${tests[@]}"; do cp "$work/build/gpu-check/device_${name}_test" "$2/bin/"; done
    cp "$here/../../fixtures/golden/decoder/"*.json "$2/golden/"
    cp "$here/gpu-check.sh" "$2/"
    rm -rf "$work"
    echo "packed into $2"
    exit 0
    ;;
  *) usage "$@" ;;
esac

if ! command -v nvidia-smi >/dev/null; then
  record "device" failed 0 "no nvidia-smi: no NVIDIA driver on this machine"
elif ! device=$(nvidia-smi --query-gpu=name,driver_version,compute_cap,memory.total --format=csv,noheader 2>&1); then
  record "device" failed 0 "$device"
  device=
else
  device=$(printf '%s\n' "$device" | head -1)
  record "device" passed 0 "$device"
  bin=$here/bin
  if [[ ! -d $bin ]]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    build "$work/build"
    bin=$work/build/gpu-check
  fi
  [[ -d $here/golden ]] && export SHOWTELL_GOLDEN_FOLDER=$here/golden
  for name in "${tests[@]}"; do check "$name" "$bin/device_${name}_test"; done
  if command -v compute-sanitizer >/dev/null; then
    for tool in memcheck racecheck initcheck synccheck; do
      check "decode under $tool" compute-sanitizer --tool "$tool" --error-exitcode 1 "$bin/device_decode_test"
    done
  else
    record "compute-sanitizer" skipped 0 "not on the path"
  fi
fi

{
  printf '{\n  "date": "%s",\n  "device": "%s",\n  "checks": [\n' "$(date -u +%FT%TZ)" "$(text "${device:-none}")"
  for ((i = 0; i < ${#entries[@]}; i++)); do printf '    %s%s\n' "${entries[i]}" "$( ((i + 1 < ${#entries[@]})) && echo ,)"; done
  printf '  ]\n}\n'
} >"$report"
echo "$passed passed, $failed failed"
((failed == 0))

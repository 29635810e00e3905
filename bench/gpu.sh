#!/usr/bin/env bash
# Parity, determinism and speed on this machine's GPU, or as far as they go without one.
# Needs no network once the set-up cache is filled: carry that folder and node_modules along.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v node > /dev/null || { echo "bench/gpu.sh: needs Node 20 or 22 on the PATH" >&2; exit 2; }
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2> /dev/null ||
  echo "no GPU here: what follows runs on the CPU"
exec node bench/run.mjs gpu "$@"

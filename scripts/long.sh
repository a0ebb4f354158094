#!/usr/bin/env bash
# The checks that take long: hostile input for SIGNET_FUZZ_SECONDS (600) of each kind, SIGNET_KILLS (1000) hard stops and SIGNET_JOB_KILLS (50) in the middle of jobs;
# lists of a million users.
set -euo pipefail
cd "$(dirname "$0")/.."

flags=(--profile quick --ignore-rust-version)
export SIGNET_FUZZ_SECONDS=${SIGNET_FUZZ_SECONDS:-600} SIGNET_KILLS=${SIGNET_KILLS:-1000} SIGNET_JOB_KILLS=${SIGNET_JOB_KILLS:-50}
# Another seed each time, so that the same input is not tried for ever; the output names it.
export SIGNET_FUZZ_SEED=${SIGNET_FUZZ_SEED:-$RANDOM}

cargo test "${flags[@]}" --workspace --test store -- --ignored --nocapture scale_c_lists
cargo test "${flags[@]}" --workspace --test fuzz -- --nocapture --test-threads=1
cargo test "${flags[@]}" --workspace --test api core_permissions_no_sequence_of_calls_leads_up -- --nocapture
cargo build "${flags[@]}" --workspace --bins
# 2,000 slow bodies and idle connections with 1,024 descriptors; SIGNET_ANONYMOUS_GETS (100,000) anonymous requests.
(ulimit -n "$(ulimit -Hn)" && cargo test "${flags[@]}" --workspace --test process -- --ignored --nocapture --test-threads=1)
# Blueprints of ten thousand entries: the figures of docs/performance.md.
cargo test "${flags[@]}" --workspace --test growth -- --ignored --nocapture
scripts/tools.sh
tests/interop/run kill9
tests/interop/run kill_jobs

#!/usr/bin/env bash
# Every check, one part after the other; stops at the first part that fails. The last line sums up what passed and what failed.
set -uo pipefail
cd "$(dirname "$0")/.."

# One profile for lints, tests and the server that foreign suites start: a second one would build every dependency again.
flags=(--profile quick --ignore-rust-version)
logs=target/test-logs
mkdir -p "$logs"
passed=0
failed=0
began=$SECONDS

closing() {
    echo
    echo "all parts: $(((SECONDS - began) / 60)) min $(((SECONDS - began) % 60)) s"
    echo "signet: $passed passed, $failed failed"
}

# Reads a part's output: 'N passed' and 'N failed' of cargo's, vitest's and our own closing lines. Prints both numbers.
count() {
    sed 's/\x1b\[[0-9;]*m//g' "$1" | awk '
        /^test result: / || /^ *Tests +[0-9]/ || /^[a-z0-9-]+: [0-9]+ passed, [0-9]+ failed$/ {
            lines++
            for (i = 2; i <= NF; i++) {
                if ($i ~ /^passed/) ok += $(i - 1)
                if ($i ~ /^failed/) bad += $(i - 1)
            }
        }
        END { print ok + 0, bad + 0, lines + 0 }'
}

# part NAME COMMAND...: a part that counts nothing itself counts as one
part() {
    local name=$1 start=$SECONDS ok bad lines status
    shift
    echo
    echo "== $name"
    "$@" 2>&1 | tee "$logs/${name// /-}.log"
    status=${PIPESTATUS[0]}
    read -r ok bad lines < <(count "$logs/${name// /-}.log")
    ((lines == 0 && status == 0)) && ok=1
    ((bad == 0 && status != 0)) && bad=1
    passed=$((passed + ok))
    failed=$((failed + bad))
    echo "== $name: $((SECONDS - start)) s"
    if ((status != 0 || bad != 0)); then
        closing
        exit 1
    fi
}

web() {
    (cd web && npm ci --no-audit --no-fund --loglevel=error && npm run --silent check && npm test && npm run --silent build && touch dist/.built)
}

part setup scripts/setup-debian.sh
part format cargo fmt --all --check
part web web
part clippy cargo clippy "${flags[@]}" --workspace --all-targets -- -D warnings
part tests cargo test "${flags[@]}" --workspace
part tidy cargo xtask tidy
# The whole workspace: one package alone would have its dependencies built again with other features.
part build cargo build "${flags[@]}" --workspace --bins --examples
part tools scripts/tools.sh
part interop tests/interop/run
part browser tests/browser/run
part wire tests/interop/run wire
closing

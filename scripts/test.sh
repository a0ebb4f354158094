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

# Ran parts, as `name|seconds|budget in minutes`; docs/checks.md says what is in each.
parts=()

closing() {
    echo
    printf '%-28s %8s %8s\n' part seconds budget
    local each name seconds minutes
    for each in "${parts[@]}"; do
        IFS='|' read -r name seconds minutes <<<"$each"
        printf '%-28s %8d %8d%s\n' "$name" "$seconds" $((minutes * 60)) "$( ((seconds > minutes * 60)) && echo '  over')"
    done
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

# part NAME MINUTES COMMAND...: a part that counts nothing itself counts as one. MINUTES is its budget on two cores, from
# an empty clone; more is reported, not failed: other machines are slower.
part() {
    local name=$1 minutes=$2 start=$SECONDS ok bad lines status
    shift 2
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
    parts+=("$name|$((SECONDS - start))|$minutes")
    if ((status != 0 || bad != 0)); then
        closing
        exit 1
    fi
}

web() {
    (cd web && npm ci --no-audit --no-fund --loglevel=error && npm run --silent check && npm test && npm run --silent build && touch dist/.built)
}

part setup 1 scripts/setup-debian.sh
part format 1 cargo fmt --all --check
part web 1 web
# Lints check and tests build the same dependencies with other output, so that both pay for them.
part clippy 7 cargo clippy "${flags[@]}" --workspace --all-targets -- -D warnings
part compile 15 cargo test "${flags[@]}" --workspace --no-run
part tests 8 cargo test "${flags[@]}" --workspace --no-fail-fast
part tidy 1 cargo xtask tidy
part index 1 cargo xtask test-index --check
# The whole workspace: one package alone would have its dependencies built again with other features.
part build 1 cargo build "${flags[@]}" --workspace --bins --examples
part tools 1 scripts/tools.sh
part interop 7 tests/interop/run
part browser 7 tests/browser/run
part wire 4 tests/interop/run wire
closing

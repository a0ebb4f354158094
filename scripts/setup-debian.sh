#!/usr/bin/env bash
# Installs from Debian what the tests need beside cargo and node. Only what is missing; nothing happens when all is there.
set -euo pipefail

missing=()
# need PACKAGE CONDITION...: remembers the package when the condition does not hold
need() {
    local package=$1
    shift
    "$@" >/dev/null 2>&1 || missing+=("$package")
}
has() { command -v "$1" || test -x "/usr/sbin/$1"; }
any() { compgen -G "$1"; }

need gcc has gcc
need libc6-dev test -e /usr/include/stdio.h
need make has make
need git has git
need postgresql any '/usr/lib/postgresql/*/bin/postgres'
need pgbouncer has pgbouncer
need chromium has chromium
need apache2 has apache2
need libapache2-mod-auth-openidc test -e /usr/lib/apache2/modules/mod_auth_openidc.so
need python3 has python3
need python3-venv python3 -c 'import ensurepip, venv'
need wrk has wrk
need openssl has openssl

if ((${#missing[@]})); then
    echo "setup: installing ${missing[*]}"
    if [[ $(id -u) == 0 ]]; then
        root=(env)
    elif command -v sudo >/dev/null; then
        root=(sudo)
    else
        echo "setup: these Debian packages are missing and need root or sudo to install: ${missing[*]}" >&2
        exit 1
    fi
    # Services that the packages bring must not start: the tests run their own on free loopback ports.
    policy=/usr/sbin/policy-rc.d
    if [[ ! -e $policy ]]; then
        printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee "$policy" >/dev/null
        "${root[@]}" chmod +x "$policy"
        trap '"${root[@]}" rm -f "$policy"' EXIT
    fi
    "${root[@]}" apt-get update -q
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
fi

for tool in cargo node npm; do
    if ! command -v "$tool" >/dev/null; then
        echo "setup: $tool is not on the PATH; the README names the versions that work" >&2
        exit 1
    fi
done
if ! node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'; then
    echo "setup: node $(node --version) is too old; 20.19 or newer is needed" >&2
    exit 1
fi

#!/usr/bin/env bash
# Makes the Python environment and the npm folder of the test clients, again only when their lists changed.
set -euo pipefail
cd "$(dirname "$0")/.."

fresh() { [[ -e $2 ]] && cmp -s "$1" "$2"; }

list=tests/requirements.txt
stamp=target/venv/requirements.txt
if ! fresh "$list" "$stamp"; then
    echo "tools: Python clients"
    rm -rf target/venv
    mkdir -p target
    python3 -m venv target/venv
    target/venv/bin/python -m pip install --quiet --disable-pip-version-check -r "$list"
    cp "$list" "$stamp"
fi

stamp=tests/node_modules/.installed-lock
if ! fresh tests/package-lock.json "$stamp"; then
    echo "tools: npm packages of tests"
    (cd tests && npm ci --no-audit --no-fund --loglevel=error)
    cp tests/package-lock.json "$stamp"
fi

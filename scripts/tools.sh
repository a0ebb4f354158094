#!/usr/bin/env bash
# Makes the Python environment and the npm folders of the test clients, again only when their lists changed.
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

for folder in tests/interop tests/browser; do
    stamp=$folder/node_modules/.installed-lock
    if ! fresh "$folder/package-lock.json" "$stamp"; then
        echo "tools: npm packages of $folder"
        (cd "$folder" && npm ci --no-audit --no-fund --loglevel=error)
        cp "$folder/package-lock.json" "$stamp"
    fi
done

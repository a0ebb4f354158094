#!/usr/bin/env bash
# Builds web/dist when something in web/ is newer than the last build.
set -euo pipefail
cd "$(dirname "$0")/../web"

stamp=dist/.built
newer() {
    [[ ! -e $stamp ]] || [[ -n $(find . -path ./node_modules -prune -o -path ./dist -prune -o -type f -newer "$stamp" -print -quit) ]]
}
if newer; then
    npm ci --no-audit --no-fund --loglevel=error
    npm run --silent build
    touch "$stamp"
fi

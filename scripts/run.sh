#!/usr/bin/env bash
# Starts the release build on a data folder of its own and says where it answers.
set -euo pipefail
cd "$(dirname "$0")/.."

export SIGNET_DATA_DIR=${SIGNET_DATA_DIR:-./data}
listen=${AUTHENTIK_LISTEN__HTTP:-${SIGNET_LISTEN__HTTP:-:9000}}
echo
echo "Signet answers at http://localhost:${listen##*:}/ and keeps its data in $SIGNET_DATA_DIR. Stop it with Ctrl C."
echo
exec target/release/signet server

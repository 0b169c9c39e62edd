#!/usr/bin/env bash
# Starts throw-away services on free loopback ports, and stops them at the end of COMMAND or on Ctrl-C:
#   scripts/services.sh postgres -- npx chartly demo --exit
#   scripts/services.sh postgres        prints `export CHARTLY_POSTGRES_URL=…` and stays
# What is missing is installed with apt-get, as root. The services themselves are in test/served/services.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
PATH="$here/node_modules/.bin:$PATH" exec node --no-warnings "$here/test/served/services/run.ts" "$@"

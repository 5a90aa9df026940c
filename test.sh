#!/bin/bash
# Install what the tests need (Debian 12) and run them all, or the stages named.
#
# usage: ./test.sh [STAGE...]        ./test.sh --list shows the stages
#
# The last line is "N passed, N failed"; the exit status is non-zero when anything failed.
# Nothing is skipped: what cannot run has failed. Build directories: $O2R_TEST_DIR, else build-test/.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"
tests/tools/install-deps.sh test
exec python3 tests/run/run.py "$@"

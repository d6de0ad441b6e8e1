#!/usr/bin/env bash
# Prints a pattern for go test's -skip: the long tests that are left out. Long tests are those
# that start engines, hosts or clusters; they are in files for integration or e2e.
#
#   tools/share.sh [-share N [-of TEXT]]     a test in N is tried; TEXT, for example a commit, decides which
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/chosen.sh

# tests prints the names of the tests in the files that it is given.
tests() { xargs -r grep -hoE '^func Test[A-Z][A-Za-z0-9_]*\(t \*testing' | sed -E 's/^func ([A-Za-z0-9_]+).*/\1/' | sort; }

tag='^//go:build (integration|e2e)$'
# A pattern knows no package: a name that is not of a single test is always tried. TestKubernetes
# is a cluster with all that runs in it, a benchmark is no test of make e2e, and make e2e prints
# what the test of the sandbox writes.
short=$(grep -rLE --include='*_test.go' "$tag" cmd internal lab packaging sample test | tests)
long=$(grep -rlE --include='*_test.go' "$tag" internal lab packaging test | tests | uniq -u | grep -vE '^(TestKubernetes|TestBench.*|TestTheAgentsSandboxIsTight)$' | grep -vxFf <(echo "$short"))
left=$(grep -vxFf <(chosen <<<"$long") <<<"$long" || true)
all=$(wc -l <<<"$long")
echo "share: $((all - $(grep -c . <<<"$left" || true))) of $all long tests, by -share $share of '$of'" >&2
if [ -n "$left" ]; then
	printf '^(%s)\\b\n' "$(paste -sd '|' <<<"$left")"
fi

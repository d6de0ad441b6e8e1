#!/usr/bin/env bash
# Checks the subjects of new commits by the rule of tools/commit-msg. Commits up to
# the base are older than the rule. A range may be given: tools/commits.sh A..B.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

base=${COMMITS_BASE:-68a1dab9104edcbfc4a9b8e25234b1aa5b29b69d}
if [ $# -gt 0 ]; then
	range=$1
elif git cat-file -e "$base^{commit}" 2>/dev/null; then
	range=$base..HEAD
elif [ "$(git rev-parse --is-shallow-repository)" = true ]; then
	echo "commits: this clone is shallow and has no $base: only the commits that are here are checked"
	range=HEAD
else
	echo "commits: there is no commit $base, the base of the check: is this a clone of this repository?" >&2
	exit 1
fi

commits=$(git rev-list --no-merges --reverse "$range")
checked=0 bad=0
for commit in $commits; do
	if ! COMMITS_FINAL=1 "$here/commit-msg" <(git log -1 --format=%s "$commit"); then
		echo "  commit $commit" >&2
		bad=$((bad + 1))
	fi
	checked=$((checked + 1))
done
echo "commits: $checked checked, $bad against the rule"
[ $bad = 0 ]

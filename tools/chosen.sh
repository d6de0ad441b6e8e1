# For a script that tries a share of a list. It reads the script's arguments, and defines
# chosen, which prints the lines of stdin that are in the share.
#
#   SCRIPT [-share N [-of TEXT]]     a line in N; TEXT, for example a commit, decides which
share=1 of=''
while [ $# -gt 1 ]; do
	case $1 in
	-share) share=$2 ;;
	-of) of=$2 ;;
	*) break ;;
	esac
	shift 2
done
if [ $# -gt 0 ]; then
	echo "$(basename "$0" .sh): want [-share N [-of TEXT]], got $*" >&2
	exit 2
fi

chosen() {
	awk -v share="$share" -v of="$of" '
		BEGIN { for (i = 1; i < 128; i++) code[sprintf("%c", i)] = i }
		{
			text = of " " $0
			sum = 1
			for (i = 1; i <= length(text); i++) sum = (sum * 48271 + code[substr(text, i, 1)]) % 2147483647
			if (sum % share == 0) print
		}'
}

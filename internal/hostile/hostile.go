// Package hostile is test support: values that would steer whatever took them as
// they are, a shell, a path, a parser, a format or a terminal. Tests send each of
// them as every string that a user or a caller can send.
//
// Only tests import it; a test on each binary's dependencies holds it to that. It
// refuses to judge: the test of a field decides what the field lets through. The danger
// is a corpus that shrinks unseen, so its size is tested.
package hostile

import (
	"slices"
	"strings"
)

// Values returns every value once, in the same order each time: each payload by
// itself, before, after and within words that are harmless.
func Values() []string {
	var all []string
	for _, list := range [][]string{shell(), paths(), unicodes(), syntaxes(), terminals(), commits()} {
		for _, s := range list {
			all = append(all, s, "zz"+s, s+"zz", "zz"+s+"qq")
		}
	}
	all = append(all, long()...)
	slices.Sort(all)
	all = slices.Compact(all)
	return slices.DeleteFunc(all, func(s string) bool { return s == "zz" || s == "zzqq" }) // of the empty payload
}

func shell() []string {
	list := []string{
		";", "$()", "$(id)", "`id`", "&&", "&", "||", "|", ">", ">>x", "<", "<(id)", "\n", "\r", "\r\n", "\x00", "\t", "\v", "\f", " ",
		"'", `"`, `\`, "‘", "’", "“", "„", "«", "´", "''", `""`, "$'\\n'", "*", "?", "[", "[a-z]", "{a,b}", "~", "~root", "!", "!!", "$IFS", "$$", "${HOME}", "$HOME",
		"-", "--", "-o", "-v", "-h", "-i", "-oProxyCommand=id", "--flag", "--help", "--privileged", "--config=/x", "-f/etc/passwd", "@x", "@/etc/passwd", "(id)",
	}
	for _, before := range []string{";", "&&", "|", "\n", "' ;", `" ;`, "$(", "`"} { // an act after another's end
		for _, act := range []string{"id", "reboot", "rm -rf /", "touch pwned", ": >pwned"} {
			list = append(list, before+act)
		}
	}
	return list
}

func paths() []string {
	list := []string{
		"/", "//", "/etc/passwd", "/dev/null", "/proc/self/mem", "C:\\x", `\\host\x`, "file:///etc/passwd", "x/", "x//y", "./x", ".ssh", ".git", "con", "x.json", "*.json",
		"unix:///x", "/var/run/docker.sock", "~/.ssh/id_ed25519", "/tmp/x y", "nul", "a:b", "x\\..\\y", "/.", "x/.", "\u2215etc", "-/x", "http://x", "ssh://-oProxyCommand=id",
	}
	for _, up := range []string{".", "..", "...", "%2e", "%2e%2e", "%252e%252e", "..%c0%af", "．．"} {
		for _, end := range []string{"", "/", "/x", "\\", "/../../../../etc/passwd"} {
			list = append(list, up+end, "/srv/"+up+end)
		}
	}
	return list
}

func unicodes() []string {
	return []string{
		"\u202e", "\u202d", "\u202a", "\u2066", "\u2069", "\u200e", "\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u2028", "\u2029", "\u0085", "\u00a0", "\u3000",
		"frоntend", "ｆｒｏｎｔｅｎｄ", "е", "İ", "ı", "ſ", "K", "ß", "e\u0301", "\u0301", strings.Repeat("\u0300", 50), "́", "\U000e0041", "\U0001f600", "\U0010ffff", "\ufdd0",
		"\xff", "\xfe\xff", "\xc0\xaf", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\x80", "a\xffb", "٣", "१", "߅", "𝟘", "①", "Ⅷ", "½",
	}
}

func syntaxes() []string {
	return []string{
		"", "0", "-1", "1e309", "0x7f", "NaN", "Infinity", "9223372036854775808", "00", "1_000", "null", "~", "true", "no", "undefined", "None", "[]", "{}", "{{.}}", "{{7*7}}",
		"${X}", "${X:-y}", "$X", "%X%", "#", "# x", "=", "a=b", "A=B\nC=D", "export A=B", "a: b", ": ", "- x", "---", "...", "!!python/object/apply:os.system", "!!binary", "!x", "&a", "*a",
		"<<: *a", "|", ">-", "? x", `{"a":`, `"}`, `\u0000`, `\x00`, "\\n", `",`, "/*", "//x", "<!--", "<script>", "]]>", "' OR '1'='1", "%s", "%n", "%s%n", "%d", "%!s", "%x%x%x", "%[1]s",
		"latest", "HEAD", "main", "refs/heads/main", "HEAD~1", "v1.2.3", "@{u}", "sha256:", "sha256:zz", "sha512:00", "x:5000/y", "x@sha256:0", "all", "none", "prod,dev", "PROD", "Dev",
	}
}

func terminals() (list []string) {
	for _, seq := range []string{
		"[2J", "[31m", "[8m", "[38;5;196m", "[1A", "[2K", "[6n", "[?1049h", "[200~", "c", "]0;title\a", "]8;;http://x\x1b\\", "]52;c;aWQ=\a", "]1337;File=:\a", "P+q\x1b\\", "_x\x1b\\", "(0", "#8",
	} {
		list = append(list, "\x1b"+seq)
	}
	return append(list, "\x01", "\x04", "\x05", "\a", "\b", "\b\b\b", "\x0e", "\x1a", "\x1b", "\x7f", "\u009b2J", "\u009d0;t\a", "\u0090", "\r   ok")
}

func commits() []string {
	const sha = "0123456789abcdef0123456789abcdef01234567"
	return []string{
		strings.ToUpper(sha), sha[:39], sha + "8", sha[:7], sha[:12], sha[:39] + "g", " " + sha, sha + "\n", sha + " ", "0x" + sha[:38], sha + "\x00",
		strings.Repeat("٠", 40), strings.Repeat("０", 40), strings.Repeat("a", 63), strings.Repeat("a", 65), strings.Repeat("A", 64), sha + sha[:23], sha + "^", sha + "-dirty",
	}
}

func long() []string {
	return []string{
		strings.Repeat("a", 256), strings.Repeat("a", 300), strings.Repeat("a", 5000), strings.Repeat("a", 1<<20), strings.Repeat("a/", 3000), strings.Repeat("../", 2000),
		strings.Repeat("\x1b[31m", 4000), strings.Repeat("ä", 5000), strings.Repeat("\n", 5000), strings.Repeat("{", 5000),
	}
}

package grant

import (
	"strings"
	"testing"
	"time"
)

// FuzzAStatementIsWrittenInOneWay: what is read is what would be signed again.
func FuzzAStatementIsWrittenInOneWay(f *testing.F) {
	good := string(Draft(Deploy{}, time.Unix(1<<31, 0)).Bytes())
	good = strings.Replace(good, "service: \nenvironment: \ncommit: \n", "service: a-b\nenvironment: prod\ncommit: "+strings.Repeat("1", 40)+"\n", 1)
	f.Add([]byte(good))
	f.Add([]byte(good + begin + "\nU1NIU0lHAAAAAQAAAAFhAAAAAWI=\n-----END SSH SIGNATURE-----\n"))
	f.Add([]byte(good + begin + "\nU1NIU0lHAA==\n-----END SSH SIGNATURE-----\n"))
	f.Add([]byte(strings.Replace(good, "Z\n", "+00:00\n", 1)))
	f.Add([]byte(strings.Replace(good, "Z\n", ".5Z\n", 1)))
	f.Add([]byte("unidesk-grant/1\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		if s, err := parseStatement(string(file)); err == nil && string(s.Bytes()) != string(file) {
			t.Errorf("%q is read and written as %q", file, s.Bytes())
		}
		if text, sig, err := split(file); err == nil {
			if again, sig2, err := split(append([]byte(text), sig.armoured...)); err != nil || again != text || sig2.fingerprint() != sig.fingerprint() {
				t.Errorf("%q is taken apart in two ways", file)
			}
		}
	})
}

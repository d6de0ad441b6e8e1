package site

import (
	"os"
	"os/user"
	"strconv"
	"strings"
)

// noLogin is what the kernel tells for a process that no login began (proc(5),
// /proc/pid/loginuid).
const noLogin = "4294967295"

// Who is the person whose login this runs in, through any sudo; without a login it is the
// account.
func Who() string {
	uid := strconv.Itoa(os.Getuid())
	if b, err := os.ReadFile("/proc/self/loginuid"); err == nil {
		if s := strings.TrimSpace(string(b)); s != "" && s != noLogin {
			uid = s
		}
	}
	if u, err := user.LookupId(uid); err == nil {
		return u.Username + " (" + uid + ")"
	}
	return uid
}

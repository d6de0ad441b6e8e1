package bootstrap

import (
	"bytes"
	"context"
	"os/user"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/unidesk-artifact-cd/internal/agent"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/rpc"
)

func TestTheAccountGetsTheAskedRoleAndNoOther(t *testing.T) {
	t.Parallel()
	if _, err := user.Lookup("games"); err != nil {
		t.Fatal(err)
	}
	for role, want := range map[rpc.Role]agent.Roles{
		"":              {Admin: []string{"games"}},
		rpc.RoleRead:    {Read: []string{"games"}},
		rpc.RoleOperate: {Operate: []string{"games"}},
		rpc.RoleAdmin:   {Admin: []string{"games"}},
	} {
		got, err := agent.Load(bytes.NewReader(FirstConfig{Role: role}.render("games")))
		if err != nil {
			t.Fatal(err)
		}
		for _, list := range []*[]string{&got.Roles.Read, &got.Roles.Operate, &got.Roles.Admin} {
			if len(*list) == 0 {
				*list = nil
			}
		}
		if diff := cmp.Diff(want, got.Roles); diff != "" {
			t.Errorf("%q: %s", role, diff)
		}
		if page := "/usr/share/doc/unidesk-controller/docs/agent.yaml"; !strings.Contains(string(FirstConfig{Role: role}.render("ops")), page) {
			t.Errorf("%q: the file does not name the page on the controller's machine that describes its keys", role)
		}
		if root := string(FirstConfig{Role: role}.render("root")); strings.Contains(root, `["root"]`) {
			t.Errorf("%q: root got a role:\n%s", role, root)
		}
	}
	for _, word := range []string{"", "root", "Admin", "operate ", "none"} {
		if _, err := ParseRole(word); fault.ReasonOf(err) != fault.Usage || !strings.Contains(err.Error(), "read, operate or admin") {
			t.Errorf("%q is a role, or %v", word, err)
		}
	}
}

// An agent.yaml that is there is never changed: a person gets the line to change.
func TestARoleThatDiffersIsShownAndNotChanged(t *testing.T) {
	t.Parallel()
	const change = "on the host, as root: ops has the role admin, and --role is operate: in /etc/unidesk/agent.yaml, take ops out of roles.admin, " +
		"add it to roles.operate, then systemctl restart unidesk-agent"
	for name, c := range map[string]struct {
		account   string
		asked     rpc.Role
		has       rpc.Role
		without   bool // agent.yaml
		dry, mute bool
		want      string
	}{
		"no role was asked for":             {account: "ops", has: rpc.RoleRead},
		"it is as asked":                    {account: "ops", asked: rpc.RoleOperate, has: rpc.RoleOperate},
		"it differs":                        {account: "ops", asked: rpc.RoleOperate, has: rpc.RoleAdmin, want: change},
		"it differs, in a dry run":          {account: "ops", asked: rpc.RoleOperate, has: rpc.RoleAdmin, dry: true, want: change},
		"a dry run before the first":        {account: "ops", asked: rpc.RoleOperate, has: rpc.RoleAdmin, dry: true, without: true},
		"no agent answers a dry run":        {account: "ops", asked: rpc.RoleOperate, dry: true, mute: true},
		"the account has none":              {account: "ops", asked: rpc.RoleRead, mute: true, want: "on the host, as root: add ops to roles.read in /etc/unidesk/agent.yaml, then systemctl restart unidesk-agent"},
		"the account has none, asked or no": {account: "ops", mute: true, want: "on the host, as root: add ops to roles.admin in /etc/unidesk/agent.yaml, then systemctl restart unidesk-agent"},
		"the login is root's":               {account: "root", asked: rpc.RoleRead, has: rpc.RoleAdmin, want: "bootstrap as another account than root, by sudo: root needs no role, and --role read takes nothing from it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBinary("x")
			state, uid := fileUnreadable, "1000"
			if c.without {
				state = fileAbsent
			}
			if c.account == "root" {
				uid = "0"
			}
			facts := "unidesk-host-facts/1\nmachine x86_64\nuid " + uid + "\naccount " + c.account + "\nsystemd yes\nsudo yes\nmember yes\nfile /etc/unidesk/agent.yaml " + state + "\nend\n"
			var sent string
			h := Host{
				Shell: func(_ context.Context, _ []string, stdin []byte) ([]byte, error) {
					if stdin == nil {
						return []byte(facts), nil
					}
					sent += string(stdin)
					return nil, nil
				},
				Binary: func(string) (Binary, error) { return b, nil },
				Ask: func(context.Context) (rpc.Description, error) {
					if c.mute {
						return rpc.Description{}, fault.New(fault.RoleMissing, "no role")
					}
					return rpc.Description{CallerRole: c.has}, nil
				},
				Config: FirstConfig{Role: c.asked},
			}
			r := h.Run(t.Context(), c.dry)
			if got := strings.Join(r.ToDo, "\n"); got != c.want || !r.OK {
				t.Errorf("%s, left to do: %q\nwant %q", r.Decision, got, c.want)
			}
			if c.dry && sent != "" {
				t.Errorf("a dry run sends %q", sent)
			}
		})
	}
}

package serverconfig

import (
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/temporal"
)

// This package reads what serve prints: the same keys, and an internal frontend on every
// image (temporal.md section 6).
func TestPrintedSettingsAreSound(t *testing.T) {
	for name, test := range map[string]struct {
		ip                net.IP
		container, static string
	}{
		"all interfaces":             {nil, "http://host.docker.internal:61884/jwks.json", "http://127.0.0.1:61884/jwks.json"},
		"0.0.0.0":                    {net.IPv4zero, "http://host.docker.internal:61884/jwks.json", "http://127.0.0.1:61884/jwks.json"},
		"[::]":                       {net.IPv6zero, "http://host.docker.internal:61884/jwks.json", "http://127.0.0.1:61884/jwks.json"},
		"loopback":                   {net.IPv4(127, 0, 0, 1), "http://host.docker.internal:61884/jwks.json", "http://127.0.0.1:61884/jwks.json"},
		"IPv6 loopback":              {net.IPv6loopback, "http://host.docker.internal:61884/jwks.json", "http://[::1]:61884/jwks.json"},
		"address":                    {net.IPv4(192, 0, 2, 7), "http://192.0.2.7:61884/jwks.json", "http://192.0.2.7:61884/jwks.json"},
		"IPv6 address":               {net.ParseIP("2001:db8::7"), "http://[2001:db8::7]:61884/jwks.json", "http://[2001:db8::7]:61884/jwks.json"},
		"other address of this host": {net.IPv4(127, 0, 0, 2), "http://host.docker.internal:61884/jwks.json", "http://127.0.0.2:61884/jwks.json"},
	} {
		e := temporal.Endpoint{IP: test.ip, Port: 61884, Path: "/jwks.json"}
		for line := range strings.Lines(e.Settings()) {
			if len(strings.TrimSuffix(line, "\n")) > 80 {
				t.Errorf("%s: wider than a terminal: %s", name, line)
			}
		}
		for _, form := range []struct{ file, text, want string }{
			{".env", e.Container(), test.container},
			{"config.yaml", e.Standalone(), test.static},
			{"values.yaml", e.Helm(), test.container},
		} {
			t.Run(name+", "+form.file, func(t *testing.T) {
				c, err := Read(Input{form.file, []byte(form.text)})
				if err != nil || c.Problem != nil {
					t.Fatal(err, c)
				}
				if len(c.Sources) != 1 || c.Sources[0].Text != form.want {
					t.Errorf("got keys from %v, want %s", c.Sources, form.want)
				}
				if c.Authorizer.Text != "default" || c.ClaimMapper.Text != "default" || len(c.Unread) > 0 {
					t.Errorf("got authorizer %q, claim mapper %q, not read: %v", c.Authorizer.Text, c.ClaimMapper.Text, c.Unread)
				}
				for variable, separator := range map[string]string{"SERVICES": ":", "TEMPORAL_SERVICES": ","} {
					if list := strings.Split(c.Services[variable].Text, separator); form.file == ".env" && (len(list) != 5 || !slices.Contains(list, "internal-frontend")) {
						t.Errorf("%s: got services %q", variable, list)
					}
				}
				if form.file != "config.yaml" && !c.InternalFrontend.Set {
					t.Error("no internal frontend")
				}
			})
		}
	}
}

package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jwtctl/jwtctl/internal/finding"
	"github.com/jwtctl/jwtctl/internal/serverconfig"
	"github.com/jwtctl/jwtctl/internal/suggest"
	"github.com/jwtctl/jwtctl/internal/temporal"
)

func cannotStart(x *pass) {
	if x.Config != nil && x.Config.Problem != nil {
		x.report(x.Config.Pos, "%v", x.Config.Problem)
	}
}

func authorizerMissing(x *pass, c *serverconfig.Config) {
	if c.Authorizer.Text == "" {
		x.report(place(c.Authorizer, c), "no authorizer is set")
	}
}

func authorizerUnknown(x *pass, c *serverconfig.Config) {
	for name, v := range map[string]serverconfig.Value{"authorizer": c.Authorizer, "claimMapper": c.ClaimMapper} {
		if v.Text != "" && !strings.EqualFold(v.Text, "default") {
			x.report(place(v, c), "the %s %s is unknown: the server does not start", name, shown(v))
		}
	}
}

func claimMapperMissing(x *pass, c *serverconfig.Config) {
	if c.Authorizer.Text != "" && c.ClaimMapper.Text == "" {
		x.report(place(c.ClaimMapper, c), "an authorizer is set, but no claimMapper")
	}
}

func keySourceMissing(x *pass, c *serverconfig.Config) {
	if len(c.Sources) == 0 {
		x.report(c.Pos, "no key source is set")
	}
}

// started returns what a container's image starts, and the variable that says
// so; known is false if it is the image's default.
func (x *pass) started(c *serverconfig.Config) (services []string, variable string, known bool) {
	variable, separator := "SERVICES", ":"
	if x.Release.Embedded {
		variable, separator = "TEMPORAL_SERVICES", ","
	}
	v, known := c.Services[variable]
	if v.Text == "" {
		return nil, variable, false
	}
	return strings.FieldsFunc(v.Text, func(r rune) bool { return string(r) == separator || r == ' ' }), variable, known
}

func internalFrontendMissing(x *pass, c *serverconfig.Config) {
	if c.InternalFrontend.Text == "" {
		x.report(c.Pos, "no internal-frontend is configured: the server's own workers are refused, and it stops")
	}
}

func internalFrontendNotStarted(x *pass, c *serverconfig.Config) {
	if c.Form != serverconfig.Container || c.InternalFrontend.Text == "" {
		return
	}
	services, variable, known := x.started(c)
	if !slices.Contains(services, "internal-frontend") {
		v := c.InternalFrontend
		if known {
			v = c.Services[variable]
		}
		x.report(place(v, c), "USE_INTERNAL_FRONTEND configures an internal-frontend, but %s (which server %s reads) does not start it", variable, x.Release.Version)
	}
}

func publicClientSet(x *pass, c *serverconfig.Config) {
	if c.PublicClient.Text != "" && c.InternalFrontend.Text != "" {
		x.report(place(c.PublicClient, c), "publicClient.hostPort is set next to an internal-frontend")
	}
}

func regexIgnored(x *pass, c *serverconfig.Config) {
	if f := temporal.ReadPermissionFormat(c.Regex.Text); f.Problem != "" {
		x.report(place(c.Regex, c), "permissionsRegex: %s; the server falls back to NAMESPACE:ROLE", f.Problem)
	}
}

func servicesUnread(x *pass, c *serverconfig.Config) {
	if c.Form != serverconfig.Container {
		return
	}
	read, unread := "SERVICES", "TEMPORAL_SERVICES"
	if x.Release.Embedded {
		read, unread = unread, read
	}
	if v, set := c.Services[unread]; set && !c.Services[read].Set {
		x.report(place(v, c), "server %s does not read %s", x.Release.Version, unread)
	}
}

// readByServer reports whether the server or its image reads a variable.
func readByServer(name string) bool {
	others := []string{
		"TEMPORAL_SERVICES", "SERVICES", "TEMPORAL_ROOT", "TEMPORAL_CONFIG_DIR", "TEMPORAL_ENVIRONMENT", "TEMPORAL_AVAILABILITY_ZONE",
		"TEMPORAL_AVAILABILTY_ZONE", "TEMPORAL_ALLOW_NO_AUTH", "TEMPORAL_SERVER_CONFIG_FILE_PATH",
	}
	return slices.Contains(temporal.ContainerVariables(), name) || slices.Contains(others, name)
}

func variableUnread(x *pass, c *serverconfig.Config) {
	for _, name := range slices.Sorted(maps.Keys(c.Variables)) {
		if readByServer(name) || (!strings.HasPrefix(name, "TEMPORAL_JWT_") && !strings.HasPrefix(name, "TEMPORAL_AUTH_")) {
			continue
		}
		message := fmt.Sprintf("no template reads %s", name)
		if near := nearest(name); near != "" {
			message += "; did you mean " + near + "?"
		}
		x.report(c.Variables[name].Pos, "%s", message)
	}
}

// nearest returns the variable about authorization that name is most like.
func nearest(name string) string {
	best, least := "", len(name)/5+1
	for _, v := range temporal.ContainerVariables() {
		if strings.HasPrefix(v, "TEMPORAL_JWT_") || strings.HasPrefix(v, "TEMPORAL_AUTH_") {
			if d := suggest.Distance(name, v); d < least {
				best, least = v, d
			}
		}
	}
	return best
}

func keyUnread(x *pass, c *serverconfig.Config) {
	for _, key := range c.Unread {
		message := fmt.Sprintf("the server does not know the key %s", shown(key))
		if near := serverconfig.Nearest(key.Text, serverconfig.Keys()); near != "" {
			message += "; did you mean " + near + "?"
		}
		x.report(key.Pos, "%s", message)
	}
}

func refreshMissing(x *pass, c *serverconfig.Config) {
	if text := c.RefreshInterval.Text; text == "" || strings.Trim(text, "0smh") == "" {
		x.report(place(c.RefreshInterval, c), "no refreshInterval is set: the server never reads new keys, nor keys that were unreachable at startup")
	}
}

func claimNameDotted(x *pass, c *serverconfig.Config) {
	if strings.Contains(c.ClaimName.Text, ".") {
		x.report(place(c.ClaimName, c), "permissionsClaimName %s means a claim with exactly that name", shown(c.ClaimName))
	}
}

func authHeaderRenamed(x *pass, c *serverconfig.Config) {
	if text := c.AuthHeader.Text; text != "" && !strings.EqualFold(text, temporal.DefaultHeader) {
		x.report(place(c.AuthHeader, c), "the server reads the header %s, not authorization", shown(c.AuthHeader))
	}
}

func releaseUnknown(x *pass, c *serverconfig.Config) {
	if c.Version.Text == "" || x.VersionGiven {
		return
	}
	if _, err := temporal.ParseRelease(c.Version.Text); err != nil {
		x.report(c.Version.Pos, "%s is not a known release; the findings are for %s", shown(c.Version), x.Release.Version)
	}
}

// serverSettingsOnUI looks at the Web UI's variables, whatever the server's are.
func serverSettingsOnUI(x *pass) {
	if x.Config == nil {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(x.Config.UI)) {
		if strings.HasPrefix(name, "TEMPORAL_JWT_") || name == "TEMPORAL_AUTH_AUTHORIZER" || name == "TEMPORAL_AUTH_CLAIM_MAPPER" {
			x.report(x.Config.UI[name].Pos, "%s is set for the Web UI, which does not read it", name)
		}
	}
}

func uiWithoutLogin(x *pass, c *serverconfig.Config) {
	if c.HasUI && !strings.EqualFold(c.UI["TEMPORAL_AUTH_ENABLED"].Text, "true") {
		x.report(c.Pos, "the Web UI has no login, so it sends no token")
	}
}

// place returns where v is set, or the section if it is not.
func place(v serverconfig.Value, c *serverconfig.Config) finding.Position {
	if v.Pos.File != "" {
		return v.Pos
	}
	return c.Pos
}

package tokencmd

import (
	"slices"
	"strings"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/temporal"
)

// requestedPermissions returns the permissions requested by the flags.
func (o tokenOptions) requestedPermissions() ([]string, error) {
	if o.plain {
		if o.system || o.regex != "" || len(o.namespaces)+len(o.roles)+len(o.permissions) > 0 {
			return nil, fault.New(fault.UsageError, "--plain", "cannot be combined with --system, --namespace, --role, --permission or --permissions-regex, which are for Temporal")
		}
		return nil, nil
	}
	if o.system && len(o.namespaces) > 0 {
		return nil, fault.New(fault.UsageError, "--system", "cannot be combined with --namespace").
			WithHint("to add single permissions to either, use --permission NS:ROLE")
	}
	scopes, roles := o.namespaces, []string{string(temporal.RoleRead), string(temporal.RoleWrite)}
	if o.system {
		scopes, roles = []string{temporal.SystemScope}, []string{string(temporal.RoleAdmin)}
	}
	if len(o.roles) > 0 {
		roles = o.roles
	}
	var want []temporal.Permission
	for _, scope := range scopes {
		if strings.Contains(scope, ",") {
			return nil, fault.New(fault.UsageError, "--namespace", "%q contains a comma, but must be one name", quote.Shorten(scope)).
				WithHint("repeat --namespace for each; in a variable, put one per line")
		}
		if err := temporal.CheckScope(scope); err != nil {
			return nil, command.AsUsage(err, "--namespace")
		}
		for _, name := range roles {
			role, err := temporal.ParseRole(name)
			if err != nil {
				return nil, command.AsUsage(err, "--role")
			}
			want = append(want, temporal.Permission{Scope: scope, Role: role})
		}
	}
	for _, text := range o.permissions {
		p, err := temporal.ParsePermission(text)
		if strings.HasPrefix(text, ":") {
			return nil, fault.New(fault.UsageError, "--permission", "%q has no namespace before the colon", quote.Shorten(text)).
				WithHint("write NAMESPACE:ROLE, such as default:read")
		}
		if err != nil {
			return nil, command.AsUsage(err, "--permission")
		}
		want = append(want, p)
	}
	if len(want) == 0 {
		return nil, fault.New(fault.UsageError, "token", "needs --system, --namespace, --permission or --plain").
			WithHint("export \"$(jwtctl token --system)\" for an administrator")
	}
	if len(scopes) == 0 && len(o.roles) > 0 {
		return nil, fault.New(fault.UsageError, "--role", "needs --namespace or --system")
	}
	return o.write(want)
}

// write returns permissions as the server reads them.
func (o tokenOptions) write(want []temporal.Permission) ([]string, error) {
	format := temporal.ReadPermissionFormat(o.regex)
	if format.Problem != "" {
		return nil, fault.New(fault.UsageError, "--permissions-regex", "%s; a server would fall back to NAMESPACE:ROLE", format.Problem).
			WithHint("use a pattern such as '^(?P<role>\\w+):(?P<namespace>\\w+)$'")
	}
	var list []string
	for _, p := range want {
		text, err := format.Write(p)
		if err != nil {
			return nil, command.AsUsage(err, "--permissions-regex")
		}
		if !slices.Contains(list, text) {
			list = append(list, text)
		}
	}
	return list, nil
}

// warnOfRoles warns of a token that allows no API, or may not.
func (o tokenOptions) warnOfRoles(d command.Deps) {
	if o.plain || len(o.roles)+len(o.permissions) == 0 {
		return
	}
	more := func(role string) bool { return !strings.EqualFold(role, string(temporal.RoleWorker)) }
	if slices.ContainsFunc(o.roles, more) || (len(o.roles) == 0 && (o.system || len(o.namespaces) > 0)) ||
		slices.ContainsFunc(o.permissions, func(p string) bool { return more(p[strings.LastIndex(p, ":")+1:]) }) {
		return
	}
	d.Warn("no API of a Temporal server accepts the role worker, so this token allows nothing. For a worker, use --role write")
}

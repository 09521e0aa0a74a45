package doctor

import (
	"github.com/jwtctl/jwtctl/internal/finding"
	"github.com/jwtctl/jwtctl/internal/quote"
)

func tokenRefused(x *pass) {
	if x.Token == nil {
		return
	}
	said := map[string]bool{}
	for _, v := range x.Token.Calls {
		if v.Allowed || v.Undecided != "" || len(v.Faults) == 0 {
			continue
		}
		if f := v.Faults[0]; !said[f.Reason] {
			said[f.Reason] = true
			x.report(finding.Position{}, "%s: %s", v.API, quote.Printable(f.Reason))
		}
	}
}

// liveOpen finds a server that permits calls without a token.
func liveOpen(x *pass) {
	for _, a := range x.Live {
		if open(a) {
			x.report(finding.Position{File: a.Address}, "%s is allowed without a token", a.Expected.API)
		}
	}
}

func liveDiffers(x *pass) {
	words := map[bool]string{true: "denies", false: "allows"}
	for _, a := range x.Live {
		if a.Expected.Undecided != "" || a.Denied != a.Expected.Allowed || open(a) {
			continue
		}
		with := "without a token"
		if a.WithToken {
			with = "with the token"
		}
		reason := ""
		if len(a.Expected.Faults) > 0 {
			reason = ": " + quote.Printable(a.Expected.Faults[0].Reason)
		}
		x.report(finding.Position{File: a.Address}, "the server %s %s %s; with its configuration, release %s %s it%s",
			words[a.Denied], a.Expected.API, with, a.Expected.ServerVersion, words[!a.Expected.Allowed], reason)
	}
}

// open reports whether liveOpen reports the answer.
func open(a Answer) bool { return !a.WithToken && !a.Denied && a.Expected.RequiredRole != "" }

// Probes returns the APIs to call on a live server: they only read.
func Probes() []string {
	const workflow = "/temporal.api.workflowservice.v1.WorkflowService/"
	return []string{workflow + "ListNamespaces", workflow + "GetClusterInfo", workflow + "DescribeNamespace", workflow + "GetSystemInfo", "/grpc.health.v1.Health/Check"}
}

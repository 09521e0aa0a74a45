// Package gateway runs a proxy for a long time: addresses, TLS, metrics, and a
// policy that is read again when its files change.
package gateway

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/diff"
	"github.com/jwtctl/jwtctl/internal/enforce"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/gateway/tlsfiles"
	"github.com/jwtctl/jwtctl/internal/input"
	"github.com/jwtctl/jwtctl/internal/input/policies"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// reloader puts policy and certificates in force as their files are now.
type reloader struct {
	d       command.Deps
	name    string // of the command, and of its section in jwtctl.yaml
	sets    *input.SetCache
	policy  policies.Flags
	serving sharedFlags
	// again reads the command line, the variables and the configuration as at the
	// start, and returns what they say now.
	again func() (*settingsNow, error)
	// prepare returns what puts p in force, which changes nothing until it is called.
	prepare func(p *policies.Policy) (swap func() error, err error)
	certs   *tlsfiles.Certificates
	watched watched
	seen    map[string]os.FileInfo // when the policy in force was read
	problem string                 // why the last reload failed, "" if it did not
	inUse   *policies.Policy       // the policy in force
	past    *diff.Past[compared]   // those before it

	at      atomic.Int64 // when the policy in force was read, in Unix seconds
	failing atomic.Bool
	// weakened counts the changes by which reloads made the policy weaker.
	weakened atomic.Int64
}

// settingsNow is what flags, variables and jwtctl.yaml say now.
type settingsNow struct {
	d      command.Deps
	policy policies.Flags
	// late reports that something changed which counts at the next start only.
	late bool
}

// start loads the first policy.
func (r *reloader) start(ctx context.Context) (*policies.Policy, error) {
	w := watchedBy(r.d, r.policy, r.serving.tls)
	seen := w.look()
	var err error
	if r.certs, err = r.serving.tls.Load(r.d.System.Now); err != nil {
		return nil, err
	}
	p, err := r.load(ctx, r.d, r.policy)
	if err != nil {
		return nil, err
	}
	r.policy.Keys.Passphrase.StopAsking()
	r.past = newPast()
	r.inForce(p, w, seen)
	r.warnOpen(p)
	return p, nil
}

// load loads the policy that flags name.
func (r *reloader) load(ctx context.Context, d command.Deps, flags policies.Flags) (*policies.Policy, error) {
	return flags.Load(ctx, d, d.System.Now, policies.LoadOptions{Cache: r.sets, Keyless: true})
}

func enforced(p *policies.Policy) enforce.Policy {
	return enforce.Policy{Plan: p.Plan, Verifier: p.Verifier, Signer: p.Signer}
}

// inForce remembers what p was made of. seen is how the files looked before
// they were read, so that a change since then is seen at the next look.
func (r *reloader) inForce(p *policies.Policy, w watched, seen map[string]os.FileInfo) {
	var imports []string
	for _, f := range p.Set.Files() {
		imports = append(imports, f.Where)
		for _, dir := range w.importPaths { // one that is new there may come first
			imports = append(imports, filepath.Join(dir, f.Descriptor.Path()))
		}
	}
	w.fixed = append(w.fixed, imports...)
	for name, info := range (watched{fixed: imports}).look() {
		if _, known := seen[name]; !known {
			seen[name] = info
		}
	}
	r.watched, r.seen, r.inUse = w, seen, p
	r.sets.Loaded(true)
	r.at.Store(r.d.System.Now().Unix())
}

// inputs returns the files that a result must not overwrite.
func (r *reloader) inputs() []string { return slices.Collect(maps.Keys(r.seen)) }

// watch reloads what has changed, and at once when told, until ctx is done. It
// asks rather than waits for events, as jwks.Publisher does.
func (r *reloader) watch(ctx context.Context, told <-chan struct{}) {
	ticker := time.NewTicker(r.serving.every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-told:
			r.reload(ctx, true)
		case <-ticker.C:
			// After a failure all may look as before: a file is back in its place.
			if r.problem != "" || !maps.EqualFunc(r.seen, r.watched.look(), sameFile) {
				r.reload(ctx, false)
			}
		}
	}
}

// reload loads everything again and puts it in force, or logs why not: each time
// that SIGHUP requests it, otherwise once for each reason.
func (r *reloader) reload(ctx context.Context, asked bool) {
	log := r.d.Logger()
	err := r.renew(ctx)
	switch {
	case ctx.Err() != nil:
	case err == nil:
		r.problem = ""
		r.failing.Store(false)
		log.Info("policy reloaded")
	default:
		r.sets.Loaded(false)
		r.failing.Store(true)
		// Joined errors have a line each.
		text := strings.ReplaceAll(quote.Printable(err.Error()), "\n", "; ")
		if asked || text != r.problem {
			log.Error("reload failed, keeping the current policy", "code", fault.CodeOf(err), "error", text)
		}
		r.problem = text
	}
}

// renew swaps policy and certificates, or neither.
func (r *reloader) renew(ctx context.Context) (err error) {
	defer func() {
		if v := recover(); v != nil { // in the background, it would end the proxy
			err = fault.New(fault.Internal, "policy", "loading failed (panic)")
		}
	}()
	before := r.watched.look()
	now, err := r.again()
	if err != nil {
		return err
	}
	if now.late {
		r.d.Warn("changes under %s: in jwtctl.yaml take effect at the next start", r.name)
	}
	w := watchedBy(now.d, now.policy, r.serving.tls)
	seen := w.look()
	for name := range seen {
		if info, known := before[name]; known { // the configuration is read already
			seen[name] = info
		}
	}
	certs, err := r.serving.tls.Read(r.d.System.Now)
	if err != nil {
		return err
	}
	p, err := r.load(ctx, now.d, now.policy)
	if err != nil {
		return err
	}
	weaker, err := r.weaker(p)
	if err == nil {
		err = r.checkWeaker(weaker)
	}
	if err != nil {
		return err
	}
	swap, err := r.prepare(p)
	if err == nil {
		err = swap()
	}
	if err != nil {
		return err
	}
	r.certs.Use(certs)
	opened := r.inUse.Plan.Enforces() && !p.Plan.Enforces()
	r.past.Replace(comparedOf(r.inUse), comparedOf(p))
	r.inForce(p, w, seen)
	r.warnWeaker(ctx, weaker)
	if opened {
		r.warnOpen(p)
	}
	return nil
}

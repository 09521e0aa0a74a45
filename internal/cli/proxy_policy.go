package cli

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/proxy"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/settings"
)

// live is what a command that loads its policy again and again keeps between
// the loads.
type live struct {
	mu sync.Mutex
	// sets are the remote key sets, with the keys they hold, by what they were
	// made of; asked are those that the load under way has asked for.
	sets, asked map[string]keys.Set
}

func newLive() *live {
	return &live{asked: map[string]keys.Set{}}
}

// set returns the set called id of the policy in force, else what opened makes.
func (l *live) set(id string, opened func() (keys.Set, error)) (keys.Set, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, known := range []map[string]keys.Set{l.asked, l.sets} {
		if set := known[id]; set != nil {
			l.asked[id] = set
			return set, nil
		}
	}
	set, err := opened()
	if err == nil {
		l.asked[id] = set
	}
	return set, err
}

// loaded ends a load. The sets of one that was refused are forgotten.
func (l *live) loaded(inForce bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if inForce {
		l.sets = l.asked
	}
	l.asked = map[string]keys.Set{}
}

// reloader puts policy and certificates in force as their files are now.
type reloader struct {
	app     *app
	options proxyOptions
	proxy   *proxy.Proxy
	certs   *certificates
	watched watched
	seen    map[string]os.FileInfo // when the policy in force was read
	problem string                 // why the last reload failed, "" if it did not
	inUse   *compiled              // the policy in force

	at      atomic.Int64 // when the policy in force was read, in Unix seconds
	failing atomic.Bool
	// weakened counts the changes by which reloads made the policy weaker.
	weakened atomic.Int64
}

// start loads the first policy.
func (r *reloader) start(ctx context.Context) (policy proxy.Policy, err error) {
	w := r.options.watched(r.app)
	seen := w.look()
	if r.certs, err = r.options.serving.tls.load(r.app.System.Now); err != nil {
		return policy, err
	}
	p, err := r.options.policy.policy(ctx, r.app, r.app.System.Now, keysIfEnforced)
	if err != nil {
		return policy, err
	}
	r.inForce(p, w, seen)
	r.warnOpen(p)
	return r.options.proxyPolicy(p), nil
}

func (o *proxyOptions) proxyPolicy(p *compiled) proxy.Policy {
	return proxy.Policy{Plan: p.plan, Verifier: p.verifier, Signer: p.signer, Ring: p.ring}
}

// inForce remembers what p was made of. seen is how the files looked before
// they were read, so that a change since then is seen at the next look.
func (r *reloader) inForce(p *compiled, w watched, seen map[string]os.FileInfo) {
	var imports []string
	for _, f := range p.set.Files() {
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
	r.app.live.loaded(true)
	r.at.Store(r.app.System.Now().Unix())
}

// inputs returns the files that a result must not overwrite.
func (r *reloader) inputs() []string { return slices.Collect(maps.Keys(r.seen)) }

// watch reloads what has changed, and at once when told, until ctx is done. It
// asks rather than waits for events, as jwks.Publisher does.
func (r *reloader) watch(ctx context.Context, told <-chan struct{}) {
	ticker := time.NewTicker(r.options.serving.every)
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

// reload loads everything anew and puts it in force, or says why not: at each
// try that was asked for, and else once for each reason.
func (r *reloader) reload(ctx context.Context, asked bool) {
	log := r.app.Logger()
	err := r.renew(ctx)
	switch {
	case ctx.Err() != nil:
	case err == nil:
		r.problem = ""
		r.failing.Store(false)
		log.Info("policy reloaded")
	default:
		r.app.live.loaded(false)
		r.failing.Store(true)
		// Joined errors stand on a line each.
		text := strings.ReplaceAll(quote.Printable(err.Error()), "\n", "; ")
		if asked || text != r.problem {
			log.Error("the new version is refused, the policy in force stays", "code", fault.CodeOf(err), "error", text)
		}
		r.problem = text
	}
}

// renew swaps policy and certificates, or neither.
func (r *reloader) renew(ctx context.Context) (err error) {
	defer func() {
		if v := recover(); v != nil { // in the background, it would end the proxy
			err = fault.New(fault.Internal, "policy", "loading it panicked")
		}
	}()
	before := r.watched.look()
	fresh, o, err := r.app.again()
	if err != nil {
		return err
	}
	if o.serving != r.options.serving {
		r.app.Warn("what changed under proxy: in jwtctl.yaml counts from the next start")
	}
	w := o.watched(fresh)
	seen := w.look()
	for name := range seen {
		if info, known := before[name]; known { // the configuration is read already
			seen[name] = info
		}
	}
	certs, err := r.options.serving.tls.read(r.app.System.Now)
	if err != nil {
		return err
	}
	p, err := o.policy.policy(ctx, fresh, fresh.System.Now, keysIfEnforced)
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
	if err := r.proxy.Swap(o.proxyPolicy(p)); err != nil {
		return err
	}
	r.certs.current.Store(certs)
	opened := r.inUse.plan.Enforces() && !p.plan.Enforces()
	r.inForce(p, w, seen)
	r.warnWeaker(weaker)
	if opened {
		r.warnOpen(p)
	}
	return nil
}

// again reads the command line, the variables and the configuration as at the
// start, and returns what they say now.
func (a *app) again() (*app, *proxyOptions, error) {
	var o proxyOptions
	fresh := &app{Deps: a.Deps, live: a.live}
	var err error
	if fresh.Settings, err = a.Settings.Again(o.register); err != nil {
		return nil, nil, err
	}
	return fresh, &o, o.check(fresh)
}

// checkRereadable refuses inputs that give away what they hold once.
func (f *messageFlags) checkRereadable(a *app) error {
	once := func(flag string) error {
		return fault.New(fault.UsageError, flag, "standard input can be read once only, and the proxy reads again").WithHint("name a file")
	}
	if slices.Contains(f.protos.sets, "-") {
		return once("--descriptor-set")
	}
	if slices.ContainsFunc(f.keys.places(a), func(p keyPlace) bool { return p.name == "-" }) {
		return once("--key")
	}
	if slices.ContainsFunc(f.sets.entries(a), func(e settings.KeySetEntry) bool { return e.JWKS == "-" }) {
		return once("--jwks")
	}
	return nil
}

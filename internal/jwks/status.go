package jwks

import "time"

// Status is what is known of a remote set, without fetching it.
type Status struct {
	// Where is its URL, or the issuer that it is discovered from, without what
	// could be a secret, and Issuer the issuer that it is bound to, "" for none.
	Where, Issuer string
	// FetchedAt is when the last fetch that brought keys began, zero for none.
	FetchedAt time.Time
	// Succeeded and Failed count the fetches that ended.
	Succeeded, Failed uint64
}

// Status returns how the set's fetches went so far. It fetches nothing.
func (r *Remote) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Status{Where: label(r.where), Issuer: r.options.Issuer, FetchedAt: r.fetched, Succeeded: r.succeeded, Failed: r.failed}
}

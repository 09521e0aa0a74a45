package jwks

import "time"

// Status is the state of a remote set, as far as known without fetching it.
type Status struct {
	// Location is its URL, or the issuer that it is discovered from, without possible
	// secrets. Issuer is the issuer that it is bound to, or "".
	Location, Issuer string
	// FetchedAt is when the last successful fetch began, or zero.
	FetchedAt time.Time
	// Succeeded and Failed count completed fetches.
	Succeeded, Failed uint64
}

// Status returns the results of the set's fetches so far. It does not fetch.
func (r *Remote) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Status{Location: label(r.location), Issuer: r.options.Issuer, FetchedAt: r.fetched, Succeeded: r.succeeded, Failed: r.failed}
}

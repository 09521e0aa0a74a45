package jwks

import "context"

// Fetch returns the content at the URL address, for callers that parse sets themselves.
// It has the same limits as NewRemote's fetches. Errors are key_set_unavailable and
// key_set_url_not_allowed.
func Fetch(ctx context.Context, address string, n Network) ([]byte, error) {
	f := newFetcher(n)
	ctx, cancel := context.WithTimeout(ctx, f.network.Timeout)
	defer cancel()
	a, err := f.get(ctx, address)
	return a.body, err
}

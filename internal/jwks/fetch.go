package jwks

import "context"

// Fetch returns what the URL address holds, for those who read a set in a way
// of their own. It is bounded as NewRemote's fetches are, and its errors are
// key_set_unavailable and key_set_url_not_allowed.
func Fetch(ctx context.Context, address string, n Network) ([]byte, error) {
	f := newFetcher(n)
	ctx, cancel := context.WithTimeout(ctx, f.network.Timeout)
	defer cancel()
	a, err := f.get(ctx, address)
	return a.body, err
}

package jwks

import "context"

// Fetch returns the content at the URL address, for callers that parse sets themselves.
// It has the same limits as NewRemote's fetches. Errors are key_set_unavailable and
// key_set_url_not_allowed.
func Fetch(ctx context.Context, address string, n Network) ([]byte, error) {
	a, err := fetch(ctx, address, newFetcher(n))
	return a.body, err
}

// FetchWithErrors is like Fetch, but if the response is not a 200, it returns its body and
// HTTP status together with the error. It shows what a program reads that does not check
// the status; never trust keys from it.
func FetchWithErrors(ctx context.Context, address string, n Network) (body []byte, status int, err error) {
	f := newFetcher(n)
	f.keepBody = true
	a, err := fetch(ctx, address, f)
	return a.body, a.status, err
}

func fetch(ctx context.Context, address string, f *fetcher) (fetchResult, error) {
	ctx, cancel := context.WithTimeout(ctx, f.network.Timeout)
	defer cancel()
	return f.get(ctx, address)
}

package jwks_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/jwks"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestS17_NoRequestFailsDuringReloads: readers send requests without pause while files
// are added, removed and broken. No request fails, and each response is a complete set
// that was published at some time. The key "stays" is in all of them.
func TestS17_NoRequestFailsDuringReloads(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "0.jwk", jwkOf(t, newKey(t, keys.ES256, "stays")))
	p := publish(t, folder(dir), jwks.HandlerOptions{})
	watch(t, p, nil, time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Timeout)
	defer cancel()
	var good, changes atomic.Int64
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			last := ""
			for ctx.Err() == nil {
				tag, err := checkAnswer(p)
				if err != nil {
					t.Error(err)
					return
				}
				if tag != last && changes.Add(1) > 100 && strings.Contains(p.log.String(), "level=ERROR") {
					cancel() // enough changes
				}
				last = tag
				good.Add(1)
			}
		})
	}
	churn(t, ctx, dir)
	wait.Wait()
	if changes.Load() < 10 || !strings.Contains(p.log.String(), "level=ERROR") {
		t.Errorf("%d changes seen by %d requests: the test proves nothing", changes.Load(), good.Load())
	}
	t.Logf("%d valid responses, %d changes seen", good.Load(), changes.Load())
}

// checkAnswer fetches the set and returns its tag.
func checkAnswer(p *published) (string, error) {
	answer, err := p.client.Get(p.url(jwks.DefaultPath))
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return "", err
	}
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("status %d: %s", answer.StatusCode, body)
	}
	loaded, err := keys.ParseSet(body, keys.Attributes{Source: "served"}, true)
	if err != nil {
		return "", err
	}
	if !slices.Contains(idsOf(loaded.Keys), "stays") {
		return "", errors.New("a set without the key that was always there")
	}
	return answer.Header.Get("ETag"), nil
}

// churn changes the key files in dir in every way until ctx is done.
func churn(t *testing.T, ctx context.Context, dir string) {
	var texts [][]byte
	for i := range 4 {
		texts = append(texts, jwkOf(t, newKey(t, keys.ES256, fmt.Sprintf("k%d", i))))
	}
	for i := 0; ctx.Err() == nil; i++ {
		name := fmt.Sprintf("%d.jwk", 1+i%3)
		text := texts[i%len(texts)]
		switch i % 5 {
		case 0, 1: // in place, in two halves
			write(t, dir, name, text[:len(text)/2])
			time.Sleep(2 * time.Millisecond)
			write(t, dir, name, text)
		case 2: // atomically
			if err := os.Rename(write(t, dir, ".new", text), filepath.Join(dir, name)); err != nil {
				t.Error(err)
			}
		case 3:
			write(t, dir, name, nil)
		case 4:
			_ = os.Remove(filepath.Join(dir, "1.jwk"))
			_ = os.Remove(filepath.Join(dir, "2.jwk"))
			_ = os.Remove(filepath.Join(dir, "3.jwk"))
		}
		time.Sleep(3 * time.Millisecond)
	}
}

package standalone

import (
	"bytes"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"time"

	"go.temporal.io/server/common/config"
	"gopkg.in/yaml.v3"
)

// DefaultRefreshInterval is how often config.yaml has the server fetch the key set again.
const DefaultRefreshInterval = time.Minute

//go:embed config.yaml
var configYAML []byte

// Options is what may differ between two servers; all else is fixed in config.yaml.
type Options struct {
	// JWKS are the http or https URLs of the key sets, at least one. If one does not answer at the start, the server
	// has no keys at all until its next attempt.
	JWKS []string
	// RefreshInterval is how often the key set is fetched again; 0 means DefaultRefreshInterval.
	RefreshInterval time.Duration
	// Port is the frontend's gRPC port; 0 means DefaultPort. The other ports keep their distance to it.
	Port int
	// DatabaseFile is an SQLite file; empty keeps everything in memory.
	DatabaseFile string
	// LogLevel is debug, info, warn or error; empty means the level in config.yaml.
	LogLevel string
}

// Config returns config.yaml with the options applied.
func Config(o Options) (*config.Config, error) {
	cfg := &config.Config{}
	decoder := yaml.NewDecoder(bytes.NewReader(configYAML))
	decoder.KnownFields(true) // a setting with a typo must not be a setting left out
	if err := decoder.Decode(cfg); err != nil {
		return nil, fmt.Errorf("config.yaml: %w", err)
	}
	if len(o.JWKS) == 0 {
		return nil, errors.New("no JWKS URL: without one the server has no keys and refuses every token")
	}
	for _, jwks := range o.JWKS {
		if err := checkURL(jwks); err != nil {
			return nil, err
		}
	}
	if o.RefreshInterval < 0 {
		return nil, fmt.Errorf("refresh interval %s: must not be negative", o.RefreshInterval)
	}

	keys := &cfg.Global.Authorization.JWTKeyProvider
	keys.KeySourceURIs = o.JWKS
	if o.RefreshInterval > 0 {
		keys.RefreshInterval = o.RefreshInterval
	}
	switch o.LogLevel {
	case "":
	case "debug", "info", "warn", "error":
		cfg.Log.Level = o.LogLevel
	default: // the server would take it for info
		return nil, fmt.Errorf("log level %q: want debug, info, warn or error", o.LogLevel)
	}
	if o.Port != 0 {
		if err := movePorts(cfg, o.Port); err != nil {
			return nil, err
		}
	}
	setDatabase(cfg, o.DatabaseFile)
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("server configuration: %w", err)
	}
	return cfg, nil
}

func checkURL(jwks string) error {
	u, err := url.Parse(jwks)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return fmt.Errorf("JWKS URL %q: want http://HOST:PORT/PATH or https://HOST/PATH", jwks)
	}
	return nil
}

func setDatabase(cfg *config.Config, file string) {
	db := cfg.Persistence.DataStores[cfg.Persistence.DefaultStore].SQL
	if file != "" {
		db.DatabaseName = file
		db.ConnectAttributes = map[string]string{"mode": "rwc", "cache": "private", "setup": "true"}
		return
	}
	// In memory, servers of one process share what has the same name, and it outlives them.
	db.DatabaseName += "-" + rand.Text()
}

package testkit

import (
	"os"
	"slices"
	"strings"
)

// OwnEnvironment makes this process, and the programs that its tests start, independent
// of the developer's settings: it unsets those of jwtctl, apart from the variables in
// keep, of Temporal's CLI and of git, excepts this machine from HTTP proxies, has programs
// speak English, and lets others read new files, but not write them. In a git hook, git
// would otherwise write to the repository of the hook. TestMain calls it.
func OwnEnvironment(keep ...string) {
	umask(0o022)
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		for _, prefix := range []string{"JWTCTL_", "TEMPORAL_", "GIT_"} {
			if strings.HasPrefix(name, prefix) && !slices.Contains(keep, name) {
				set(name, "")
			}
		}
	}
	for name, value := range map[string]string{
		"LC_ALL": "C", "LANGUAGE": "",
		"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.DevNull,
		"GIT_CEILING_DIRECTORIES": os.TempDir(), // which may be in a work tree
		"GIT_CONFIG_COUNT":        "2",
		"GIT_CONFIG_KEY_0":        "core.excludesFile", "GIT_CONFIG_VALUE_0": os.DevNull,
		"GIT_CONFIG_KEY_1": "safe.directory", "GIT_CONFIG_VALUE_1": "*", // as in a container that mounts the clone
	} {
		set(name, value)
	}
	for _, name := range []string{"NO_PROXY", "no_proxy"} {
		set(name, strings.TrimPrefix(os.Getenv(name)+",127.0.0.1,localhost", ","))
	}
}

// set sets a variable, or unsets it if value is "".
func set(name, value string) {
	err := os.Unsetenv(name)
	if value != "" {
		err = os.Setenv(name, value)
	}
	if err != nil {
		panic(err)
	}
}

package settings

import (
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/config"
)

// KindOf returns the kind of f's values.
func KindOf(f *pflag.Flag) config.Kind {
	k := config.Kind{Type: f.Value.Type(), Usage: f.Usage}
	if c, ok := f.Value.(choice); ok {
		k.Choices = c.of
	}
	if s, ok := f.Value.(size); ok {
		k.Must = s.needed()
	}
	return k
}

// TableOf returns the table of all flags of root's commands.
func TableOf(root *cobra.Command) string {
	rows := map[string]string{}
	EachCommand(root, func(cmd *cobra.Command) {
		EachFlag(cmd, func(f *pflag.Flag) {
			if key := mark(f, markKey); key != "" {
				k := KindOf(f)
				usage, _, _ := strings.Cut(k.Usage, " [JWTCTL_") // added by Describe
				usage = strings.ReplaceAll(usage, "`", "")
				rows[key] = strings.Join([]string{key, k.Type, strings.Join(k.Choices, " "), usage}, "\t") + "\n"
			}
		})
	})
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(rows)) {
		b.WriteString(rows[key])
	}
	return b.String()
}

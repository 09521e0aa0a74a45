package cli

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/settings"
)

// TestHelpFitsTheTerminal: no line of --help is wider than 80 columns, except commands to
// copy that cannot be broken, such as those with quotes.
func TestHelpFitsTheTerminal(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.OutColumns = 80
	settings.EachCommand(Root(f.System), func(cmd *cobra.Command) {
		var help bytes.Buffer
		cmd.SetOut(&help)
		if err := cmd.Help(); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(help.String()) {
			line = strings.TrimSuffix(line, "\n")
			if utf8.RuneCountInString(line) > f.OutColumns && !(strings.HasPrefix(line, "  ") && strings.ContainsAny(line, `'"\|`)) {
				t.Errorf("%s --help has a line of more than 80 columns:\n%s", cmd.CommandPath(), line)
			}
		}
	})
}

// TestHelpNamesWhatFlagsTake: what a flag takes is in capitals, as FILE or DURATION, and
// defaults are before the variable and the key.
func TestHelpNamesWhatFlagsTake(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	settings.EachCommand(Root(f.System), func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(flag *pflag.Flag) {
			if flag.Value.Type() == "bool" || flag.Hidden {
				return
			}
			if taken, _ := pflag.UnquoteUsage(described(flag)); strings.ToLower(taken) == taken {
				t.Errorf("%s --%s takes %q, want a word in capitals", cmd.CommandPath(), flag.Name, taken)
			}
		})
		var help bytes.Buffer
		cmd.SetOut(&help)
		if err := cmd.Help(); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(help.String()) {
			if _, after, found := strings.Cut(line, " [JWTCTL_"); found && strings.Contains(after, "(default") || strings.Contains(line, "(default )") {
				t.Errorf("%s --help has a misplaced or empty default:\n%s", cmd.CommandPath(), line)
			}
		}
	})
}

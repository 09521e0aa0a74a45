package cli

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"

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

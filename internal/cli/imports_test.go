package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/testkit"
)

// module is the prefix of our packages' import paths.
const module = "github.com/jwtctl/jwtctl/"

// architectureTable returns the cells of the table in docs/architecture.md whose header
// starts with title.
func architectureTable(t *testing.T, title string) (rows [][]string) {
	t.Helper()
	_, rest, found := strings.Cut(testkit.Read(t, "../../docs/architecture.md"), "\n| "+title+" |")
	if !found {
		t.Fatalf("docs/architecture.md has no table %q", title)
	}
	for i, line := range strings.Split(rest, "\n") {
		if i < 2 { // the rest of the header
			continue
		}
		if !strings.HasPrefix(line, "|") {
			break
		}
		var row []string
		for _, cell := range strings.Split(strings.Trim(line, "|"), "|") {
			row = append(row, strings.TrimSpace(strings.ReplaceAll(cell, "`", "")))
		}
		rows = append(rows, row)
	}
	if len(rows) < 5 {
		t.Fatalf("the table %q of docs/architecture.md has %d rows", title, len(rows))
	}
	return rows
}

// importsByPackage returns the imports of each of our packages, without tests.
func importsByPackage(t *testing.T) map[string][]string {
	t.Helper()
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	list := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		list[shortName(fields[0])] = fields[1:]
	}
	return list
}

// shortName returns the name of the package path in docs/architecture.md.
func shortName(path string) string {
	return strings.TrimPrefix(strings.TrimPrefix(path, module), "internal/")
}

// TestImports: each package imports exactly what its row in docs/architecture.md lists,
// and only packages of rows below its own.
func TestImports(t *testing.T) {
	t.Parallel()
	all := importsByPackage(t)
	rows := architectureTable(t, "package")
	row := map[string]int{}
	for i, cells := range rows {
		row[strings.TrimPrefix(cells[0], "internal/")] = i
	}
	for pkg, imports := range all {
		i, listed := row[pkg]
		if !listed {
			t.Errorf("docs/architecture.md lacks a row for %s", pkg)
			continue
		}
		var ours []string
		for _, path := range imports {
			if !strings.HasPrefix(path, module) {
				continue
			}
			name := shortName(path)
			ours = append(ours, name)
			if below, known := row[name]; known && below <= i {
				t.Errorf("%s imports %s, which is not below it in docs/architecture.md", pkg, name)
			}
		}
		slices.Sort(ours)
		if file, repeats := repeatsImports(t, pkg); repeats {
			t.Errorf("%s lists imports in a comment: only docs/architecture.md should", file)
		}
		if got, want := strings.Join(ours, " "), rows[i][2]; got != want {
			t.Errorf("%s imports %q, docs/architecture.md lists %q", pkg, got, want)
		}
	}
}

// repeatsImports reports whether a comment in a file of pkg lists its imports.
func repeatsImports(t *testing.T, pkg string) (file string, repeats bool) {
	t.Helper()
	sources, err := filepath.Glob(filepath.Join("..", pkg, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range sources {
		if !strings.HasSuffix(file, "_test.go") && strings.Contains(testkit.Read(t, file), "may import") {
			return file, true
		}
	}
	return "", false
}

// TestPicture: each arrow of the picture in docs/architecture.md is an import, and the
// picture has every package of the top floor.
func TestPicture(t *testing.T) {
	t.Parallel()
	all := importsByPackage(t)
	full := map[string]string{}
	for pkg := range all {
		full[filepath.Base(pkg)] = pkg
	}
	_, picture, _ := strings.Cut(testkit.Read(t, "../../docs/architecture.md"), "```mermaid\n")
	picture, _, _ = strings.Cut(picture, "```")
	shown := map[string]bool{}
	arrows := 0
	for line := range strings.Lines(picture) {
		if !strings.Contains(line, "-->") {
			continue
		}
		var from []string
		for i, end := range strings.Split(line, "-->") {
			names := strings.Split(strings.ReplaceAll(end, " ", ""), "&")
			for n, name := range names {
				names[n] = full[strings.TrimSpace(name)]
				shown[names[n]] = true
				for _, importer := range from {
					arrows++
					if !slices.Contains(all[importer], module+"internal/"+names[n]) {
						t.Errorf("%q: %s does not import %q", strings.TrimSpace(line), importer, names[n])
					}
				}
			}
			if from = names; i == 0 && len(names) == 0 {
				t.Errorf("the arrow %q has no start", line)
			}
		}
	}
	if arrows < 40 {
		t.Errorf("the picture has only %d arrows", arrows)
	}
	for pkg := range all {
		if topFloor(pkg) && !shown[pkg] {
			t.Errorf("the picture does not show %s", pkg)
		}
	}
}

// TestArchitectureNamesWhatIs: the files and names in docs/architecture.md exist.
func TestArchitectureNamesWhatIs(t *testing.T) {
	t.Parallel()
	doc := testkit.Read(t, "../../docs/architecture.md")
	folders := map[string]string{}
	for pkg := range importsByPackage(t) {
		folders[filepath.Base(pkg)] = filepath.Join("..", pkg)
	}
	names, files := 0, 0
	for _, m := range regexp.MustCompile("`([a-z]+)\\.([A-Z]\\w+)`").FindAllStringSubmatch(doc, -1) {
		folder, ours := folders[m[1]]
		if !ours {
			t.Errorf("%s.%s: no such package", m[1], m[2])
			continue
		}
		names++
		sources, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		declared := regexp.MustCompile(`(?m)^(func (\(\w+ \*?\w+\) )?|type )` + m[2] + `\b`)
		if !slices.ContainsFunc(sources, func(file string) bool { return declared.MatchString(testkit.Read(t, file)) }) {
			t.Errorf("%s.%s does not exist", m[1], m[2])
		}
	}
	for _, m := range regexp.MustCompile("`((?:internal|cmd|docs)/[\\w./-]+\\.\\w+)`").FindAllStringSubmatch(doc, -1) {
		files++
		if _, err := os.Stat(filepath.Join("../..", m[1])); err != nil {
			t.Error(err)
		}
	}
	if names < 25 || files < 5 {
		t.Errorf("found only %d names and %d files", names, files)
	}
}

// TestOnlyTestsUseWhatIsForTests: a package that docs/architecture.md calls "for tests"
// is imported only by tests.
func TestOnlyTestsUseWhatIsForTests(t *testing.T) {
	t.Parallel()
	forTests := map[string]bool{}
	for _, cells := range architectureTable(t, "package") {
		if strings.HasPrefix(cells[1], "for tests: ") {
			forTests[strings.TrimPrefix(cells[0], "internal/")] = true
		}
	}
	if len(forTests) < 4 {
		t.Errorf("found only %d packages for tests", len(forTests))
	}
	for pkg, imports := range importsByPackage(t) {
		for _, path := range imports {
			if forTests[shortName(path)] && !forTests[pkg] {
				t.Errorf("%s imports %s, which is for tests", pkg, shortName(path))
			}
		}
	}
}

// TestNoCommandImportsAnother: code shared by two commands is below both.
func TestNoCommandImportsAnother(t *testing.T) {
	t.Parallel()
	groups := 0
	for pkg, imports := range importsByPackage(t) {
		if strings.HasPrefix(pkg, "command/") {
			groups++
		}
		for _, path := range imports {
			if strings.HasPrefix(shortName(path), "command/") && pkg != "cli" {
				t.Errorf("%s imports %s, which only cli may import", pkg, shortName(path))
			}
		}
	}
	if groups < 5 {
		t.Errorf("only %d packages of commands: the rule proves little", groups)
	}
}

// topFloor reports whether a package may know flags, streams and exit codes.
func topFloor(pkg string) bool {
	return strings.HasPrefix(pkg, "command/") || slices.Contains([]string{"cli", "command", "console", "gateway", "input", "input/policies", "config", "settings", "system"}, pkg)
}

// TestTopFloorIsSmall: no package of the top floor has more than 1,500 lines without
// tests, and no file more than 300.
func TestTopFloorIsSmall(t *testing.T) {
	t.Parallel()
	const mostOfPackage, mostOfFile = 1500, 300
	for pkg := range importsByPackage(t) {
		if !topFloor(pkg) {
			continue
		}
		files, err := filepath.Glob(filepath.Join("..", pkg, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no files: %v", pkg, err)
		}
		total := 0
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			n := strings.Count(testkit.Read(t, file), "\n")
			if total += n; n > mostOfFile {
				t.Errorf("%s has %d lines, more than %d", file, n, mostOfFile)
			}
		}
		if total > mostOfPackage {
			t.Errorf("%s has %d lines, more than %d: split it", pkg, total, mostOfPackage)
		}
	}
}

// TestDoors: libraries that docs/architecture.md assigns to a package are imported by no
// other.
func TestDoors(t *testing.T) {
	t.Parallel()
	all := importsByPackage(t)
	for _, cells := range architectureTable(t, "library") {
		for pkg, imports := range all {
			if i := slices.IndexFunc(imports, func(path string) bool { return strings.HasPrefix(path, cells[0]) }); i >= 0 && !slices.Contains(strings.Fields(cells[1]), pkg) {
				t.Errorf("%s imports %s, which docs/architecture.md assigns to: %s", pkg, imports[i], cells[1])
			}
		}
	}
}

package holdfast_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/holdfast/holdfast"

// mayImport lists, for each package, which of ours it may import beside its
// own folder's contract. It is a statement of policy, not a description of
// the code: a build that breaks it is mended in the code.
//
// A driver may import its own part and what that part may import.
var mayImport = map[string][]string{
	"digest":             {},
	"fault":              {},
	"internal/telemetry": {},
	"internal/testpg":    {},
	"web":                {},
	"gate":               {"digest", "fault", "gate/detect", "gate/ff1", "gate/names"},
	"gate/detect":        {"fault"},
	"gate/ff1":           {"fault"},
	"gate/names":         {"fault"},
	"record":             {"digest", "fault", "gate"},
	"embedding":          {"digest", "fault", "internal/telemetry", "gate", "record"},
	"index":              {"digest", "fault", "internal/telemetry", "gate", "record"},
	"pipeline":           {"digest", "fault", "internal/telemetry", "gate", "record"},
	"access":             {"digest", "fault", "internal/telemetry", "gate", "record"},
	"snapshot":           {"digest", "fault", "internal/telemetry", "gate", "record", "embedding"},
	"flow":               {"digest", "fault", "internal/telemetry", "gate", "record", "embedding", "index", "pipeline", "access", "snapshot"},
	"search":             {"digest", "fault", "internal/telemetry", "gate", "record", "embedding", "index", "pipeline", "access", "flow", "snapshot"},
	"":                   {"digest", "fault", "internal/telemetry", "gate", "record", "embedding", "index", "pipeline", "access", "flow", "snapshot", "search"},
	"api": {
		"", "digest", "fault", "internal/telemetry", "gate", "record", "embedding", "index", "pipeline", "access", "flow", "snapshot", "search",
	},
}

// parts hold a contract; their drivers sit below them.
var parts = []string{"record", "embedding", "index", "pipeline", "gate"}

// mayReveal lists who may take raw text out of its wrapping: the gate, which
// transforms it, and nobody else.
//
// gate/remote is the one exception: it sends raw text to a service that finds
// values in it. There is no such service unless somebody configures one.
var mayReveal = []string{"gate", "gate/remote"}

// mayDisclose lists who may hand restored text to its caller.
var mayDisclose = []string{"api"}

// source is one Go file of ours.
type source struct {
	pkg  string // folder below the module's root
	file string
	ast  *ast.File
	test bool
}

func sources(t *testing.T) []source {
	t.Helper()
	var out []source
	set := token.NewFileSet()
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if base := d.Name(); d.IsDir() && name != "." && (strings.HasPrefix(base, ".") || base == "node_modules" || base == "testdata") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		f, err := parser.ParseFile(set, name, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(filepath.Dir(name))
		if pkg == "." {
			pkg = ""
		}
		out = append(out, source{pkg: pkg, file: name, ast: f, test: strings.HasSuffix(name, "_test.go")})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func imports(s source) []string {
	var out []string
	for _, imp := range s.ast.Imports {
		name := strings.Trim(imp.Path.Value, `"`)
		if name == module {
			out = append(out, "")
		} else if rest, ours := strings.CutPrefix(name, module+"/"); ours {
			out = append(out, rest)
		}
	}
	return out
}

func driverOf(pkg string) string {
	for _, p := range parts {
		if strings.HasPrefix(pkg, p+"/") {
			return p
		}
	}
	return ""
}

func TestImportRules(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || strings.HasPrefix(s.pkg, "cmd/") || strings.HasPrefix(s.pkg, "tools/") || s.pkg == "conform" {
			continue
		}
		allowed, known := mayImport[s.pkg]
		own := driverOf(s.pkg)
		if !known && own == "" {
			t.Errorf("%s: package %q has no import rule", s.file, s.pkg)
			continue
		}
		for _, imp := range imports(s) {
			switch {
			case slices.Contains(allowed, imp), strings.HasPrefix(imp, s.pkg+"/") && s.pkg != "" && own == "" && s.pkg == "gate":
			case own != "" && (imp == own || slices.Contains(mayImport[own], imp) || strings.HasPrefix(imp, s.pkg+"/")):
			case own != "" && path.Dir(imp) == path.Dir(s.pkg) && strings.HasPrefix(s.pkg, own+"/"+path.Base(path.Dir(s.pkg))):
			default:
				t.Errorf("%s: %q may not import %q", s.file, s.pkg, imp)
			}
		}
	}
}

func TestOnlyTestsImportTestPackages(t *testing.T) {
	for _, s := range sources(t) {
		for _, pkg := range []string{"conform", "internal/testpg"} {
			if !s.test && s.pkg != "conform" && slices.Contains(imports(s), pkg) {
				t.Errorf("%s imports %s", s.file, pkg)
			}
		}
	}
}

func TestEveryPackageHasAComment(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		documented[s.pkg] = documented[s.pkg] || s.ast.Doc != nil
	}
	for pkg, ok := range documented {
		if !ok {
			t.Errorf("package %q has no package comment", pkg)
		}
	}
}

func TestInterfacesAreSmall(t *testing.T) {
	const most = 12
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				if i, ok := spec.Type.(*ast.InterfaceType); ok && i.Methods.NumFields() > most {
					t.Errorf("%s: interface %s has %d methods", s.file, spec.Name.Name, i.Methods.NumFields())
				}
			}
			return true
		})
	}
}

// TestInvariant3OnlyTheGateRevealsRawText reads the sources, since the
// compiler cannot tell who calls a method.
func TestInvariant3OnlyTheGateRevealsRawText(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			call, ok := n.(*ast.SelectorExpr)
			switch {
			case ok && call.Sel.Name == "Reveal" && !slices.Contains(mayReveal, s.pkg):
				t.Errorf("%s reveals raw text", s.file)
			case ok && call.Sel.Name == "Disclose" && !slices.Contains(mayDisclose, s.pkg):
				t.Errorf("%s discloses restored text", s.file)
			}
			return true
		})
	}
}

// TestInvariant3SkippingTheGateDoesNotCompile builds a program that passes a
// string, and one that passes clean text, to what sends text out.
func TestInvariant3SkippingTheGateDoesNotCompile(t *testing.T) {
	for _, c := range []struct {
		dir   string
		wants string // in the compiler's message; empty if it must compile
	}{
		{"testdata/gated", ""},
		{"testdata/ungated/embedder", "cannot use"},
		{"testdata/ungated/index", "cannot use"},
		{"testdata/ungated/mint", "cannot refer to unexported field"},
	} {
		out, err := exec.CommandContext(t.Context(), "go", "vet", "./"+c.dir).CombinedOutput() //nolint:gosec // fixed names
		switch {
		case c.wants == "" && err != nil:
			t.Errorf("%s does not compile: %s", c.dir, out)
		case c.wants != "" && err == nil:
			t.Errorf("%s compiles", c.dir)
		case c.wants != "" && !strings.Contains(string(out), c.wants):
			t.Errorf("%s fails for another reason: %s", c.dir, out)
		}
	}
}

// TestNothingSleeps keeps waits on events, in code and in tests.
func TestNothingSleeps(t *testing.T) {
	for _, s := range sources(t) {
		ast.Inspect(s.ast, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if ok && sel.Sel.Name == "Sleep" && fmt.Sprint(sel.X) == "time" && !strings.Contains(s.file, "synctest") {
				t.Errorf("%s sleeps", s.file)
			}
			return true
		})
	}
}

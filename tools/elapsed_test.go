package tools_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A test that compares how long something took fails on a busy machine, or passes by luck.
// Two calls that wait for each other prove that they run at the same time; a call on what
// never ends proves by its return that it gave up; testing/synctest has a clock that moves
// only when all wait. A poll has a deadline of minutes, which only ends a hang.
func TestNoTestComparesAnElapsedTime(t *testing.T) {
	t.Parallel()
	folders := map[string][]*ast.File{}
	set := token.NewFileSet()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		folders[filepath.Dir(path)] = append(folders[filepath.Dir(path)], file)
		return err
	})
	if err != nil || len(folders) < 10 {
		t.Fatalf("%d folders of tests, %v", len(folders), err)
	}
	for _, files := range folders {
		for _, at := range comparisons(files) {
			t.Errorf("%s compares an elapsed time: prove the cause instead, or use testing/synctest", set.Position(at))
		}
	}
}

func TestComparisonsOfElapsedTimesAreFound(t *testing.T) {
	t.Parallel()
	const text = `package p
func TestIt(t *testing.T) {
	began := time.Now()
	if time.Since(began) > limit { }                     // found
	if took := time.Since(began); err != nil || took < 2*time.Second { } // found
	if end.Sub(began) >= 5 { }                           // found
	var took = time.Now().Sub(began)
	if time.Minute < took { }                            // found
	t.Run("x", func(t *testing.T) { if took != 0 { } })  // found
	for time.Since(began) < time.Minute { }              // found
	if took.Seconds() > 3 { }                            // found
	if time.Now().After(deadline) || expires.Sub(issued) != 10*time.Minute || n > 3 { }
	took = 4
	synctest.Test(t, func(t *testing.T) { if time.Since(began) != time.Minute { } })
	inBubble(t, func(t *testing.T) { if time.Since(began) != time.Minute { } })
	if file.Sub(began) > time.Minute { }                 // found
}
func inBubble(t *testing.T, f func(t *testing.T)) { synctest.Test(t, f) }
func BenchmarkIt(b *testing.B) { if time.Since(began) > limit { } }
`
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "p_test.go", text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var want, got []int
	for i, line := range strings.Split(text, "\n") {
		if strings.Contains(line, "// found") {
			want = append(want, i+1)
		}
	}
	for _, at := range comparisons([]*ast.File{file}) {
		got = append(got, set.Position(at).Line)
	}
	if !slices.Equal(got, want) {
		t.Errorf("found in the lines %v, want %v", got, want)
	}
}

// comparisons returns where the tests of a package compare an elapsed time, outside of
// benchmarks and of the functions that run in a bubble of synctest.
func comparisons(files []*ast.File) (found []token.Pos) {
	bubbles := []string{"synctest.Test"}
	functions := func(each func(*ast.FuncDecl)) {
		for _, file := range files {
			for _, decl := range file.Decls {
				if f, ok := decl.(*ast.FuncDecl); ok && f.Body != nil {
					each(f)
				}
			}
		}
	}
	functions(func(f *ast.FuncDecl) { // a helper takes what it runs in a bubble
		ast.Inspect(f.Body, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && name(call.Fun) == "synctest.Test" && !strings.HasPrefix(f.Name.Name, "Test") {
				bubbles = append(bubbles, f.Name.Name)
			}
			return true
		})
	})
	functions(func(f *ast.FuncDecl) {
		if strings.HasPrefix(f.Name.Name, "Benchmark") || strings.HasPrefix(f.Name.Name, "TestBench") { // of make bench
			return
		}
		elapsed, now := map[string]bool{}, map[string]bool{}
		ast.Inspect(f.Body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				return !slices.Contains(bubbles, name(n.Fun))
			case *ast.AssignStmt:
				for i, to := range n.Lhs {
					if len(n.Rhs) == len(n.Lhs) {
						elapsed[name(to)] = measures(n.Rhs[i], elapsed, now)
						now[name(to)] = name(n.Rhs[i]) == "time.Now" || now[name(to)]
					}
				}
			case *ast.ValueSpec:
				for i, to := range n.Names {
					if len(n.Values) == len(n.Names) {
						elapsed[to.Name] = measures(n.Values[i], elapsed, now)
						now[to.Name] = name(n.Values[i]) == "time.Now" || now[to.Name]
					}
				}
			case *ast.BinaryExpr:
				switch n.Op {
				case token.LSS, token.LEQ, token.GTR, token.GEQ, token.EQL, token.NEQ:
					if measures(n.X, elapsed, now) || measures(n.Y, elapsed, now) {
						found = append(found, n.Pos())
					}
				}
			}
			return true
		})
	})
	return found
}

// measures reports whether an expression is made of an elapsed time: of time.Since, or of
// a difference to a time.Now.
func measures(e ast.Expr, elapsed, now map[string]bool) (yes bool) {
	ast.Inspect(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident:
			yes = yes || elapsed[n.Name]
		case *ast.CallExpr:
			sub, ok := n.Fun.(*ast.SelectorExpr)
			of := name(n.Fun)
			yes = yes || of == "time.Since"
			if ok && sub.Sel.Name == "Sub" && len(n.Args) == 1 {
				yes = yes || name(sub.X) == "time.Now" || name(n.Args[0]) == "time.Now" || now[name(sub.X)] || now[name(n.Args[0])]
			}
		case *ast.FuncLit:
			return false
		}
		return true
	})
	return yes
}

// name is the text of x, x.y, or of a call of either.
func name(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return fmt.Sprintf("%s.%s", name(e.X), e.Sel.Name)
	case *ast.CallExpr:
		return name(e.Fun)
	}
	return ""
}

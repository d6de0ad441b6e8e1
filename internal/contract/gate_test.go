package contract_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/contract"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
)

// Every gate that a source file declares has a reason. Two gates that a person
// opens in different ways never share a reason.
func TestEveryGateHasItsReason(t *testing.T) {
	t.Parallel()
	gates := append(declared(t, "../catalog/catalog.go"), declared(t, "gate.go")...)
	if len(gates) < 7 {
		t.Fatalf("only %d gates: %q", len(gates), gates)
	}
	of := map[fault.Reason]catalog.Gate{}
	for _, g := range gates {
		reason, known := contract.GateReason(g)
		if !known || reason == "" {
			t.Errorf("%s has no reason", g)
		}
		if other, twice := of[reason]; twice && reason != fault.Unsupported {
			t.Errorf("%s and %s are both %s", g, other, reason)
		}
		of[reason] = g
	}
}

// declared are the constants of type Gate in a source file.
func declared(t *testing.T, path string) (all []catalog.Gate) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !isGate(spec.Type) {
			return true
		}
		literal, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, catalog.Gate(literal))
		return true
	})
	return all
}

func isGate(kind ast.Expr) bool {
	switch kind := kind.(type) {
	case *ast.Ident:
		return kind.Name == "Gate"
	case *ast.SelectorExpr:
		return kind.Sel.Name == "Gate"
	}
	return false
}

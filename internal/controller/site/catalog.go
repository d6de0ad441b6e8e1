package site

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/pikasTech/unidesk-artifact-cd/internal/catalog"
	"github.com/pikasTech/unidesk-artifact-cd/internal/fault"
	"github.com/pikasTech/unidesk-artifact-cd/internal/manual"
)

// LoadCatalog reads services.yaml of the folder, or takes the built-in catalog
// if the folder has no such file.
func LoadCatalog(dir string) (*catalog.Catalog, error) {
	services, err := parseCatalog(filepath.Join(dir, "services.yaml"), readGuarded)
	if errors.Is(err, fs.ErrNotExist) {
		return catalog.Builtin()
	}
	return services, err
}

// ReadCatalog reads a catalog. Its error names the file, and every fault of it.
func ReadCatalog(path string) (*catalog.Catalog, error) { return parseCatalog(path, readBounded) }

func parseCatalog(path string, read func(string) ([]byte, error)) (*catalog.Catalog, error) {
	content, err := read(path)
	if err != nil {
		return nil, fault.New(fault.ConfigInvalid, "read the catalog: %w", err)
	}
	services, err := catalog.Parse(content)
	if err != nil {
		return nil, fault.New(fault.ConfigInvalid, "%s: %w", path, err).WithHint("correct the lines that it names; %s describes each key", manual.Page("configuration.md"))
	}
	return services, nil
}

// RowsOf returns the catalog's row of a service, "" standing for all of them.
func RowsOf(dir, service string) ([]catalog.Row, error) {
	c, err := LoadCatalog(dir)
	if err != nil {
		return nil, err
	}
	names := []string{service}
	if service == "" {
		names = nil
		for _, id := range c.Services() {
			names = append(names, id.String())
		}
	}
	var list []catalog.Row
	for _, name := range names {
		row, err := c.Row(name)
		if err != nil {
			return nil, err
		}
		list = append(list, row)
	}
	return list, nil
}

// RowsIn are the catalog's rows; none without a catalog.
func RowsIn(services *catalog.Catalog) (rows []catalog.Row) {
	if services == nil {
		return nil
	}
	for _, id := range services.Services() {
		if row, err := services.Row(id.String()); err == nil {
			rows = append(rows, row)
		}
	}
	return rows
}

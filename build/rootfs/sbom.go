package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// debPackage is one package of Debian's that the image has files of.
type debPackage struct {
	name, version, arch, source string
	control                     []byte
}

// provenance writes down where everything comes from.
func (s *staging) provenance() error {
	owners, err := s.owners()
	if err != nil {
		return err
	}
	var debs []debPackage
	for _, name := range owners {
		control, err := os.ReadFile(filepath.Join(s.sysroot, "packages", name, "control"))
		if err != nil {
			return err
		}
		debs = append(debs, parseControl(control))
		if err := s.write("var/lib/dpkg/status.d/"+name, control, 0o644); err != nil {
			return err
		}
		// Some packages share the documentation of another one by a link.
		licence, err := os.ReadFile(filepath.Join(s.sysroot, "usr/share/doc", name, "copyright"))
		if err != nil {
			return fmt.Errorf("licence of %s: %w", name, err)
		}
		if err := s.write("usr/share/doc/"+name+"/copyright", licence, 0o644); err != nil {
			return err
		}
	}
	bill, err := s.bill(debs)
	if err != nil {
		return err
	}
	return s.write("usr/share/sbom/git-sync.spdx.json", bill, 0o644)
}

// owners names, sorted, the packages that the staged files come from. Every file must have one.
func (s *staging) owners() ([]string, error) {
	lists, err := filepath.Glob(filepath.Join(s.sysroot, "packages/*/list"))
	if err != nil {
		return nil, err
	}
	owner := map[string]string{}
	for _, list := range lists {
		b, err := os.ReadFile(list)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(b)) {
			if path := strings.TrimPrefix(strings.TrimSpace(line), "./"); !strings.HasSuffix(path, "/") {
				owner[s.real(path)] = filepath.Base(filepath.Dir(list))
			}
		}
	}
	var names []string
	for _, path := range s.staged {
		name, ok := owner[path]
		if !ok {
			return nil, fmt.Errorf("%s belongs to no package", path)
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// parseControl takes what is wanted from a package's control file (deb-control(5)).
func parseControl(control []byte) debPackage {
	d := debPackage{control: control}
	for line := range strings.Lines(string(control)) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch key {
		case "Package":
			d.name = value
		case "Version":
			d.version = value
		case "Architecture":
			d.arch = value
		case "Source":
			d.source, _, _ = strings.Cut(value, " ")
		}
	}
	if d.source == "" {
		d.source = d.name
	}
	return d
}

// The parts of an SPDX 2.3 document that are used here (https://spdx.github.io/spdx-spec/v2.3/).
type (
	spdxDocument struct {
		Version       string             `json:"spdxVersion"`
		License       string             `json:"dataLicense"`
		ID            string             `json:"SPDXID"`
		Name          string             `json:"name"`
		Namespace     string             `json:"documentNamespace"`
		Creation      spdxCreation       `json:"creationInfo"`
		Packages      []spdxPackage      `json:"packages"`
		Relationships []spdxRelationship `json:"relationships"`
	}
	spdxCreation struct {
		Created  string   `json:"created"`
		Creators []string `json:"creators"`
	}
	spdxPackage struct {
		ID        string         `json:"SPDXID"`
		Name      string         `json:"name"`
		Version   string         `json:"versionInfo"`
		Supplier  string         `json:"supplier"`
		Download  string         `json:"downloadLocation"`
		Analyzed  bool           `json:"filesAnalyzed"`
		License   string         `json:"licenseDeclared"`
		Concluded string         `json:"licenseConcluded"`
		Copyright string         `json:"copyrightText"`
		Source    string         `json:"sourceInfo,omitempty"`
		Checksums []spdxChecksum `json:"checksums,omitempty"`
		External  []spdxExternal `json:"externalRefs,omitempty"`
	}
	spdxChecksum struct {
		Algorithm string `json:"algorithm"`
		Value     string `json:"checksumValue"`
	}
	spdxExternal struct {
		Category string `json:"referenceCategory"`
		Type     string `json:"referenceType"`
		Locator  string `json:"referenceLocator"`
	}
	spdxRelationship struct {
		Element string `json:"spdxElementId"`
		Type    string `json:"relationshipType"`
		Related string `json:"relatedSpdxElement"`
	}
)

const (
	spdxRoot    = "SPDXRef-DOCUMENT"
	unknown     = "NOASSERTION"
	binaryID    = "SPDXRef-git-sync"
	debianNote  = "licence: /usr/share/doc/%s/copyright; source package %s"
	epochNotSet = "1970-01-01T00:00:00Z"
)

// bill writes the bill of materials. The same files give the same bill: its time is -epoch or none, its name is
// made of its content.
func (s *staging) bill(debs []debPackage) ([]byte, error) {
	binary, err := os.ReadFile(s.binary)
	if err != nil {
		return nil, err
	}
	info, err := buildinfo.Read(bytes.NewReader(binary))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.binary, err)
	}
	sum := sha256.Sum256(binary)
	top := entry(binaryID, "git-sync", s.version, "")
	top.Checksums = []spdxChecksum{{"SHA256", hex.EncodeToString(sum[:])}}
	packages := []spdxPackage{top, entry("SPDXRef-go-stdlib", "stdlib", strings.TrimPrefix(info.GoVersion, "go"), "pkg:golang/stdlib@"+strings.TrimPrefix(info.GoVersion, "go"))}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		packages = append(packages, entry("SPDXRef-go-"+identifier(m.Path), m.Path, m.Version, "pkg:golang/"+m.Path+"@"+m.Version))
	}
	for _, d := range debs {
		p := entry("SPDXRef-deb-"+identifier(d.name), d.name, d.version, fmt.Sprintf("pkg:deb/debian/%s@%s?arch=%s", d.name, strings.NewReplacer("+", "%2B", ":", "%3A").Replace(d.version), d.arch))
		p.Supplier = "Organization: Debian"
		p.Source = fmt.Sprintf(debianNote, d.name, d.source)
		packages = append(packages, p)
	}
	doc := spdxDocument{
		Version: "SPDX-2.3", License: "CC0-1.0", ID: spdxRoot, Name: "git-sync " + s.version,
		Creation: spdxCreation{Created: created(s.epoch), Creators: []string{"Tool: git-sync-rootfs"}},
		Packages: packages,
	}
	for _, p := range packages {
		relation := spdxRelationship{binaryID, "DEPENDS_ON", p.ID}
		if p.ID == binaryID {
			relation = spdxRelationship{spdxRoot, "DESCRIBES", binaryID}
		}
		doc.Relationships = append(doc.Relationships, relation)
	}
	content, err := json.Marshal(packages)
	if err != nil {
		return nil, err
	}
	sum = sha256.Sum256(content)
	doc.Namespace = "https://spdx.org/spdxdocs/git-sync-" + hex.EncodeToString(sum[:16])
	out, err := json.MarshalIndent(doc, "", " ")
	return append(out, '\n'), err
}

// entry is one line of the bill.
func entry(id, name, version, purl string) spdxPackage {
	p := spdxPackage{
		ID: id, Name: name, Version: version, Supplier: unknown, Download: unknown,
		License: unknown, Concluded: unknown, Copyright: unknown,
	}
	if purl != "" {
		p.External = []spdxExternal{{"PACKAGE-MANAGER", "purl", purl}}
	}
	return p
}

// identifier writes a name with the letters that SPDX allows in identifiers.
func identifier(name string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-", r) {
			return r
		}
		return '-'
	}, name)
}

// created is the time of the bill, in seconds since 1970, or none.
func created(epoch string) string {
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return epochNotSet
	}
	return time.Unix(seconds, 0).UTC().Format(time.RFC3339)
}

package pii

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"slices"
)

// MaxResults bounds what a SARIF file holds, since it is made as a whole.
const MaxResults = 100_000

// The parts of SARIF 2.1.0 (OASIS) that are used.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool       sarifTool     `json:"tool"`
		ColumnKind string        `json:"columnKind"`
		Results    []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version,omitempty"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string       `json:"id"`
		ShortDescription sarifMessage `json:"shortDescription"`
	}
	sarifMessage struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID     string          `json:"ruleId"`
		RuleIndex  int             `json:"ruleIndex"`
		Level      string          `json:"level"`
		Message    sarifMessage    `json:"message"`
		Locations  []sarifLocation `json:"locations"`
		Properties map[string]any  `json:"properties"`
	}
	sarifLocation struct {
		PhysicalLocation sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		ArtifactLocation sarifArtifact `json:"artifactLocation"`
		Region           sarifRegion   `json:"region"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int64 `json:"startLine"`
		StartColumn int   `json:"startColumn,omitempty"`
		EndColumn   int   `json:"endColumn,omitempty"`
	}
)

// SARIF writes places as a SARIF 2.1.0 log. Values are not in it.
func SARIF(w io.Writer, version string, places []Place) error {
	run := sarifRun{
		Tool:       sarifTool{Driver: sarifDriver{Name: "holdfast", Version: version, Rules: []sarifRule{}}},
		ColumnKind: "unicodeCodePoints", Results: make([]sarifResult, 0, len(places)),
	}
	rules := &run.Tool.Driver.Rules
	for _, p := range places {
		id := string(p.Entity)
		index := slices.IndexFunc(*rules, func(r sarifRule) bool { return r.ID == id })
		if index < 0 {
			index = len(*rules)
			*rules = append(*rules, sarifRule{id, sarifMessage{"Personal data or a secret of type " + id}})
		}
		r := sarifResult{
			RuleID: id, RuleIndex: index, Level: "warning",
			Message:    sarifMessage{fmt.Sprintf("%s found (score %.2f)", id, p.Score)},
			Properties: map[string]any{"score": p.Score, "detector": p.Rule},
		}
		if p.Score >= 0.8 {
			r.Level = "error"
		}
		region := sarifRegion{StartLine: p.Line}
		if p.Field == "" { // within a row the columns are not those of the file
			region.StartColumn, region.EndColumn = p.Column, p.End
		} else {
			r.Properties["field"] = p.Field
		}
		uri := (&url.URL{Path: filepath.ToSlash(p.File)}).EscapedPath()
		r.Locations = []sarifLocation{{sarifPhysical{sarifArtifact{uri}, region}}}
		run.Results = append(run.Results, r)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(sarifLog{
		Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run},
	})
}

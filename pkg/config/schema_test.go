package config

import (
	"encoding/json"
	"maps"
)

// jsonSchema is the JSON schema of the file of --config, from which editors complete and validate it.
func jsonSchema() (string, error) {
	options := map[string]any{}
	for _, o := range table(new(draft)) {
		if o.scope == perProcess || o.id() == "password" {
			continue
		}
		for _, f := range o.flags {
			options[f.name] = o.schema()
		}
	}
	sync := map[string]any{"name": map[string]any{
		"type": "string", "pattern": dnsLabel, "description": "Name of the sync, which is also the default name of its directory below the root.",
	}}
	maps.Copy(sync, options)
	out, err := json.MarshalIndent(map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "git-sync --config",
		"type": "object", "additionalProperties": false, "required": []string{"syncs"},
		"properties": map[string]any{
			"defaults": map[string]any{"type": "object", "additionalProperties": false, "properties": options},
			"syncs": map[string]any{"type": "array", "minItems": 1, "items": map[string]any{
				"type": "object", "additionalProperties": false, "required": []string{"name", "repo"}, "properties": sync,
			}},
		},
	}, "", "  ")
	return string(out) + "\n", err
}

// schema describes the value of a row.
func (o option) schema() map[string]any {
	scalar := []string{"string", "number"}
	s := map[string]any{"description": o.text}
	switch {
	case o.id() == "credential":
		s["type"] = []string{"string", "object", "array"}
	case o.kind == manyValues:
		s["type"], s["items"] = append(scalar, "array"), map[string]any{"type": scalar}
	case o.kind == isBool:
		s["type"] = "boolean"
	case len(o.choices) > 0:
		s["enum"] = o.choices
	default:
		s["type"] = scalar
	}
	return s
}

package flags

import (
	"encoding/json"
	"io"
	"strings"

	"pgtest/cmd/pgtest/internal/config"
)

// Schema prints a JSON schema of pgtest.toml.
func Schema(w io.Writer) error {
	properties := map[string]any{
		"inherits": map[string]any{"type": "string", "description": "the profile whose settings hold where this one has none"},
	}
	for _, g := range table(new(Options)) {
		text := ""
		for i := len(g.Rows) - 1; i >= 0; i-- {
			r := g.Rows[i]
			if r.Text != "" {
				text = r.text()
			}
			if r.set != nil && r.configurable() {
				properties[r.Name] = r.schema(strings.ReplaceAll(text, "\n", " "))
			}
		}
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(map[string]any{
		"$schema":              "http://json-schema.org/draft-07/schema#",
		"title":                config.Name,
		"type":                 "object",
		"additionalProperties": false,
		"properties": map[string]any{"profile": map[string]any{
			"type":                 "object",
			"additionalProperties": map[string]any{"$ref": "#/definitions/profile"},
		}},
		"definitions": map[string]any{"profile": map[string]any{
			"type": "object", "additionalProperties": false, "properties": properties,
		}},
	})
}

// schema describes the values of a flag.
func (r Row) schema(text string) map[string]any {
	var types []any
	for _, k := range r.kinds() {
		switch k {
		case config.Strings:
			types = append(types, map[string]any{"type": "array", "items": map[string]any{"type": "string"}})
		case config.Integer:
			types = append(types, map[string]any{"type": "integer"})
		case config.Bool:
			types = append(types, map[string]any{"type": "boolean"})
		case config.String:
			values := map[string]any{"type": "string"}
			if r.closed && !r.boolean {
				values["enum"] = r.values
			}
			types = append(types, values)
		}
	}
	schema := map[string]any{"description": text}
	if len(types) > 1 {
		schema["anyOf"] = types
		return schema
	}
	for name, value := range types[0].(map[string]any) {
		schema[name] = value
	}
	return schema
}

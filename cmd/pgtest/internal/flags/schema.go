package flags

import (
	"encoding/json"
	"io"
	"slices"
	"strings"

	"pgtest/cmd/pgtest/internal/config"
)

// Schema prints a JSON schema of pgtest.toml.
func Schema(w io.Writer) error {
	properties := map[string]any{
		"inherits": map[string]any{"type": "string", "description": "the profile whose settings hold where this one has none"},
		"override": overridesSchema,
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
		"properties": map[string]any{
			"profile":  tableOf(map[string]any{"$ref": "#/definitions/profile"}),
			"group":    tableOf(object(map[string]any{"max": map[string]any{"type": "integer", "minimum": 1, "description": "how many of the group may run at once"}}, "max")),
			"setup":    tableOf(setupSchema()),
			"override": overridesSchema,
		},
		"definitions": map[string]any{"profile": object(properties), "override": overrideSchema()},
	})
}

var overridesSchema = map[string]any{
	"description": "what holds for some packages and tests; later ones win",
	"type":        "array", "items": map[string]any{"$ref": "#/definitions/override"},
}

// object is a table with these keys.
func object(properties map[string]any, required ...string) map[string]any {
	o := map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
	if len(required) > 0 {
		o["required"] = required
	}
	return o
}

// tableOf is a table with keys of any name.
func tableOf(values map[string]any) map[string]any {
	return map[string]any{"type": "object", "additionalProperties": values}
}

func overrideSchema() map[string]any {
	properties := map[string]any{
		packagesKey: described(packagesText, schemaOf([]config.Kind{config.String, config.Strings}, nil)),
		testsKey:    described(testsText, schemaOf([]config.Kind{config.String}, nil)),
	}
	environment := tableOf(map[string]any{"type": "string"})
	properties[environmentKey] = described(environmentText, []any{environment})
	retries := make(map[string]any)
	for _, k := range overrideKeys() {
		if sub, ok := strings.CutPrefix(k.name, "retries."); ok {
			retries[sub] = described(k.text, schemaOf(k.kinds, nil))
		}
	}
	for _, k := range overrideKeys() {
		if strings.Contains(k.name, ".") {
			continue
		}
		types := schemaOf(k.kinds, k.values)
		if slices.Contains(k.kinds, config.Table) {
			types = append(types, object(retries, "count"))
		}
		properties[k.name] = described(k.text, types)
	}
	return object(properties)
}

// schema describes the values of a flag.
func (r Row) schema(text string) map[string]any {
	values := r.values
	if !r.closed || r.boolean {
		values = nil
	}
	return described(text, schemaOf(r.kinds(), values))
}

// schemaOf describes each kind; strings are among values, unless that is nil.
func schemaOf(kinds []config.Kind, values []string) []any {
	var types []any
	for _, k := range kinds {
		switch k {
		case config.Strings:
			types = append(types, map[string]any{"type": "array", "items": map[string]any{"type": "string"}})
		case config.Integer:
			types = append(types, map[string]any{"type": "integer"})
		case config.Bool:
			types = append(types, map[string]any{"type": "boolean"})
		case config.String:
			text := map[string]any{"type": "string"}
			if values != nil {
				text["enum"] = values
			}
			types = append(types, text)
		}
	}
	return types
}

// described is one of the types, with a text.
func described(text string, types []any) map[string]any {
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

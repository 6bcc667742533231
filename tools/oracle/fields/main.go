// Prints, as JSON, what the Go types of the built-in kinds say that a .proto file does not: which message a kind is,
// what each field of a message is called in JSON, which are inlined, and which are left out where they are empty.
//
//	{"kinds": {"apps/v1": {"Deployment": "k8s.io.api.apps.v1.Deployment"}},
//	 "messages": {"k8s.io.api.core.v1.Volume": {"fields": [{"id": 2, "name": "volumeSource", "inline": true, …}]}}}
//
// A type with a JSON form of its own that this program does not know is an error: a reader that took it for a plain
// message would see something else than the API server.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sallyport.dev/tools/oracle/kinds"
)

type field struct {
	ID   int    `json:"id"`
	Name string `json:"name"`
	// What it is called in JSON; empty for an inlined one.
	JSON   string `json:"json,omitempty"`
	Inline bool   `json:"inline,omitempty"`
	// Empty is "keep", "empty" (omitempty) or "zero" (omitzero).
	Empty string `json:"empty"`
	// Pointer: absent is nil, and not the zero value.
	Pointer bool `json:"pointer,omitempty"`
	// Message that it holds, or that its items or values are.
	Message string `json:"message,omitempty"`
}

type message struct {
	// Form is a JSON form of its own, by name.
	Form   string  `json:"form,omitempty"`
	Fields []field `json:"fields"`
}

type output struct {
	Kinds    map[string]map[string]string `json:"kinds"`
	Messages map[string]*message          `json:"messages"`
}

// Types with a MarshalJSON of their own.
var forms = map[string]string{
	"k8s.io.apimachinery.pkg.api.resource.Quantity":                                              "quantity",
	"k8s.io.apimachinery.pkg.util.intstr.IntOrString":                                            "intOrString",
	"k8s.io.apimachinery.pkg.apis.meta.v1.Time":                                                  "time",
	"k8s.io.apimachinery.pkg.apis.meta.v1.MicroTime":                                             "microTime",
	"k8s.io.apimachinery.pkg.apis.meta.v1.FieldsV1":                                              "fieldsV1",
	"k8s.io.apimachinery.pkg.runtime.RawExtension":                                               "rawExtension",
	"k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1.JSON":                              "json",
	"k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray":            "schemaOrArray",
	"k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool":             "schemaOrBool",
	"k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray":      "schemaOrStringArray",
	"k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1beta1.JSON":                         "json",
	"k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1beta1.JSONSchemaPropsOrArray":       "schemaOrArray",
	"k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1beta1.JSONSchemaPropsOrBool":        "schemaOrBool",
	"k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1beta1.JSONSchemaPropsOrStringArray": "schemaOrStringArray",
}

var (
	marshaler   = reflect.TypeFor[json.Marshaler]()
	unmarshaler = reflect.TypeFor[interface{ Unmarshal([]byte) error }]()
	bytes       = reflect.TypeFor[[]byte]()
)

func nameOf(t reflect.Type) string {
	return strings.NewReplacer("/", ".", "-", "_").Replace(t.PkgPath()) + "." + t.Name()
}

// isMessage tells a slice with a message of its own (metav1.Verbs) from a repeated field.
func isMessage(t reflect.Type) bool { return reflect.PointerTo(t).Implements(unmarshaler) }

func (o *output) add(t reflect.Type) (string, error) {
	name := nameOf(t)
	if o.Messages[name] != nil {
		return name, nil
	}
	m := &message{Fields: []field{}}
	o.Messages[name] = m
	if t.Implements(marshaler) || reflect.PointerTo(t).Implements(marshaler) {
		form, ok := forms[name]
		if !ok {
			return "", fmt.Errorf("%s has a JSON form of its own, which is not known here", name)
		}
		m.Form = form
	}
	switch {
	case m.Form == "quantity" || m.Form == "time" || m.Form == "microTime" || m.Form == "fieldsV1":
		// What stands in protobuf is written by hand, and in no tag.
		return name, nil
	case t.Kind() == reflect.Slice:
		m.Form = "items"
		return name, nil
	case t.Kind() != reflect.Struct:
		return "", fmt.Errorf("%s is a message and no struct", name)
	}
	for i := range t.NumField() {
		if err := o.addField(m, t, t.Field(i)); err != nil {
			return "", err
		}
	}
	return name, nil
}

func (o *output) addField(m *message, t reflect.Type, f reflect.StructField) error {
	tag, hasTag := f.Tag.Lookup("protobuf")
	jsonTag, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	if !hasTag || tag == "-" {
		// Kind and version stand in the envelope; what else is outside of protobuf is no part of a body.
		known := f.Name == "TypeMeta" || jsonTag == "-"
		if !known {
			return fmt.Errorf("%s.%s is in JSON and not in protobuf", nameOf(t), f.Name)
		}
		return nil
	}
	parts := strings.Split(tag, ",")
	if len(parts) < 3 {
		return fmt.Errorf("%s.%s has the tag %q", nameOf(t), f.Name, tag)
	}
	id, err := strconv.Atoi(parts[1])
	if err != nil {
		return err
	}
	found := field{ID: id, JSON: jsonTag, Empty: "keep"}
	for _, part := range parts {
		if name, ok := strings.CutPrefix(part, "name="); ok {
			found.Name = name
		}
	}
	if strings.Contains(","+options+",", ",omitempty,") {
		found.Empty = "empty"
	}
	if strings.Contains(","+options+",", ",omitzero,") {
		found.Empty = "zero"
	}
	if jsonTag == "-" && m.Form == "" {
		return fmt.Errorf("%s.%s is in protobuf and not in JSON", nameOf(t), f.Name)
	}
	typ := f.Type
	if typ.Kind() == reflect.Pointer {
		found.Pointer = true
		typ = typ.Elem()
	}
	if jsonTag == "" {
		found.JSON = f.Name
		if f.Anonymous && typ.Kind() == reflect.Struct {
			found.Inline, found.JSON = true, ""
		}
	}
	for typ != bytes && !isMessage(typ) && (typ.Kind() == reflect.Slice || typ.Kind() == reflect.Map) {
		typ = typ.Elem()
	}
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	if isMessage(typ) {
		if found.Message, err = o.add(typ); err != nil {
			return err
		}
	}
	m.Fields = append(m.Fields, found)
	return nil
}

func run() error {
	all, err := kinds.Scheme()
	if err != nil {
		return err
	}
	found, err := kinds.Encodable(all)
	if err != nil {
		return err
	}
	out := output{Kinds: map[string]map[string]string{}, Messages: map[string]*message{}}
	if _, err := out.add(reflect.TypeFor[metav1.WatchEvent]()); err != nil {
		return err
	}
	for _, kind := range found {
		object, err := all.New(kind)
		if err != nil {
			return err
		}
		name, err := out.add(reflect.TypeOf(object).Elem())
		if err != nil {
			return err
		}
		version := kind.GroupVersion().String()
		if out.Kinds[version] == nil {
			out.Kinds[version] = map[string]string{}
		}
		out.Kinds[version][kind.Kind] = name
	}
	return json.NewEncoder(os.Stdout).Encode(out)
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

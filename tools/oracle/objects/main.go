// Makes objects of the built-in kinds, and says what the API server's own serializers make of an encoding. Reads a
// question a line from stdin, as JSON, and prints an answer a line, in their order; binary values are base64:
//
//	{"op": "kinds"}                                      {"kinds": ["apps/v1 Deployment", …]}
//	{"op": "make", "kind": "apps/v1 Deployment", "seed": 7, "want": ["json", "yaml", "protobuf", "cbor"]}
//	                                                     {"json": {…}, "yaml": "…", "protobuf": "…", "cbor": "…"}
//	{"op": "read", "protobuf": "…"}                      {"json": {…}}, or {"error": "…"}
//	{"op": "read", "protobuf": "…", "json": "…"}         {"same": true}, or {"json": {…}, "again": {…}}
//	    what is read from the protobuf, or whether the JSON is read, strictly, as the same object; where it is not byte
//	    for byte, "again" is what it is read as (JSON in protobuf keeps its spelling).
//	    "cbor" and "yaml" may stand in the place of "protobuf".
//	{"op": "frame", "protobuf": "…"}                     {"type": "ADDED", "json": {…}}
//	    a frame of a watch, without its length, as client-go reads it.
//
// The same kind and seed make the same object. All its encodings say the same: what protobuf cannot tell apart (nil
// and empty) is gone before any is written. A kind that no seed can make is an error.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/cbor"
	kjson "k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"sallyport.dev/tools/oracle/kinds"
)

type question struct {
	Op       string   `json:"op"`
	Kind     string   `json:"kind"`
	Seed     int64    `json:"seed"`
	Want     []string `json:"want"`
	Protobuf []byte   `json:"protobuf"`
	JSON     []byte   `json:"json"`
	YAML     []byte   `json:"yaml"`
	CBOR     []byte   `json:"cbor"`
}

type answer struct {
	Error    string          `json:"error,omitempty"`
	Kinds    []string        `json:"kinds,omitempty"`
	Type     string          `json:"type,omitempty"`
	JSON     json.RawMessage `json:"json,omitempty"`
	YAML     []byte          `json:"yaml,omitempty"`
	Protobuf []byte          `json:"protobuf,omitempty"`
	CBOR     []byte          `json:"cbor,omitempty"`
	Same     bool            `json:"same,omitempty"`
	Again    json.RawMessage `json:"again,omitempty"`
}

type oracle struct {
	scheme     *runtime.Scheme
	kinds      map[string]schema.GroupVersionKind
	names      []string
	json       runtime.Serializer
	strictJSON runtime.Serializer
	yaml       runtime.Serializer
	protobuf   *protobuf.Serializer
	raw        *protobuf.RawSerializer
	cbor       runtime.Serializer
}

func newOracle() (*oracle, error) {
	all, err := kinds.Scheme()
	if err != nil {
		return nil, err
	}
	encodable, err := kinds.Encodable(all)
	if err != nil {
		return nil, err
	}
	o := &oracle{
		scheme:     all,
		kinds:      map[string]schema.GroupVersionKind{},
		json:       kjson.NewSerializerWithOptions(kjson.DefaultMetaFactory, all, all, kjson.SerializerOptions{}),
		strictJSON: kjson.NewSerializerWithOptions(kjson.DefaultMetaFactory, all, all, kjson.SerializerOptions{Strict: true}),
		yaml:       kjson.NewSerializerWithOptions(kjson.DefaultMetaFactory, all, all, kjson.SerializerOptions{Yaml: true}),
		protobuf:   protobuf.NewSerializer(all, all),
		raw:        protobuf.NewRawSerializer(all, all),
		cbor:       cbor.NewSerializer(all, all),
	}
	for _, kind := range encodable {
		name := kind.GroupVersion().String() + " " + kind.Kind
		o.kinds[name] = kind
		o.names = append(o.names, name)
	}
	return o, nil
}

func (o *oracle) answer(asked question) (found answer, err error) {
	defer func() {
		if thrown := recover(); thrown != nil {
			err = fmt.Errorf("panic: %v", thrown)
		}
	}()
	switch asked.Op {
	case "kinds":
		return answer{Kinds: o.names}, nil
	case "make":
		return o.make(asked)
	case "read":
		return o.read(asked)
	case "frame":
		return o.frame(asked.Protobuf)
	}
	return answer{}, fmt.Errorf("there is no op %q", asked.Op)
}

func (o *oracle) make(asked question) (found answer, err error) {
	kind, ok := o.kinds[asked.Kind]
	if !ok {
		return found, fmt.Errorf("no kind is called %q", asked.Kind)
	}
	object, err := o.scheme.New(kind)
	if err != nil {
		return found, err
	}
	fill(object, asked.Seed)
	object.GetObjectKind().SetGroupVersionKind(kind)
	var written bytes.Buffer
	if err := o.protobuf.Encode(object, &written); err != nil {
		return found, err
	}
	if object, _, err = o.protobuf.Decode(written.Bytes(), nil, nil); err != nil {
		return found, err
	}
	encode := func(name string, encoder runtime.Encoder) []byte {
		if err != nil || !slices.Contains(asked.Want, name) {
			return nil
		}
		var out bytes.Buffer
		err = encoder.Encode(object, &out)
		return out.Bytes()
	}
	found.JSON = encode("json", o.json)
	found.YAML = encode("yaml", o.yaml)
	found.Protobuf = encode("protobuf", o.protobuf)
	found.CBOR = encode("cbor", o.cbor)
	return found, err
}

func (o *oracle) read(asked question) (found answer, err error) {
	var object runtime.Object
	switch {
	case asked.Protobuf != nil:
		object, _, err = o.protobuf.Decode(asked.Protobuf, nil, nil)
	case asked.CBOR != nil:
		object, _, err = o.cbor.Decode(asked.CBOR, nil, nil)
	case asked.YAML != nil:
		object, _, err = o.yaml.Decode(asked.YAML, nil, nil)
	default:
		err = errors.New("there is nothing to read")
	}
	if err != nil {
		return found, err
	}
	if found.JSON, err = json.Marshal(object); err != nil || asked.JSON == nil {
		return found, err
	}
	other, _, err := o.strictJSON.Decode(asked.JSON, nil, nil)
	if err != nil {
		return found, fmt.Errorf("the JSON is not read: %w", err)
	}
	again, err := json.Marshal(other)
	if bytes.Equal(again, found.JSON) {
		return answer{Same: true}, err
	}
	found.Again = again
	return found, err
}

// frame reads as client-go's watch decoder does: the event with no envelope, the object in one.
func (o *oracle) frame(data []byte) (found answer, err error) {
	var event metav1.WatchEvent
	if err := event.Unmarshal(data); err != nil {
		return found, err
	}
	object, _, err := o.protobuf.Decode(event.Object.Raw, nil, nil)
	if err != nil {
		return found, err
	}
	found.Type = event.Type
	found.JSON, err = json.Marshal(object)
	return found, err
}

func main() {
	o, err := newOracle()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 0 {
			var asked question
			var found answer
			if err := json.Unmarshal(line, &asked); err != nil {
				found.Error = err.Error()
			} else if found, err = o.answer(asked); err != nil {
				found = answer{Error: strings.ToValidUTF8(err.Error(), "?")}
			}
			if err := encoder.Encode(found); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}
		// Whoever waits for an answer has sent all that it will before it waits.
		if in.Buffered() == 0 {
			out.Flush()
		}
		if err != nil {
			out.Flush()
			return
		}
	}
}

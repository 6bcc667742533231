// Says what the API server's own serializers make of a body: reads lines of JSON
// {"format": "json"|"yaml"|"cbor"|"typed-cbor", "data": base64, "json": base64} and prints a line for each,
// with the body as JSON. typed-cbor decodes data into its built-in kind, and json as well, and says
// whether both came to the same object.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"runtime/debug"

	"k8s.io/apimachinery/pkg/runtime/serializer/cbor"
	"k8s.io/apimachinery/pkg/runtime/serializer/cbor/direct"
	kjson "k8s.io/apimachinery/pkg/runtime/serializer/json"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

type question struct {
	Format string `json:"format"`
	Data   []byte `json:"data"`
	JSON   []byte `json:"json"`
}

type answer struct {
	Error string          `json:"error,omitempty"`
	JSON  json.RawMessage `json:"json,omitempty"`
	Same  bool            `json:"same"`
	Kind  string          `json:"kind,omitempty"`
}

var (
	typedCBOR = cbor.NewSerializer(scheme.Scheme, scheme.Scheme)
	typedJSON = kjson.NewSerializerWithOptions(kjson.DefaultMetaFactory, scheme.Scheme, scheme.Scheme, kjson.SerializerOptions{})
)

// same compares what both objects are in JSON: raw fields keep the order of their keys.
func same(objects ...any) (bool, error) {
	values := make([]any, len(objects))
	for i, object := range objects {
		data, err := json.Marshal(object)
		if err == nil {
			err = json.Unmarshal(data, &values[i])
		}
		if err != nil {
			return false, err
		}
	}
	return reflect.DeepEqual(values[0], values[1]), nil
}

func read(asked question) (found answer, err error) {
	switch asked.Format {
	case "yaml":
		found.JSON, err = yaml.YAMLToJSON(asked.Data)
	case "json":
		var value any
		if err = utiljson.Unmarshal(asked.Data, &value); err == nil {
			found.JSON, err = json.Marshal(value)
		}
	case "cbor":
		var value any
		if err = direct.Unmarshal(asked.Data, &value); err == nil {
			found.JSON, err = json.Marshal(value)
		}
	case "typed-cbor":
		object, kind, err := typedCBOR.Decode(asked.Data, nil, nil)
		if err != nil {
			return found, err
		}
		other, _, err := typedJSON.Decode(asked.JSON, nil, nil)
		if err != nil {
			return found, fmt.Errorf("as JSON: %w", err)
		}
		found.Kind = kind.Kind
		found.Same, err = same(object, other)
		return found, err
	default:
		err = fmt.Errorf("no format %q", asked.Format)
	}
	return found, err
}

func main() {
	debug.SetGCPercent(400)
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	encoder := json.NewEncoder(out)
	for {
		line, ended := in.ReadBytes('\n')
		if len(line) > 0 {
			var asked question
			err := json.Unmarshal(line, &asked)
			var found answer
			if err == nil {
				if found, err = read(asked); err != nil {
					found = answer{Error: err.Error()}
				}
				err = encoder.Encode(found)
			}
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}
		if in.Buffered() == 0 {
			out.Flush()
		}
		if ended != nil {
			return
		}
	}
}

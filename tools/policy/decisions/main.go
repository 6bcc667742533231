// Says whether lines of JSON are events of OPA's decision log, as its Go type has them: unknown fields are errors, and
// each line comes back as its type writes it again, or with why it is none.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"

	"github.com/open-policy-agent/opa/v1/plugins/logs"
)

type answer struct {
	Error string        `json:"error,omitempty"`
	Event *logs.EventV1 `json:"event,omitempty"`
}

func read(line []byte) answer {
	event := &logs.EventV1{}
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	decoder.UseNumber()
	if err := decoder.Decode(event); err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Event: event}
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		if err := out.Encode(read(lines.Bytes())); err != nil {
			panic(err)
		}
	}
	if err := lines.Err(); err != nil {
		panic(err)
	}
}

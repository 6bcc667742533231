// Says whether lines of JSON are events of audit.k8s.io/v1, as its Go types have them: unknown and repeated fields are
// errors, and each line comes back as its type writes it again, or with why it is none.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"

	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	kjson "sigs.k8s.io/json"
)

type answer struct {
	Error string         `json:"error,omitempty"`
	Event *auditv1.Event `json:"event,omitempty"`
}

func read(line []byte) answer {
	event := &auditv1.Event{}
	strict, err := kjson.UnmarshalStrict(line, event)
	if err = errors.Join(append(strict, err)...); err != nil {
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

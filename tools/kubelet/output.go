package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// output is where what a container writes goes: into its log, and to whoever is attached.
type output struct {
	mu       sync.Mutex
	log      *os.File
	partial  map[string]*bytes.Buffer
	attached map[*attachment]struct{}
}

// attachment is a client that gets what is written from now on. A stream that it didn't ask for is nil.
type attachment struct{ stdout, stderr io.Writer }

// A longer line is cut into parts, as containerd does.
const longestLine = 16 << 10

func newOutput(file string) (*output, error) {
	log, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	return &output{
		log:      log,
		partial:  map[string]*bytes.Buffer{"stdout": {}, "stderr": {}},
		attached: map[*attachment]struct{}{},
	}, nil
}

// stream is the writer of stdout or stderr.
func (o *output) stream(name string) io.Writer { return &outputStream{o, name} }

type outputStream struct {
	output *output
	name   string
}

func (s *outputStream) Write(chunk []byte) (int, error) {
	s.output.record(s.name, chunk)
	for _, a := range s.output.attachments() {
		to := a.stdout
		if s.name == "stderr" {
			to = a.stderr
		}
		if to == nil {
			continue
		}
		if _, err := to.Write(chunk); err != nil {
			s.output.detach(a)
		}
	}
	return len(chunk), nil
}

// record writes whole lines in the log format of the CRI (`time stream F|P text`), which the reader of logs.go reads.
func (o *output) record(name string, chunk []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	pending := o.partial[name]
	pending.Write(chunk)
	var lines bytes.Buffer
	for {
		end := bytes.IndexByte(pending.Bytes(), '\n')
		switch {
		case end >= 0 && end < longestLine:
			writeLine(&lines, name, "F", pending.Next(end+1))
		case pending.Len() >= longestLine:
			writeLine(&lines, name, "P", append(bytes.Clone(pending.Next(longestLine)), '\n'))
		default:
			_, _ = o.log.Write(lines.Bytes())
			return
		}
	}
}

func writeLine(to *bytes.Buffer, name, tag string, line []byte) {
	fmt.Fprintf(to, "%s %s %s ", time.Now().UTC().Format(time.RFC3339Nano), name, tag)
	to.Write(line)
}

// close writes what has no end of line yet.
func (o *output) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for name, pending := range o.partial {
		if pending.Len() > 0 {
			var line bytes.Buffer
			writeLine(&line, name, "P", append(pending.Bytes(), '\n'))
			_, _ = o.log.Write(line.Bytes())
		}
	}
	_ = o.log.Close()
}

func (o *output) attach(a *attachment) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.attached[a] = struct{}{}
}

func (o *output) detach(a *attachment) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.attached, a)
}

func (o *output) attachments() []*attachment {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := make([]*attachment, 0, len(o.attached))
	for a := range o.attached {
		all = append(all, a)
	}
	return all
}

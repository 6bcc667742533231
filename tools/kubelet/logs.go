package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	internalapi "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/cri-client/pkg/logs"
)

// serveLogs answers a request for a container's log with the kubelet's own reader.
func (n *node) serveLogs(w http.ResponseWriter, r *http.Request) {
	name, podName := r.PathValue("container"), r.PathValue("pod")
	c, err := n.container(r.PathValue("namespace"), podName, name)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	query := r.URL.Query()
	options, err := logOptions(query)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	attempt, waiting := c.attempts-1, c.waiting
	c.mu.Unlock()
	if query.Get("previous") == "true" {
		if attempt--; attempt < 0 {
			message := fmt.Sprintf("previous terminated container %q in pod %q not found", name, podName)
			http.Error(w, message, http.StatusBadRequest)
			return
		}
	}
	if attempt < 0 {
		reason := "ContainerCreating"
		if waiting != nil {
			reason = waiting.Reason
		}
		message := fmt.Sprintf("container %q in pod %q is waiting to start: %s", name, podName, reason)
		http.Error(w, message, http.StatusBadRequest)
		return
	}
	out := newGathering(w)
	defer out.close()
	stdout, stderr := io.Writer(out), io.Writer(out)
	switch query.Get("stream") {
	case "Stdout":
		stderr = nil
	case "Stderr":
		stdout = nil
	}
	w.Header().Set("Content-Type", "text/plain")
	// What is followed may be quiet for long: the client hears at once that it is.
	_ = out.flush()
	err = logs.ReadLogs(r.Context(), c.logFile(attempt), "", options, &runtimeOf{container: c, attempt: attempt}, stdout, stderr)
	if err != nil && r.Context().Err() == nil {
		warn("a log was not read", err)
	}
}

func logOptions(query url.Values) (*logs.LogOptions, error) {
	options := &logs.LogOptions{
		Follow:    query.Get("follow") == "true",
		Timestamp: query.Get("timestamps") == "true",
	}
	for name, field := range map[string]**int64{"tailLines": &options.TailLines, "limitBytes": &options.LimitBytes} {
		if text := query.Get(name); text != "" {
			value, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			*field = &value
		}
	}
	if text := query.Get("sinceSeconds"); text != "" {
		value, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("sinceSeconds: %w", err)
		}
		options.Since = time.Now().Add(-time.Duration(value) * time.Second)
	}
	if text := query.Get("sinceTime"); text != "" {
		value, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return nil, fmt.Errorf("sinceTime: %w", err)
		}
		options.Since = value
	}
	return options, nil
}

// runtimeOf is as much of a container runtime as the reader asks: whether there may be more to follow.
type runtimeOf struct {
	internalapi.RuntimeService
	container *container
	attempt   int
}

// ContainerStatus implements internalapi.RuntimeService.
func (r *runtimeOf) ContainerStatus(context.Context, string, bool) (*runtimeapi.ContainerStatusResponse, error) {
	r.container.mu.Lock()
	defer r.container.mu.Unlock()
	state := runtimeapi.ContainerState_CONTAINER_EXITED
	if r.container.running != nil && r.container.attempts-1 == r.attempt {
		state = runtimeapi.ContainerState_CONTAINER_RUNNING
	}
	return &runtimeapi.ContainerStatusResponse{Status: &runtimeapi.ContainerStatus{State: state}}, nil
}

// gathering sends what is written on its way after a moment, with what else has come until then: the reader writes
// line by line, and with a flush for each 10 MB of short lines took 27 s, not 8.
type gathering struct {
	mu         sync.Mutex
	buffer     *bufio.Writer
	controller *http.ResponseController
	due        *time.Timer
	closed     bool
}

const moment = 5 * time.Millisecond

func newGathering(w http.ResponseWriter) *gathering {
	return &gathering{buffer: bufio.NewWriterSize(w, 64<<10), controller: http.NewResponseController(w)}
}

func (g *gathering) Write(chunk []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.due == nil {
		g.due = time.AfterFunc(moment, func() { _ = g.flush() })
	}
	return g.buffer.Write(chunk)
}

func (g *gathering) flush() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.due = nil
	if g.closed {
		return nil
	}
	if err := g.buffer.Flush(); err != nil {
		return err
	}
	return g.controller.Flush()
}

// close sends the rest. Afterwards the answer is the server's again.
func (g *gathering) close() {
	_ = g.flush()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
}

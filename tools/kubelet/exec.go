package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"syscall"
	"time"

	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"
)

// execution is an exec request's: remotecommand.Executor of one container.
type execution struct{ container *container }

// ExecInContainer runs a command with a client's streams. An exit code other than 0 is a CodeExitError, unwrapped:
// ServeExec asserts on the type.
func (e execution) ExecInContainer(_ context.Context, _, _, _ string, argv []string, in io.Reader, stdout, stderr io.WriteCloser,
	terminal bool, sizes <-chan remotecommand.TerminalSize, _ time.Duration) error {
	if running, _ := e.container.process(); running == nil {
		return fmt.Errorf("container %q is not running", e.container.spec.Name)
	}
	o, err := e.container.exec(argv, terminal, in != nil)
	if err != nil {
		return err
	}
	p, err := e.container.pod.node.sessions.start(o, writer(stdout), writer(stderr))
	if err != nil {
		message := fmt.Sprintf("failed to start %s: %v", strings.Join(argv, " "), err)
		return utilexec.CodeExitError{Err: fmt.Errorf("%s", message), Code: startExitCode(err)}
	}
	if !e.container.keep(p.pid) {
		signalSession(p.pid, syscall.SIGKILL)
	}
	defer e.container.drop(p.pid)
	go p.follow(sizes)
	if in != nil {
		go func() {
			_, _ = io.Copy(p.write(), in)
			p.closeInput()
		}()
	}
	<-p.done
	if p.exitCode != 0 {
		return utilexec.CodeExitError{
			Err: fmt.Errorf("command terminated with exit code %d", p.exitCode), Code: p.exitCode,
		}
	}
	return nil
}

// AttachContainer joins a client's streams to those of the container's own process, until that ends.
func (e execution) AttachContainer(_ context.Context, _, _, name string, in io.Reader, stdout, stderr io.WriteCloser,
	_ bool, sizes <-chan remotecommand.TerminalSize) error {
	p, output := e.container.process()
	if p == nil {
		return fmt.Errorf("container %q is not running", name)
	}
	a := &attachment{stdout: writer(stdout), stderr: writer(stderr)}
	output.attach(a)
	defer output.detach(a)
	go p.follow(sizes)
	if in != nil && p.write() != nil {
		go func() {
			_, _ = io.Copy(p.write(), in)
			// Of a container with stdinOnce, the first client's end is the end.
			if e.container.spec.StdinOnce {
				p.closeInput()
			}
		}()
	}
	<-p.done
	return nil
}

// writer is nil where the client asked for no such stream, not an interface that holds nil.
func writer(stream io.WriteCloser) io.Writer {
	if stream == nil {
		return nil
	}
	return stream
}

package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/creack/pty"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
)

// order is what to run and where.
type order struct {
	argv, env []string
	directory string
	// Nothing: no chroot.
	chroot   string
	terminal bool
	// Without it, the process reads nothing.
	stdin bool
}

// process is one that runs, in a session of its own. Exactly one of terminal and stdin may be set.
type process struct {
	pid      int
	terminal *os.File
	stdin    io.WriteCloser
	done     chan struct{}
	// As a shell says it: 128 and the number of the signal that ended it. To be read when done is closed.
	exitCode int
}

// How long output is waited for that a child of an ended process holds open.
const lingering = 500 * time.Millisecond

// spawning is the thread that every process is started by: PR_SET_PDEATHSIG is about the thread that forked, not
// about the process (golang/go#27505).
var spawning = func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for do := range work {
			do()
		}
	}()
	return work
}()

// start runs an order. done is closed when the process has ended and its output has been written.
func (s *sessions) start(o order, stdout, stderr io.Writer) (*process, error) {
	file, err := lookUp(o)
	if err != nil {
		return nil, err
	}
	cmd := &exec.Cmd{Path: file, Args: o.argv, Env: o.env, Dir: o.directory, SysProcAttr: attributes(o.chroot)}
	p := &process{done: make(chan struct{})}
	var exited atomic.Bool
	var readers []*os.File
	var copying sync.WaitGroup
	begin := cmd.Start
	if o.terminal {
		begin = func() (err error) {
			attrs := cmd.SysProcAttr
			attrs.Setctty = true
			p.terminal, err = pty.StartWithAttrs(cmd, &pty.Winsize{Rows: 24, Cols: 80}, attrs)
			return err
		}
	} else if o.stdin {
		if p.stdin, err = cmd.StdinPipe(); err != nil {
			return nil, err
		}
	}
	var writers []*os.File
	if !o.terminal {
		for _, to := range []struct {
			field *io.Writer
			out   io.Writer
		}{{&cmd.Stdout, stdout}, {&cmd.Stderr, stderr}} {
			r, w, err := os.Pipe()
			if err != nil {
				return nil, err
			}
			*to.field = w
			readers, writers = append(readers, r), append(writers, w)
			copying.Go(func() { drain(r, to.out, &exited) })
		}
	}
	started := make(chan error)
	spawning <- func() { started <- begin() }
	err = <-started
	for _, w := range writers {
		_ = w.Close()
	}
	if err != nil {
		return nil, err
	}
	p.pid = cmd.Process.Pid
	s.began(p.pid)
	if o.terminal {
		copying.Go(func() { drain(p.terminal, stdout, &exited) })
	}
	go func() {
		state, err := cmd.Process.Wait()
		p.exitCode = exitCode(state, err)
		exited.Store(true)
		if o.terminal {
			// Nobody is left to read what its jobs write.
			signalSession(p.pid, syscall.SIGKILL)
		}
		for _, r := range readers {
			_ = r.SetReadDeadline(time.Now().Add(lingering))
		}
		copying.Wait()
		if p.terminal != nil {
			_ = p.terminal.Close()
		}
		if p.stdin != nil {
			_ = p.stdin.Close()
		}
		close(p.done)
	}()
	return p, nil
}

// drain copies until the end, or until nothing has come for a while after the process itself has ended: a slow
// reader gets all of it, and a background process that keeps the pipe open holds up nobody.
func drain(from *os.File, to io.Writer, exited *atomic.Bool) {
	defer from.Close()
	buffer := make([]byte, 32<<10)
	for {
		if exited.Load() {
			_ = from.SetReadDeadline(time.Now().Add(lingering))
		}
		n, err := from.Read(buffer)
		if n > 0 && to != nil {
			if _, failed := to.Write(buffer[:n]); failed != nil {
				// Its client is gone: the process goes on, unheard.
				to = nil
			}
		}
		if err != nil {
			return
		}
	}
}

// write is the way in: the terminal's, or the pipe's. Nil where there is none.
func (p *process) write() io.Writer {
	if p.terminal != nil {
		return p.terminal
	}
	if p.stdin != nil {
		return p.stdin
	}
	return nil
}

// closeInput ends what the process reads. A terminal has no end; its session is told that the line is gone.
func (p *process) closeInput() {
	if p.terminal != nil {
		signalSession(p.pid, syscall.SIGHUP)
	} else if p.stdin != nil {
		_ = p.stdin.Close()
	}
}

// follow gives the terminal each size that comes, until the channel ends. Where there is no terminal there is none.
func (p *process) follow(sizes <-chan remotecommand.TerminalSize) {
	if p.terminal == nil || sizes == nil {
		return
	}
	for size := range sizes {
		if size.Width > 0 && size.Height > 0 {
			_ = pty.Setsize(p.terminal, &pty.Winsize{Rows: size.Height, Cols: size.Width})
		}
	}
}

func exitCode(state *os.ProcessState, err error) int {
	if err != nil {
		return 255
	}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}

// startExitCode is a shell's for a command that could not be started.
func startExitCode(err error) int {
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
		return 127
	}
	return 126
}

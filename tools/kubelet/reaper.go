package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
)

const reaperArgument = "reap"

// sessions tells a second process which sessions there are, so that they end with this one even where it is killed.
// Each container's process and each exec has a session of its own; a shell's jobs stay in it.
type sessions struct {
	mu   sync.Mutex
	pipe io.WriteCloser
}

// startReaper starts that process. It leads a session of its own: what ends this one's group doesn't end it.
func startReaper(directory string) (*sessions, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, reaperArgument, directory)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() { _ = cmd.Wait() }()
	return &sessions{pipe: pipe}, nil
}

func (s *sessions) began(id int) { s.tell("+", id) }

// ended forgets a session if nothing is left in it.
func (s *sessions) ended(id int) bool {
	if !sessionIsEmpty(id) {
		return false
	}
	s.tell("-", id)
	return true
}

func (s *sessions) tell(sign string, id int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := fmt.Fprintf(s.pipe, "%s%d\n", sign, id); err != nil {
		warn("the reaper is gone", err)
	}
}

// reap is that process: when its input ends, it kills the sessions that are left, and what has a root in `directory`.
func reap(input io.Reader, directory string) {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	left := map[int]bool{}
	lines := bufio.NewScanner(input)
	for lines.Scan() {
		id, err := strconv.Atoi(lines.Text()[1:])
		if err != nil {
			continue
		}
		if lines.Text()[0] == '+' {
			left[id] = true
		} else {
			delete(left, id)
		}
	}
	for id := range left {
		signalSession(id, syscall.SIGKILL)
	}
	killMarked(directory + "/")
}

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	v1 "k8s.io/api/core/v1"
)

// container is one of a pod's: of any kind, an ephemeral one too.
type container struct {
	pod  *pod
	spec v1.Container

	mu       sync.Mutex
	attempts int
	running  *process
	output   *output
	root     *root
	env      []string
	// What execs left running, and run.
	execs     map[int]struct{}
	startedAt time.Time
	ended     *v1.ContainerStateTerminated
	endedLast *v1.ContainerStateTerminated
	// Why it has not started, if it should have.
	waiting *v1.ContainerStateWaiting
	stopped bool
}

// A container that ends is started anew after one second, then two, then four …
const (
	firstBackoff   = time.Second
	longestBackoff = time.Minute
)

func newContainer(p *pod, spec v1.Container) *container {
	return &container{
		pod: p, spec: spec, execs: map[int]struct{}{},
		waiting: &v1.ContainerStateWaiting{Reason: "ContainerCreating"},
	}
}

// start starts it, for the first time or anew, and has the pod looked at when it ends.
func (c *container) start() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped || c.running != nil {
		return
	}
	env, err := c.pod.environment(c.spec)
	c.env = env
	// A container that starts anew finds what it wrote, as it wouldn't elsewhere.
	if err == nil && c.root == nil {
		c.root, err = c.pod.node.roots.make(string(c.pod.uid), c.spec.Name)
	}
	if err == nil {
		err = c.pod.mount(c.root, c.spec)
	}
	if err != nil {
		c.waiting = &v1.ContainerStateWaiting{Reason: "CreateContainerConfigError", Message: err.Error()}
		c.pod.wakeAfter(time.Second)
		return
	}
	if c.output, err = newOutput(c.logFile(c.attempts)); err != nil {
		c.waiting = &v1.ContainerStateWaiting{Reason: "CreateContainerError", Message: err.Error()}
		c.pod.wakeAfter(time.Second)
		return
	}
	c.attempts++
	c.startedAt, c.waiting, c.endedLast, c.ended = time.Now(), nil, c.ended, nil
	o, err := c.root.order(commandOf(c.spec, env), env, c.spec.WorkingDir)
	o.terminal, o.stdin = c.spec.TTY, c.spec.Stdin
	if err == nil {
		c.running, err = c.pod.node.sessions.start(o, c.output.stream("stdout"), c.output.stream("stderr"))
	}
	if err != nil {
		c.output.close()
		c.ended = c.termination(128, "StartError", err.Error())
		c.pod.event(v1.EventTypeWarning, "Failed", "Error: %v", err)
		return
	}
	c.pod.event(v1.EventTypeNormal, "Started", "Started container %s", c.spec.Name)
	go c.await(c.running)
}

// await ends what is left of a container once its process has ended.
func (c *container) await(p *process) {
	<-p.done
	c.mu.Lock()
	signalSession(p.pid, syscall.SIGKILL)
	c.pod.node.sessions.ended(p.pid)
	c.killExecs()
	killMarked(c.root.path)
	c.output.close()
	reason := "Completed"
	if p.exitCode != 0 {
		reason = "Error"
	}
	c.ended, c.running = c.termination(p.exitCode, reason, ""), nil
	c.mu.Unlock()
	c.pod.wake()
}

func (c *container) termination(code int, reason, message string) *v1.ContainerStateTerminated {
	return &v1.ContainerStateTerminated{
		ExitCode: int32(code), Reason: reason, Message: message,
		StartedAt: seconds(c.startedAt), FinishedAt: seconds(time.Now()), ContainerID: c.id(),
	}
}

func (c *container) id() string {
	return fmt.Sprintf("stub://%s/%s/%d", c.pod.uid, c.spec.Name, c.attempts)
}

// exec is the order for a command beside the container's own, in its root.
func (c *container) exec(argv []string, terminal, stdin bool) (order, error) {
	c.mu.Lock()
	root, env := c.root, c.env
	c.mu.Unlock()
	env = slices.Clone(env)
	if terminal {
		env = append(env, "TERM=xterm")
	}
	o, err := root.order(argv, env, c.spec.WorkingDir)
	o.terminal, o.stdin = terminal, stdin
	return o, err
}

// keep has a session killed with the container; false where that has ended already.
func (c *container) keep(session int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running == nil {
		return false
	}
	c.execs[session] = struct{}{}
	return true
}

// drop forgets a session if nothing was left running in it.
func (c *container) drop(session int) {
	if c.pod.node.sessions.ended(session) {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.execs, session)
	}
}

func (c *container) killExecs() {
	for session := range c.execs {
		signalSession(session, syscall.SIGKILL)
		c.pod.node.sessions.ended(session)
	}
	c.execs = map[int]struct{}{}
}

// process is the one that runs, and where its output goes; nil where none does.
func (c *container) process() (*process, *output) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.running, c.output
}

// stop signals what runs, and lets nothing start any more.
func (c *container) stop(what syscall.Signal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	if c.running != nil {
		signalSession(c.running.pid, what)
		if c.running.terminal != nil {
			// A shell with somebody at it ignores SIGTERM, and would use up its grace.
			signalSession(c.running.pid, syscall.SIGHUP)
		}
	}
	if what == syscall.SIGKILL {
		c.killExecs()
	}
}

// restart tells whether and after what time it is to be started anew.
func (c *container) restart(policy v1.RestartPolicy) (again bool, in time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended == nil || c.stopped || policy == v1.RestartPolicyNever {
		return false, 0
	}
	if policy == v1.RestartPolicyOnFailure && c.ended.ExitCode == 0 {
		return false, 0
	}
	backoff := min(firstBackoff<<min(c.attempts-1, 10), longestBackoff)
	return true, time.Until(c.ended.FinishedAt.Add(backoff))
}

// state is what a pod's status says of it. `again`: it waits for its next start.
func (c *container) status(again bool) v1.ContainerStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := v1.ContainerStatus{
		Name: c.spec.Name, Image: c.spec.Image, RestartCount: int32(max(c.attempts-1, 0)), Started: new(bool),
	}
	if c.attempts > 0 {
		s.ContainerID, s.ImageID = c.id(), "stub://"+c.spec.Image
	}
	if c.endedLast != nil {
		s.LastTerminationState.Terminated = c.endedLast
	}
	switch {
	case c.running != nil:
		s.State.Running = &v1.ContainerStateRunning{StartedAt: seconds(c.startedAt)}
		s.Ready, *s.Started = true, true
	case c.ended != nil && again:
		s.State.Waiting = &v1.ContainerStateWaiting{
			Reason: "CrashLoopBackOff", Message: "it ended, and is started anew after a while",
		}
		s.LastTerminationState.Terminated = c.ended
	case c.ended != nil:
		s.State.Terminated = c.ended
	default:
		s.State.Waiting = c.waiting
	}
	return s
}

// phase is what decides a pod's: whether it has begun, and how it ended.
func (c *container) phase() (begun bool, ended *v1.ContainerStateTerminated) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.attempts > 0, c.ended
}

func (c *container) logFile(attempt int) string {
	folder := filepath.Join(c.pod.node.roots.directory, "pods", string(c.pod.uid), c.spec.Name, "log")
	_ = os.MkdirAll(folder, 0o700)
	return filepath.Join(folder, fmt.Sprintf("%d.log", attempt))
}

// commandOf is what a container runs. There is no image that would say it: without a command it waits, or is a shell
// where somebody is going to type.
func commandOf(spec v1.Container, env []string) []string {
	argv := append(append([]string{}, spec.Command...), spec.Args...)
	if len(argv) == 0 && spec.Stdin {
		return []string{"sh"}
	}
	if len(argv) == 0 {
		return []string{"sleep", "2147483647"}
	}
	for i := range argv {
		argv[i] = expand(argv[i], env)
	}
	return argv
}

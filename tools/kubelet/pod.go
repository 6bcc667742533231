package main

import (
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// pod is one that is bound to this node. One goroutine (run) brings it to what its object says.
type pod struct {
	node            *node
	uid             types.UID
	namespace, name string
	ip              string
	startedAt       time.Time

	mu         sync.Mutex
	object     *v1.Pod
	containers map[string]*container
	abandoned  bool

	woken chan struct{}
	// The status that was reported last, as text, and since when its conditions have been what they are.
	reported    string
	transitions map[v1.PodConditionType]v1.PodCondition
}

func newPod(n *node, object *v1.Pod, ip string) *pod {
	return &pod{
		node: n, uid: object.UID, namespace: object.Namespace, name: object.Name, ip: ip, startedAt: time.Now(),
		object: object, containers: map[string]*container{}, woken: make(chan struct{}, 1),
		transitions: map[v1.PodConditionType]v1.PodCondition{},
	}
}

func (p *pod) update(object *v1.Pod) {
	p.mu.Lock()
	p.object = object
	p.mu.Unlock()
	p.wake()
}

func (p *pod) current() (object *v1.Pod, abandoned bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.object, p.abandoned
}

// abandon ends it at once: nobody is left to report to.
func (p *pod) abandon() {
	p.mu.Lock()
	p.abandoned = true
	p.mu.Unlock()
	p.kill()
	p.wake()
}

func (p *pod) wake() {
	select {
	case p.woken <- struct{}{}:
	default:
	}
}

func (p *pod) wakeAfter(d time.Duration) { time.AfterFunc(d, p.wake) }

// container is a container that the pod has by now, or nil.
func (p *pod) container(name string) *container {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.containers[name]
}

// ensure is the container of that name, made if it is new.
func (p *pod) ensure(spec v1.Container) *container {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.containers[spec.Name]
	if c == nil {
		c = newContainer(p, spec)
		p.containers[spec.Name] = c
	}
	return c
}

func (p *pod) all() []*container {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]*container, 0, len(p.containers))
	for _, c := range p.containers {
		all = append(all, c)
	}
	return all
}

func (p *pod) kill() {
	for _, c := range p.all() {
		c.stop(syscall.SIGKILL)
	}
}

// run is the pod's life, from its binding to the end of its object.
func (p *pod) run() {
	defer func() {
		p.kill()
		p.node.forget(p)
		_ = os.RemoveAll(filepath.Join(p.node.roots.directory, "pods", string(p.uid)))
	}()
	for {
		object, abandoned := p.current()
		if abandoned {
			return
		}
		if object.DeletionTimestamp != nil {
			p.terminate(object)
			return
		}
		p.advance(object)
		p.report(object)
		<-p.woken
	}
}

// advance starts whatever is due: init containers one after the other, then the others, ephemeral ones at any time.
func (p *pod) advance(object *v1.Pod) {
	initialized := true
	for _, spec := range object.Spec.InitContainers {
		c := p.ensure(spec)
		sidecar := spec.RestartPolicy != nil && *spec.RestartPolicy == v1.ContainerRestartPolicyAlways
		if !initialized {
			continue
		}
		policy := object.Spec.RestartPolicy
		if sidecar {
			policy = v1.RestartPolicyAlways
		} else if policy == v1.RestartPolicyAlways {
			policy = v1.RestartPolicyOnFailure
		}
		p.startIfDue(c, policy)
		begun, ended := c.phase()
		initialized = begun && (sidecar || ended != nil && ended.ExitCode == 0)
	}
	for _, spec := range object.Spec.Containers {
		if c := p.ensure(spec); initialized {
			p.startIfDue(c, object.Spec.RestartPolicy)
		}
	}
	for _, spec := range object.Spec.EphemeralContainers {
		p.startIfDue(p.ensure(v1.Container(spec.EphemeralContainerCommon)), v1.RestartPolicyNever)
	}
}

func (p *pod) startIfDue(c *container, policy v1.RestartPolicy) {
	begun, ended := c.phase()
	if !begun {
		c.start()
	} else if ended != nil {
		if again, in := c.restart(policy); again && in <= 0 {
			c.start()
		} else if again {
			p.wakeAfter(in)
		}
	}
}

// terminate gives the containers their grace, reports how they ended, and removes the object.
func (p *pod) terminate(object *v1.Pod) {
	grace := time.Duration(ptr.Deref(object.DeletionGracePeriodSeconds, 0)) * time.Second
	deadline := time.Now().Add(grace)
	for _, c := range p.all() {
		c.stop(syscall.SIGTERM)
		p.event(v1.EventTypeNormal, "Killing", "Stopping container %s", c.spec.Name)
	}
	timer := time.AfterFunc(grace, p.wake)
	defer timer.Stop()
	for p.runs() {
		if now, abandoned := p.current(); abandoned {
			return
		} else if shorter := ptr.Deref(now.DeletionGracePeriodSeconds, 0); time.Duration(shorter)*time.Second < grace {
			deadline = now.DeletionTimestamp.Time
		}
		if !time.Now().Before(deadline) {
			p.kill()
		}
		<-p.woken
	}
	p.report(object)
	p.node.remove(p.namespace, p.name, p.uid)
}

func (p *pod) runs() bool {
	for _, c := range p.all() {
		if running, _ := c.process(); running != nil {
			return true
		}
	}
	return false
}

func (p *pod) event(kind, reason, message string, args ...any) {
	object, _ := p.current()
	p.node.events.Eventf(object, kind, reason, message, args...)
}

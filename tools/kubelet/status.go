package main

import (
	"context"
	"encoding/json"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// report writes the pod's status, if it is another than the one reported last.
func (p *pod) report(object *v1.Pod) {
	status := p.status(object)
	text, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": p.uid}, "status": status})
	if err != nil || string(text) == p.reported {
		return
	}
	// Conditions are merged by their type: those that others set stay.
	_, err = p.node.client.CoreV1().Pods(p.namespace).Patch(
		context.Background(), p.name, types.StrategicMergePatchType, text, metav1.PatchOptions{}, "status")
	switch {
	case err == nil:
		p.reported = string(text)
	case !apierrors.IsNotFound(err) && !apierrors.IsConflict(err):
		warn("a pod's status was not written", err)
		p.wakeAfter(time.Second)
	}
}

func (p *pod) status(object *v1.Pod) v1.PodStatus {
	started := seconds(p.startedAt)
	s := v1.PodStatus{
		ObservedGeneration: object.Generation,
		HostIP:             nodeIP, HostIPs: []v1.HostIP{{IP: nodeIP}},
		PodIP: p.ip, PodIPs: []v1.PodIP{{IP: p.ip}},
		StartTime: &started,
	}
	if object.Spec.HostNetwork {
		s.PodIP, s.PodIPs = nodeIP, []v1.PodIP{{IP: nodeIP}}
	}
	stopping := object.DeletionTimestamp != nil
	policy := object.Spec.RestartPolicy
	again := func(c *container, policy v1.RestartPolicy) bool {
		restarts, _ := c.restart(policy)
		return restarts && !stopping
	}
	initialized, failed := true, false
	for _, spec := range object.Spec.InitContainers {
		c := p.ensure(spec)
		sidecar := spec.RestartPolicy != nil && *spec.RestartPolicy == v1.ContainerRestartPolicyAlways
		_, ended := c.phase()
		if !sidecar {
			initialized = initialized && ended != nil && ended.ExitCode == 0
			failed = failed || ended != nil && ended.ExitCode != 0 && policy == v1.RestartPolicyNever
		}
		own := c.status(ended != nil && ended.ExitCode != 0 && again(c, policy))
		own.Ready = own.Ready && sidecar || ended != nil && ended.ExitCode == 0
		s.InitContainerStatuses = append(s.InitContainerStatuses, own)
	}
	ready, over, running := true, true, false
	for _, spec := range object.Spec.Containers {
		c := p.ensure(spec)
		restarts := again(c, policy)
		own := c.status(restarts)
		_, ended := c.phase()
		ready = ready && own.Ready
		running = running || own.Ready || restarts
		over = over && ended != nil && !restarts
		failed = failed || ended != nil && ended.ExitCode != 0 && !restarts
		s.ContainerStatuses = append(s.ContainerStatuses, own)
	}
	for _, spec := range object.Spec.EphemeralContainers {
		own := p.ensure(v1.Container(spec.EphemeralContainerCommon)).status(false)
		// As a kubelet reports it: nobody asks an ephemeral container whether it is ready.
		own.Ready, own.Started = false, nil
		s.EphemeralContainerStatuses = append(s.EphemeralContainerStatuses, own)
	}
	s.Phase = v1.PodPending
	switch {
	case over && failed, failed && !initialized:
		s.Phase = v1.PodFailed
	case over:
		s.Phase = v1.PodSucceeded
	case running:
		s.Phase = v1.PodRunning
	}
	s.Conditions = p.conditions(object, s.Phase, initialized, ready)
	return s
}

func (p *pod) conditions(object *v1.Pod, phase v1.PodPhase, initialized, ready bool) []v1.PodCondition {
	condition := func(kind v1.PodConditionType, holds bool, reason string) v1.PodCondition {
		c := v1.PodCondition{Type: kind, Status: v1.ConditionTrue, ObservedGeneration: object.Generation}
		if !holds {
			c.Status, c.Reason = v1.ConditionFalse, reason
		} else if phase == v1.PodSucceeded && kind == v1.PodInitialized {
			c.Reason = "PodCompleted"
		}
		c.LastTransitionTime = p.turned(kind, c.Status)
		return c
	}
	why := "ContainersNotReady"
	if phase == v1.PodSucceeded {
		why = "PodCompleted"
	} else if phase == v1.PodFailed {
		why = "PodFailed"
	}
	return []v1.PodCondition{
		condition(v1.PodReadyToStartContainers, phase == v1.PodPending || phase == v1.PodRunning, ""),
		condition(v1.PodInitialized, initialized, "ContainersNotInitialized"),
		condition(v1.PodReady, ready, why),
		condition(v1.ContainersReady, ready, why),
		condition(v1.PodScheduled, true, ""),
	}
}

// turned is when a condition became what it is.
func (p *pod) turned(kind v1.PodConditionType, status v1.ConditionStatus) metav1.Time {
	if before, known := p.transitions[kind]; known && before.Status == status {
		return before.LastTransitionTime
	}
	now := seconds(time.Now())
	p.transitions[kind] = v1.PodCondition{Status: status, LastTransitionTime: now}
	return now
}

// seconds is a time as the API has it.
func seconds(t time.Time) metav1.Time { return metav1.NewTime(t.Truncate(time.Second)) }

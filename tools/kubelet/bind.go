package main

import (
	"context"
	"fmt"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
	scheduling "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/klog/v2"
)

// follow registers the node, and then runs what is bound to it and binds what is bound to none.
func (n *node) follow(ctx context.Context) error {
	if err := n.register(ctx); err != nil {
		return fmt.Errorf("the node was not registered: %w", err)
	}
	go n.keepLease(ctx)
	factory := informers.NewSharedInformerFactory(n.client, 0)
	pods, nodes := factory.Core().V1().Pods().Informer(), factory.Core().V1().Nodes().Informer()
	take := func(object any) {
		if p := object.(*v1.Pod); p.Spec.NodeName == n.name {
			n.sync(p)
		} else if p.Spec.NodeName == "" && p.DeletionTimestamp == nil {
			n.schedule(ctx, p, nodes.GetStore())
		}
	}
	_, err := pods.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    take,
		UpdateFunc: func(_, object any) { take(object) },
		DeleteFunc: func(object any) {
			if unknown, ok := object.(cache.DeletedFinalStateUnknown); ok {
				object = unknown.Obj
			}
			n.gone(object.(*v1.Pod).UID)
		},
	})
	if err != nil {
		return err
	}
	// Uncordoned, or rid of a taint: what waited may be bound now.
	_, err = nodes.AddEventHandler(cache.ResourceEventHandlerFuncs{
		UpdateFunc: func(before, after any) {
			if same(before.(*v1.Node), after.(*v1.Node)) {
				return
			}
			for _, object := range pods.GetStore().List() {
				take(object)
			}
		},
	})
	if err != nil {
		return err
	}
	// Nodes first, so that the first pod finds its node.
	go nodes.RunWithContext(ctx)
	if !cache.WaitForCacheSync(ctx.Done(), nodes.HasSynced) {
		return ctx.Err()
	}
	pods.RunWithContext(ctx)
	return ctx.Err()
}

func same(before, after *v1.Node) bool {
	return before.Spec.Unschedulable == after.Spec.Unschedulable &&
		fmt.Sprint(before.Spec.Taints) == fmt.Sprint(after.Spec.Taints)
}

// schedule binds a pod to this node if its taints let it: all that is left of a scheduler where there is one node.
func (n *node) schedule(ctx context.Context, p *v1.Pod, nodes cache.Store) {
	if p.Spec.SchedulerName != v1.DefaultSchedulerName || len(p.Spec.SchedulingGates) > 0 {
		return
	}
	object, exists, _ := nodes.GetByKey(n.name)
	if !exists {
		return
	}
	if reason := keptOff(p, object.(*v1.Node)); reason != "" {
		n.markUnschedulable(ctx, p, reason)
		return
	}
	err := n.client.CoreV1().Pods(p.Namespace).Bind(ctx, &v1.Binding{
		ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name, UID: p.UID},
		Target:     v1.ObjectReference{Kind: "Node", Name: n.name},
	}, metav1.CreateOptions{})
	switch {
	case err == nil:
		n.events.Eventf(p, v1.EventTypeNormal, "Scheduled",
			"Successfully assigned %s/%s to %s", p.Namespace, p.Name, n.name)
	case !apierrors.IsNotFound(err) && !apierrors.IsConflict(err):
		warn("a pod was not bound", err)
	}
}

// keptOff says why a pod may not run on a node, if it may not.
func keptOff(p *v1.Pod, node *v1.Node) string {
	taints := node.Spec.Taints
	if node.Spec.Unschedulable {
		taints = append([]v1.Taint{{Key: v1.TaintNodeUnschedulable, Effect: v1.TaintEffectNoSchedule}}, taints...)
	}
	taint, found := scheduling.FindMatchingUntoleratedTaint(klog.Background(), taints, p.Spec.Tolerations,
		func(t *v1.Taint) bool { return t.Effect != v1.TaintEffectPreferNoSchedule }, true)
	if found {
		return fmt.Sprintf("0/1 nodes are available: 1 node(s) had untolerated taint {%s: %s}", taint.Key, taint.Value)
	}
	for key, value := range p.Spec.NodeSelector {
		if node.Labels[key] != value {
			return "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector"
		}
	}
	return ""
}

func (n *node) markUnschedulable(ctx context.Context, p *v1.Pod, reason string) {
	for _, condition := range p.Status.Conditions {
		if condition.Type == v1.PodScheduled && condition.Message == reason {
			return
		}
	}
	patch, err := json.Marshal(map[string]any{"status": v1.PodStatus{Conditions: []v1.PodCondition{{
		Type: v1.PodScheduled, Status: v1.ConditionFalse, Reason: v1.PodReasonUnschedulable, Message: reason,
		LastTransitionTime: metav1.Time{Time: time.Now()},
	}}}})
	if err == nil {
		_, err = n.client.CoreV1().Pods(p.Namespace).Patch(
			ctx, p.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	}
	if err != nil && !apierrors.IsNotFound(err) {
		warn("a pod was not marked unschedulable", err)
	}
}

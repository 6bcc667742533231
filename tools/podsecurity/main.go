// Says what the upstream checks of the Pod Security Standards make of a pod template. Reads a question a line from
// stdin, as JSON, and prints an answer a line, in their order:
//
//	{"level": "restricted", "metadata": {…}, "spec": {…}}     {"forbidden": ["runAsNonRoot != true", …]}
//	                                                          or {"error": "…"}
//
// The checks are those of the newest version that k8s.io/pod-security-admission knows, which is what a namespace gets
// that asks for `latest`.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

type question struct {
	Level    api.Level         `json:"level"`
	Metadata metav1.ObjectMeta `json:"metadata"`
	Spec     corev1.PodSpec    `json:"spec"`
}

type answer struct {
	Error     string   `json:"error,omitempty"`
	Forbidden []string `json:"forbidden"`
}

func judge(evaluator policy.Evaluator, line []byte) answer {
	var asked question
	if err := json.Unmarshal(line, &asked); err != nil {
		return answer{Error: err.Error()}
	}
	if _, err := api.ParseLevel(string(asked.Level)); err != nil {
		return answer{Error: err.Error()}
	}
	for i := range asked.Spec.Volumes {
		// SetDefaults_Volume of k8s.io/kubernetes/pkg/apis/core/v1: admission sees no volume without a source.
		if source := &asked.Spec.Volumes[i].VolumeSource; reflect.ValueOf(*source).IsZero() {
			source.EmptyDir = &corev1.EmptyDirVolumeSource{}
		}
	}
	said := answer{Forbidden: []string{}}
	version := api.LevelVersion{Level: asked.Level, Version: api.LatestVersion()}
	for _, result := range evaluator.EvaluatePod(version, &asked.Metadata, &asked.Spec) {
		if !result.Allowed {
			said.Forbidden = append(said.Forbidden, result.ForbiddenReason)
		}
	}
	slices.Sort(said.Forbidden)
	return said
}

func run() error {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16<<20)
	out := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(out)
	for lines.Scan() {
		if err := encoder.Encode(judge(evaluator, lines.Bytes())); err != nil {
			return err
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
	return lines.Err()
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

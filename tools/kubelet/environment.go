package main

import (
	"context"
	"fmt"
	"regexp"
	"sort"
	"strings"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// environment is what the container's `env` and `envFrom` say, as NAME=value. An error: something that it must have
// is missing.
func (p *pod) environment(spec v1.Container) ([]string, error) {
	env := []string{"HOSTNAME=" + p.name}
	for _, source := range spec.EnvFrom {
		var values map[string]string
		var err error
		switch {
		case source.ConfigMapRef != nil:
			values, err = p.configMap(source.ConfigMapRef.Name, ptr.Deref(source.ConfigMapRef.Optional, false))
		case source.SecretRef != nil:
			values, err = p.secret(source.SecretRef.Name, ptr.Deref(source.SecretRef.Optional, false))
		}
		if err != nil {
			return nil, err
		}
		for _, key := range sorted(values) {
			env = append(env, source.Prefix+key+"="+values[key])
		}
	}
	for _, variable := range spec.Env {
		value, set, err := p.value(variable)
		if err != nil {
			return nil, err
		}
		if set {
			env = append(env, variable.Name+"="+expand(value, env))
		}
	}
	return env, nil
}

func (p *pod) value(variable v1.EnvVar) (value string, set bool, err error) {
	from := variable.ValueFrom
	switch {
	case from == nil:
		return variable.Value, true, nil
	case from.SecretKeyRef != nil:
		optional := ptr.Deref(from.SecretKeyRef.Optional, false)
		values, err := p.secret(from.SecretKeyRef.Name, optional)
		return pick(values, from.SecretKeyRef.Key, "Secret "+from.SecretKeyRef.Name, optional, err)
	case from.ConfigMapKeyRef != nil:
		optional := ptr.Deref(from.ConfigMapKeyRef.Optional, false)
		values, err := p.configMap(from.ConfigMapKeyRef.Name, optional)
		return pick(values, from.ConfigMapKeyRef.Key, "ConfigMap "+from.ConfigMapKeyRef.Name, optional, err)
	case from.FieldRef != nil:
		return p.field(from.FieldRef.FieldPath), true, nil
	}
	return "", false, nil
}

func pick(values map[string]string, key, where string, optional bool, err error) (string, bool, error) {
	value, found := values[key]
	if err == nil && !found && !optional {
		err = fmt.Errorf("couldn't find key %s in %s", key, where)
	}
	return value, found, err
}

// field is a field of the pod for its own container. Those that nothing here needs are empty.
func (p *pod) field(path string) string {
	object, _ := p.current()
	switch path {
	case "metadata.name":
		return p.name
	case "metadata.namespace":
		return p.namespace
	case "metadata.uid":
		return string(p.uid)
	case "spec.nodeName":
		return p.node.name
	case "spec.serviceAccountName":
		return object.Spec.ServiceAccountName
	case "status.podIP":
		return p.ip
	case "status.hostIP":
		return nodeIP
	}
	if key, ok := strings.CutPrefix(path, "metadata.labels['"); ok {
		return object.Labels[strings.TrimSuffix(key, "']")]
	}
	return ""
}

func (p *pod) configMap(name string, optional bool) (map[string]string, error) {
	found, err := p.node.client.CoreV1().ConfigMaps(p.namespace).Get(context.Background(), name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) && optional {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	for key, value := range found.BinaryData {
		values[key] = string(value)
	}
	for key, value := range found.Data {
		values[key] = value
	}
	return values, nil
}

func (p *pod) secret(name string, optional bool) (map[string]string, error) {
	found, err := p.node.client.CoreV1().Secrets(p.namespace).Get(context.Background(), name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) && optional {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	for key, value := range found.Data {
		values[key] = string(value)
	}
	return values, nil
}

var reference = regexp.MustCompile(`\$\$|\$\([^()]+\)`)

// expand puts variables in place of $(NAME), as the API defines it for commands and variables: what is unknown stays,
// and $$ is a dollar sign.
func expand(text string, env []string) string {
	return reference.ReplaceAllStringFunc(text, func(found string) string {
		if found == "$$" {
			return "$"
		}
		for i := len(env) - 1; i >= 0; i-- {
			if value, ok := strings.CutPrefix(env[i], found[2:len(found)-1]+"="); ok {
				return value
			}
		}
		return found
	})
}

func sorted(values map[string]string) []string {
	keys := make([]string, 0, len(values))
	for key := range values {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

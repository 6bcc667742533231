package main

import (
	"os"
	"path/filepath"

	v1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

// mount writes what the container's volumes hold under its root: Secrets and ConfigMaps, as they are at its start.
// Of other volumes there is an empty folder, and containers don't share it.
func (p *pod) mount(root *root, spec v1.Container) error {
	object, _ := p.current()
	for _, mount := range spec.VolumeMounts {
		for _, volume := range object.Spec.Volumes {
			if volume.Name != mount.Name {
				continue
			}
			files, err := p.files(volume)
			if err != nil {
				return err
			}
			if err := write(root, mount, files); err != nil {
				return err
			}
		}
	}
	return nil
}

func write(root *root, mount v1.VolumeMount, files map[string]string) error {
	if mount.SubPath != "" {
		if content, one := files[mount.SubPath]; one {
			files, mount.MountPath = map[string]string{filepath.Base(mount.MountPath): content}, filepath.Dir(mount.MountPath)
		}
	}
	if err := os.MkdirAll(root.at(mount.MountPath), 0o755); err != nil {
		return err
	}
	for name, content := range files {
		file := root.at(filepath.Join(mount.MountPath, filepath.Clean("/"+name)))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// files of a volume by their path in it. A projected service account token is left out: nothing in a container of
// this node may call the API.
func (p *pod) files(volume v1.Volume) (map[string]string, error) {
	switch {
	case volume.Secret != nil:
		values, err := p.secret(volume.Secret.SecretName, ptr.Deref(volume.Secret.Optional, false))
		return project(values, volume.Secret.Items), err
	case volume.ConfigMap != nil:
		values, err := p.configMap(volume.ConfigMap.Name, ptr.Deref(volume.ConfigMap.Optional, false))
		return project(values, volume.ConfigMap.Items), err
	case volume.Projected != nil:
		all := map[string]string{}
		for _, source := range volume.Projected.Sources {
			var one v1.Volume
			if source.Secret != nil {
				one.Secret = &v1.SecretVolumeSource{
					SecretName: source.Secret.Name, Items: source.Secret.Items, Optional: source.Secret.Optional,
				}
			}
			if source.ConfigMap != nil {
				one.ConfigMap = &v1.ConfigMapVolumeSource{
					LocalObjectReference: source.ConfigMap.LocalObjectReference,
					Items:                source.ConfigMap.Items, Optional: source.ConfigMap.Optional,
				}
			}
			files, err := p.files(one)
			if err != nil {
				return nil, err
			}
			for name, content := range files {
				all[name] = content
			}
		}
		return all, nil
	}
	return nil, nil
}

// project is what a volume's `items` pick and rename, or everything where there are none.
func project(values map[string]string, items []v1.KeyToPath) map[string]string {
	if len(items) == 0 {
		return values
	}
	picked := map[string]string{}
	for _, item := range items {
		if value, found := values[item.Key]; found {
			picked[item.Path] = value
		}
	}
	return picked
}

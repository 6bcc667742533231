package main

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// roots makes the folders that containers see as their file system. As root, and with a static busybox on PATH, a
// container is chrooted into a tree of its own; elsewhere it has an empty folder to work in, the host's programs, and
// paths that begin with `/` are the host's.
type roots struct {
	directory string
	// Of a static busybox, or nothing.
	busybox string
	applets []string
	// The folder that this program stands in by the names of what else it is.
	own string
}

func chooseRoots(directory string) (*roots, error) {
	directory, err := filepath.Abs(directory)
	if err != nil {
		return nil, err
	}
	r := &roots{directory: directory, own: filepath.Join(directory, "bin")}
	if err := os.MkdirAll(r.own, 0o755); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if err := os.Symlink(self, filepath.Join(r.own, echoName)); err != nil && !os.IsExist(err) {
		return nil, err
	}
	busybox, err := exec.LookPath("busybox")
	if err != nil || os.Getuid() != 0 || !isStatic(busybox) {
		return r, nil
	}
	list, err := exec.Command(busybox, "--list").Output()
	if err != nil {
		return nil, fmt.Errorf("%s --list: %w", busybox, err)
	}
	r.busybox, r.applets = busybox, strings.Fields(string(list))
	return r, nil
}

// isStatic tells whether a program needs no loader, which a chroot would not have.
func isStatic(file string) bool {
	program, err := elf.Open(file)
	if err != nil {
		return false
	}
	defer program.Close()
	for _, part := range program.Progs {
		if part.Type == elf.PT_INTERP {
			return false
		}
	}
	return true
}

// root is a container's file system.
type root struct {
	path   string
	chroot bool
	search string
}

// make makes one for a container of a pod. Files are copied: hard links would share what tests write in place.
func (r *roots) make(pod, container string) (*root, error) {
	at := &root{path: filepath.Join(r.directory, "pods", pod, container, "root")}
	for _, folder := range []string{"tmp", "etc"} {
		if err := os.MkdirAll(filepath.Join(at.path, folder), 0o755); err != nil {
			return nil, err
		}
	}
	if r.busybox == "" {
		at.search = r.own + ":" + os.Getenv("PATH")
		return at, nil
	}
	at.chroot, at.search = true, "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	bin, dev := filepath.Join(at.path, "bin"), filepath.Join(at.path, "dev")
	for _, folder := range []string{bin, dev} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return nil, err
		}
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	for name, from := range map[string]string{"busybox": r.busybox, echoName: self} {
		content, err := os.ReadFile(from)
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(bin, name), content, 0o755); err != nil {
			return nil, err
		}
	}
	for _, applet := range r.applets {
		if err := os.Symlink("busybox", filepath.Join(bin, applet)); err != nil && !os.IsExist(err) {
			return nil, err
		}
	}
	makeDevices(dev)
	passwd := "root:x:0:0:root:/:/bin/sh\n"
	return at, os.WriteFile(filepath.Join(at.path, "etc", "passwd"), []byte(passwd), 0o644)
}

// makeDevices makes those that a shell needs: Linux's numbers, `devices.txt` of its documentation. Where devices may
// not be made, a file takes what is written to null.
func makeDevices(folder string) {
	for name, number := range map[string]uint64{
		"null": unix.Mkdev(1, 3), "zero": unix.Mkdev(1, 5), "urandom": unix.Mkdev(1, 9), "tty": unix.Mkdev(5, 0),
	} {
		file := filepath.Join(folder, name)
		if unix.Mknod(file, unix.S_IFCHR|0o666, int(number)) != nil && name == "null" {
			_ = os.WriteFile(file, nil, 0o666)
		} else {
			_ = os.Chmod(file, 0o666)
		}
	}
}

// at is where a path of the container lies on the host. It cannot lead out of the root.
func (r *root) at(path string) string {
	return filepath.Join(r.path, filepath.Clean("/"+path))
}

// order is what runs in this root: in the container's working directory, with its environment.
func (r *root) order(argv, env []string, workingDirectory string) (order, error) {
	if err := os.MkdirAll(r.at(workingDirectory), 0o755); err != nil {
		return order{}, err
	}
	o := order{argv: argv, directory: r.at(workingDirectory)}
	home := r.path
	if r.chroot {
		home, o.chroot, o.directory = "/", r.path, filepath.Clean("/"+workingDirectory)
	}
	o.env = append([]string{"PATH=" + r.search, "HOME=" + home, "TMPDIR=" + filepath.Join(home, "tmp"), mark + r.path}, env...)
	return o, nil
}

// lookUp finds an order's program as the container would: by its PATH, in its root, from its working directory.
func lookUp(o order) (string, error) {
	name := o.argv[0]
	inside := func(path string) bool {
		info, err := os.Stat(filepath.Join(o.chroot, path))
		return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
	}
	if strings.Contains(name, "/") {
		path := name
		if !filepath.IsAbs(path) {
			path = filepath.Join(o.directory, path)
		}
		if inside(path) {
			return path, nil
		}
		return "", fmt.Errorf("exec: %q: stat %s: %w", name, name, os.ErrNotExist)
	}
	search := ""
	for _, variable := range o.env {
		if value, ok := strings.CutPrefix(variable, "PATH="); ok {
			search = value
		}
	}
	for _, folder := range filepath.SplitList(search) {
		if path := filepath.Join(folder, name); inside(path) {
			return path, nil
		}
	}
	return "", fmt.Errorf("exec: %q: %w", name, exec.ErrNotFound)
}

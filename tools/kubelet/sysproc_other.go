//go:build !linux

package main

import "syscall"

func attributes(chroot string) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Chroot: chroot}
}

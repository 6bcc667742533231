package main

import "syscall"

// attributes of a child: killed by the kernel if this process dies before the reaper knows of it.
func attributes(chroot string) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Chroot: chroot, Pdeathsig: syscall.SIGKILL}
}

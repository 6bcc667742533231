package main

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
)

// signalSession signals every process of a session: a shell with job control puts each job into a group of its own.
// Where there is no /proc, it is the group of the session's leader.
func signalSession(id int, what syscall.Signal) {
	members, known := sessionMembers(id)
	if !known {
		_ = syscall.Kill(-id, what)
		return
	}
	for _, pid := range members {
		_ = syscall.Kill(pid, what)
	}
}

// sessionIsEmpty tells whether no process of a session is left.
func sessionIsEmpty(id int) bool {
	members, known := sessionMembers(id)
	if !known {
		return syscall.Kill(-id, 0) != nil
	}
	return len(members) == 0
}

// sessionMembers lists the processes of a session that have not ended, if this system has a Linux /proc.
func sessionMembers(id int) (members []int, known bool) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, false
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + entry.Name() + "/stat")
		if err != nil {
			continue
		}
		known = true
		// proc_pid_stat(5): `pid (name) state ppid pgrp session …`; a name may hold anything, parentheses too.
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		if len(fields) > 3 && string(fields[3]) == strconv.Itoa(id) && fields[0][0] != 'Z' {
			members = append(members, pid)
		}
	}
	return members, known
}

// mark is a variable in the environment of every process of a container, with the folder of its root: what has left
// its session (setsid, a daemon) still has it.
const mark = "STUB_KUBELET_ROOT="

// killMarked kills what has a mark of that value, or of one that begins so. It needs a Linux /proc.
func killMarked(value string) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		environment, err := os.ReadFile("/proc/" + entry.Name() + "/environ")
		if err == nil && bytes.Contains(environment, []byte("\x00"+mark+value)) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

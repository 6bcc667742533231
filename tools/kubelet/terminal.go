package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/creack/pty"
)

const terminalArgument = "terminal"

// runInTerminal runs a program as if a person sat at it, for tests of kubectl's `-it`: what comes on stdin is typed,
// what the terminal shows goes to stdout, and each line `ROWS COLUMNS` on descriptor 3 gives it another size.
func runInTerminal(argv []string) int {
	if len(argv) == 0 {
		fmt.Fprintln(os.Stderr, "usage: stub-kubelet terminal PROGRAM …")
		return 2
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	screen, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 80})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 127
	}
	go func() { _, _ = io.Copy(screen, os.Stdin) }()
	go func() {
		lines := bufio.NewScanner(os.NewFile(3, "sizes"))
		for lines.Scan() {
			var size pty.Winsize
			if _, err := fmt.Sscan(lines.Text(), &size.Rows, &size.Cols); err == nil {
				_ = pty.Setsize(screen, &size)
			}
		}
	}()
	// It ends with an error (EIO) when the program and its children have.
	_, _ = io.Copy(os.Stdout, screen)
	return exitCodeOf(cmd)
}

func exitCodeOf(cmd *exec.Cmd) int {
	err := cmd.Wait()
	if cmd.ProcessState == nil {
		fmt.Fprintln(os.Stderr, err)
		return 255
	}
	return exitCode(cmd.ProcessState, nil)
}

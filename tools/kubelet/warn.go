package main

import (
	"fmt"
	"os"
	"time"
)

// warn says on stderr what went wrong and is tried again or passed over.
func warn(what string, err error) {
	fmt.Fprintf(os.Stderr, "%s %s: %v\n", time.Now().UTC().Format(time.RFC3339), what, err)
}

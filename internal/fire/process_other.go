//go:build !unix

package main

import (
	"errors"
	"os"
	"os/exec"
)

// Without signals and resource limits most faults cannot be made.
var errNotHere = errors.New("this system has no signals to make the fault with")

func apart(*exec.Cmd) {}

func unprivileged(*exec.Cmd, string) error { return nil }

func freeze(*os.Process) error { return errNotHere }

func thaw(*os.Process) error { return errNotHere }

func quit(*os.Process) error { return errNotHere }

func ignoreFileLimit() {}

func limitFiles(int64) error { return errNotHere }

package app_test

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"farthing/internal/app"
	"farthing/internal/db/dbtest"
)

// actAsProgram is set in the environment of a process that is to be the program rather than its tests: so the tests start
// server processes without building anything.
const actAsProgram = "FARTHING_TEST_ACT_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(actAsProgram) != "" {
		os.Exit(program())
	}
	dbtest.Main(m)
}

// program is what server.go does.
func program() (status int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := app.Run(ctx, app.Process{Args: os.Args[1:], Environment: os.Environ(), Stdout: os.Stdout, Stderr: os.Stderr})
	if err != nil {
		return 1
	}
	return 0
}

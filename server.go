// Command farthing is a shop for digital goods paid for in small change. The shop is put together in internal/app.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // time zones, also where the machine has none

	"farthing/internal/app"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := app.Run(ctx, app.Process{Args: os.Args[1:], Environment: os.Environ(), Stdout: os.Stdout, Stderr: os.Stderr})
	stop()
	if err != nil {
		os.Exit(1)
	}
}

package main

import (
	"bufio"
	"context"
	"database/sql/driver"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"modernc.org/sqlite"

	"farthing/internal/app"
)

// asServer is set in the environment of a process that is to be a server: this program starts itself again, so that what
// makes a server fail is never in the program that is shipped.
const asServer = "FARTHING_TEST_FIRE_SERVER"

// maxPages is set to how many pages the SQLite file of a server may have, when its disk is to be full soon.
const maxPages = "FARTHING_TEST_FIRE_PAGES"

// saboteur is what is wrong with a server. It takes its orders from standard input, a line each:
//
//	clock SECONDS     be wrong about the time by so much
//	files BYTES       write no file beyond this size, as with a disk quota; -1 is without limit
//	die COMMITS       die in the commit of the so-manieth transaction from now on, before it is done (SQLite)
//
// It answers each with "ok" on standard output. When its input ends, so does the server: nobody is there to end it.
type saboteur struct {
	offset  atomic.Int64 // of the clock, in seconds
	commits atomic.Int64 // to go until the one to die in; 0 is none
}

// serveAsChild is a server until it is told to end, and returns its exit status.
func serveAsChild() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ignoreFileLimit()
	var s saboteur
	sqlite.RegisterConnectionHook(s.connected)
	go s.listen(os.Stdin, os.Stdout)
	err := app.Run(ctx, app.Process{
		Args: os.Args[1:], Environment: os.Environ(), Stdout: os.Stdout, Stderr: os.Stderr,
		Clock: func() time.Time {
			return stepped(time.Now(), s.offset.Load())
		},
	})
	if err != nil {
		return 1
	}
	return 0
}

func (s *saboteur) listen(orders io.Reader, answers io.Writer) {
	for lines := bufio.NewScanner(orders); lines.Scan(); {
		answer := "ok"
		if err := s.obey(lines.Text()); err != nil {
			answer = err.Error()
		}
		_, _ = fmt.Fprintln(answers, answer)
	}
	die()
}

func (s *saboteur) obey(order string) error {
	verb, value, _ := strings.Cut(order, " ")
	number, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return err
	}
	switch verb {
	case "clock":
		s.offset.Store(number)
		return nil
	case "files":
		return limitFiles(number)
	case "die":
		s.commits.Store(number)
		return nil
	}
	return fmt.Errorf("%q is no order", order)
}

// stepped is an instant of a machine whose clock was set forward by so many seconds: what it shows is wrong, while the time that
// has passed is still measured right. No function of package time gives such an instant, so its first word is changed: the
// seconds that are shown are above the 30 bits of the nanoseconds (TestStepped holds that to be so).
func stepped(t time.Time, seconds int64) time.Time {
	*(*uint64)(unsafe.Pointer(&t)) += uint64(seconds) << 30
	return t
}

// connected prepares a new connection to SQLite. The one that begins its transactions with IMMEDIATE is the one that writes.
func (s *saboteur) connected(conn sqlite.ExecQuerierContext, source string) error {
	if !strings.Contains(source, "_txlock=immediate") {
		return nil
	}
	if hooks, ok := conn.(sqlite.HookRegisterer); ok {
		hooks.RegisterCommitHook(func() int32 {
			if s.commits.Load() > 0 && s.commits.Add(-1) == 0 {
				die()
			}
			return 0
		})
	}
	if pages := os.Getenv(maxPages); pages != "" {
		_, err := conn.ExecContext(context.Background(), "PRAGMA max_page_count="+pages, []driver.NamedValue{})
		return err
	}
	return nil
}

// die ends this process as kill -9 does: nothing is written any more, and nobody is told.
func die() {
	if self, err := os.FindProcess(os.Getpid()); err == nil {
		_ = self.Kill()
	}
	select {} // until it has happened
}

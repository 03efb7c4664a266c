//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"os/user"
	"strconv"
	"syscall"
)

// apart keeps a process from getting the ^C that is meant for this one.
func apart(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
}

// unprivileged has a command run as the user postgres when this process is root's, since PostgreSQL refuses to be. The
// folder becomes that user's own.
func unprivileged(cmd *exec.Cmd, folder string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	owner, err := user.Lookup("postgres")
	if err != nil {
		return fmt.Errorf("PostgreSQL does not run as root: %w", err)
	}
	uid, err := strconv.ParseUint(owner.Uid, 10, 32)
	if err != nil {
		return err
	}
	gid, err := strconv.ParseUint(owner.Gid, 10, 32)
	if err != nil {
		return err
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	return os.Chown(folder, int(uid), int(gid))
}

// freeze stops a process in the middle of whatever it does; thaw lets it go on.
func freeze(p *os.Process) error { return p.Signal(syscall.SIGSTOP) }

func thaw(p *os.Process) error { return p.Signal(syscall.SIGCONT) }

// quit has PostgreSQL stop at once, without a shutdown of its own ("immediate").
func quit(p *os.Process) error { return p.Signal(syscall.SIGQUIT) }

// ignoreFileLimit lets a write beyond the limit of limitFiles fail, instead of ending the process.
func ignoreFileLimit() { signal.Ignore(syscall.SIGXFSZ) }

// limitFiles limits the size of files that this process writes; -1 lifts the limit.
func limitFiles(bytes int64) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	limit.Cur = limit.Max
	if bytes >= 0 {
		limit.Cur = uint64(bytes)
	}
	return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit)
}

package load

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Used is what a process and its descendants used while requests counted.
type Used struct {
	// CPUSeconds is the time of user and system.
	CPUSeconds float64 `json:"cpuSeconds"`
	// CPUMillisPerOperation is the same for each request that succeeded.
	CPUMillisPerOperation float64 `json:"cpuMillisPerOperation"`
	// StartMB, PeakMB and EndMB are the memory that is resident, of the process alone, looked at once a second.
	StartMB float64 `json:"startMB"`
	PeakMB  float64 `json:"peakMB"`
	EndMB   float64 `json:"endMB"`
}

type usage map[string]Used

func (u usage) perOperation(done int64) map[string]Used {
	if len(u) == 0 {
		return nil
	}
	const millis = 1000
	for name, used := range u {
		if done > 0 {
			used.CPUMillisPerOperation = used.CPUSeconds * millis / float64(done)
		}
		u[name] = used
	}
	return u
}

// watch looks at processes from an instant on, until it is asked for what they used.
func watch(ctx context.Context, o Options, from time.Time) (stop func() (usage, error)) {
	if len(o.Processes) == 0 {
		return func() (usage, error) { return nil, nil }
	}
	ctx, cancel := context.WithCancel(ctx)
	used := usage{}
	var broken error
	var watching sync.WaitGroup
	watching.Go(func() {
		if !wait(ctx, from.Sub(o.Clock())) {
			return
		}
		before := map[string]float64{}
		for name, pid := range o.Processes {
			if before[name], broken = cpuSeconds(pid); broken != nil {
				return
			}
		}
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for running := true; running; {
			for name, pid := range o.Processes {
				u := used[name]
				if u.EndMB, broken = residentMB(pid); broken != nil {
					return
				}
				u.PeakMB = max(u.PeakMB, u.EndMB)
				if u.StartMB == 0 {
					u.StartMB = u.EndMB
				}
				used[name] = u
			}
			select {
			case <-ticker.C:
			case <-ctx.Done():
				running = false
			}
		}
		for name, pid := range o.Processes {
			after, err := cpuSeconds(pid)
			if err != nil {
				broken = err
				return
			}
			u := used[name]
			u.CPUSeconds = after - before[name]
			used[name] = u
		}
	})
	return func() (usage, error) {
		cancel()
		watching.Wait()
		if broken != nil {
			return nil, fmt.Errorf("watch processes: %w", broken)
		}
		return used, nil
	}
}

// ticksPerSecond is the unit of /proc: USER_HZ, 100 on every Linux that Go runs on.
const ticksPerSecond = 100

// cpuSeconds is the time that a process and its descendants have taken, those that have ended and were waited for
// included. A process that ends between two looks moves from its own line to its parent's, so their difference holds.
func cpuSeconds(pid int) (float64, error) {
	own, err := readStat(pid)
	if err != nil {
		return 0, err
	}
	children := map[int][]stat{}
	entries, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	for _, entry := range entries {
		id, err := strconv.Atoi(filepath.Base(filepath.Dir(entry)))
		if err != nil {
			continue
		}
		if s, err := readStat(id); err == nil { // One that has ended meanwhile is its parent's.
			children[s.parent] = append(children[s.parent], s)
		}
	}
	ticks := own.ticks
	for of := []int{pid}; len(of) > 0; of = of[1:] {
		for _, child := range children[of[0]] {
			ticks += child.ticks
			of = append(of, child.pid)
		}
	}
	return float64(ticks) / ticksPerSecond, nil
}

// stat is a line of /proc/PID/stat.
type stat struct {
	pid, parent int
	ticks       int64
}

// Places in that line, counted from the field after the process's name (proc(5): state is field 3).
const (
	atParent     = 4 - 3
	atUserTime   = 14 - 3
	atChildrenTo = 17 - 3 // user, system, and the same of children that were waited for
)

func readStat(pid int) (stat, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, err
	}
	// The name is in parentheses and may have any characters in it.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) <= atChildrenTo {
		return stat{}, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	s := stat{pid: pid}
	if s.parent, err = strconv.Atoi(fields[atParent]); err != nil {
		return stat{}, err
	}
	for _, field := range fields[atUserTime : atChildrenTo+1] {
		ticks, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return stat{}, err
		}
		s.ticks += ticks
	}
	return s, nil
}

// residentMB is the memory of a process that is resident.
func residentMB(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0, fmt.Errorf("/proc/%d/statm has %d fields", pid, len(fields))
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0, err
	}
	const mega = 1 << 20
	return float64(pages) * float64(os.Getpagesize()) / mega, nil
}

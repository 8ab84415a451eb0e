package signals

import (
	"bytes"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// stat is what /proc/<pid>/stat says about a process.
type stat struct {
	state  byte // R, S, T (stopped), Z (zombie) ...
	parent int
	group  int
}

// statOf returns the zero stat if there is no such process.
func statOf(pid int) stat {
	line, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return stat{}
	}
	// The name is in parentheses and may hold any byte, ") Z 1" included.
	fields := bytes.Fields(line[bytes.LastIndexByte(line, ')')+1:])
	if len(fields) < 3 {
		return stat{}
	}
	parent, _ := strconv.Atoi(string(fields[1]))
	group, _ := strconv.Atoi(string(fields[2]))
	return stat{state: fields[0][0], parent: parent, group: group}
}

// parentOf returns 0 if it is not known.
func parentOf(pid int) int { return statOf(pid).parent }

// readers returns the members of this process group that read what this process
// writes to its standard output and error, directly or from one another: tee and
// grep of `pgtest | tee log | grep FAIL`.
func readers() []int {
	self, group := os.Getpid(), unix.Getpgrp()
	type member struct{ pid, in, out, err string }
	link := func(pid, fd string) string {
		target, _ := os.Readlink("/proc/" + pid + "/fd/" + fd)
		return target
	}
	var members []member
	proc, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer proc.Close()
	names, _ := proc.Readdirnames(-1)
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil && pid != self && statOf(pid).group == group {
			members = append(members, member{name, link(name, "0"), link(name, "1"), link(name, "2")})
		}
	}
	written := map[string]bool{link("self", "1"): true, link("self", "2"): true}
	var pids []int
	for found := true; found; {
		found = false
		rest := members[:0]
		for _, m := range members {
			if !written[m.in] || !bytes.HasPrefix([]byte(m.in), []byte("pipe:")) {
				rest = append(rest, m)
				continue
			}
			pid, _ := strconv.Atoi(m.pid)
			pids = append(pids, pid)
			written[m.out], written[m.err] = true, true
			found = true
		}
		members = rest
	}
	return pids
}

// awaitEnd returns when all of pids have ended, or after limit.
func awaitEnd(pids []int, limit time.Duration) {
	group := unix.Getpgrp()
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		alive := false
		for _, pid := range pids {
			if s := statOf(pid); s.group == group && s.state != 'Z' && s.state != 'T' {
				alive = true
			}
		}
		if !alive {
			return
		}
	}
}

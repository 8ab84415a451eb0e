// Bench measures pgtest's formatting of a recorded stream against gotestsum's,
// each as a process that reads the stream from cat. Run it in the module's
// directory.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"pgtest/jsonstream/internal/genstream"
)

// limits are how much of gotestsum's time each format may take.
var limits = []struct {
	format string
	limit  float64
}{
	{"pkgname", 1. / 6},
	{"pkgname-and-test-fails", 1. / 6},
	{"testname", 1. / 6},
	{"testdox", 1. / 6},
	{"dots", 1. / 6},
	{"none", 1. / 6},
	{"standard-quiet", 1. / 4},
	{"standard-verbose", 1. / 4},
	{"standard-json", 1. / 4},
}

// memoryLimit is the peak memory that a run may take.
const memoryLimit = 64 << 20

func main() {
	generate := flag.String("generate", "", "only write the stream to `file`")
	pgtest := flag.String("pgtest", "", "measure this `program` (default: build ./cmd/pgtest)")
	large := flag.Int64("large", 2<<30, "`bytes` that the test of the large stream prints")
	repeat := flag.Int("n", 3, "take the best of `n` runs")
	flag.Parse()
	if err := run(*generate, *pgtest, *large, *repeat); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(generate, pgtest string, large int64, repeat int) error {
	if generate != "" {
		return writeStream(generate, func(w io.Writer) error { return genstream.Write(w, genstream.Million) })
	}
	dir, err := os.MkdirTemp("", "pgtest-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := bench{dir: dir, pgtest: pgtest, repeat: repeat}
	if err := b.build(); err != nil {
		return err
	}
	return errors.Join(b.speed(), b.memory(large), b.oneLine(), b.chatty())
}

type bench struct {
	dir, pgtest, gotestsum string
	repeat                 int
}

func (b *bench) build() error {
	b.gotestsum = filepath.Join(b.dir, "gotestsum")
	programs := map[string]string{b.gotestsum: "gotest.tools/gotestsum"}
	if b.pgtest == "" {
		b.pgtest = filepath.Join(b.dir, "pgtest")
		programs[b.pgtest] = "./cmd/pgtest"
	}
	for out, pkg := range programs {
		cmd := exec.Command("go", "build", "-o", out, pkg)
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("go build %s: %w", pkg, err)
		}
	}
	return nil
}

// speed prints the table of times.
func (b *bench) speed() error {
	stream := filepath.Join(b.dir, "stream.json")
	if err := writeStream(stream, func(w io.Writer) error { return genstream.Write(w, genstream.Million) }); err != nil {
		return err
	}
	var failed error
	fmt.Printf("1,000,400 events, %d cores, best of %d\n\n", runtime.NumCPU(), b.repeat)
	fmt.Printf("%-24s %-6s %10s %10s %8s %8s %10s\n", "format", "junit", "gotestsum", "pgtest", "ratio", "at most", "memory")
	for _, l := range limits {
		for _, junit := range []bool{false, true} {
			limit := l.limit
			if junit {
				limit = 1. / 4
			}
			theirs, err := b.best(b.gotestsum, l.format, junit, stream)
			if err != nil {
				return err
			}
			ours, err := b.best(b.pgtest, l.format, junit, stream)
			if err != nil {
				return err
			}
			ratio := ours.wall.Seconds() / theirs.wall.Seconds()
			fmt.Printf("%-24s %-6v %9.2fs %9.2fs %8.3f %8.3f %7d MB\n",
				l.format, junit, theirs.wall.Seconds(), ours.wall.Seconds(), ratio, limit, ours.memory>>20)
			if ratio > limit || ours.memory > memoryLimit {
				failed = errors.New("a limit is not kept")
			}
		}
	}
	return failed
}

// memory prints the peak memory of a failing test with much output.
func (b *bench) memory(size int64) error {
	stream := filepath.Join(b.dir, "large.json")
	if err := writeStream(stream, func(w io.Writer) error { return genstream.Fail(w, size) }); err != nil {
		return err
	}
	m, err := b.measure(b.pgtest, "pkgname", true, stream)
	if err != nil {
		return err
	}
	fmt.Printf("\none test printing %d MB and failing, with junit: %.2fs, %d MB\n", size>>20, m.wall.Seconds(), m.memory>>20)
	if m.memory > memoryLimit {
		return errors.New("a limit is not kept")
	}
	return nil
}

// oneLineLimit is how much longer than the same bytes in lines of a kilobyte one
// line of 100 MB may take.
// The line itself is in memory, once as it came and once as it is shown.
const (
	oneLineLimit  = 1.5
	oneLineMemory = 3 * 100 << 20
)

// oneLine prints the times of a failing test whose output is one line.
func (b *bench) oneLine() error {
	const size = 100 << 20
	streams := make(map[bool]string)
	for _, whole := range []bool{false, true} {
		path := filepath.Join(b.dir, fmt.Sprintf("line-%v.json", whole))
		if err := writeStream(path, func(w io.Writer) error { return genstream.Fail(w, size) }); err != nil {
			return err
		}
		if whole {
			if err := joinLines(path); err != nil {
				return err
			}
		}
		streams[whole] = path
	}
	var failed error
	for _, format := range []string{"pkgname", "standard-verbose"} {
		lines, err := b.best(b.pgtest, format, true, streams[false])
		if err != nil {
			return err
		}
		one, err := b.best(b.pgtest, format, true, streams[true])
		if err != nil {
			return err
		}
		ratio := one.wall.Seconds() / lines.wall.Seconds()
		fmt.Printf("%s, one line of %d MB: %.2fs, in lines of 1 kB %.2fs, ratio %.2f, at most %.2f, %d MB\n",
			format, size>>20, one.wall.Seconds(), lines.wall.Seconds(), ratio, oneLineLimit, one.memory>>20)
		if ratio > oneLineLimit || one.memory > oneLineMemory {
			failed = errors.New("a limit is not kept")
		}
	}
	return failed
}

// joinLines makes one line of what the test of genstream.Fail prints.
func joinLines(path string) error {
	stream, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, bytes.ReplaceAll(stream, []byte(`012345678\n"`), []byte(`012345678"`)), 0o666)
}

type measurement struct {
	wall   time.Duration
	memory int64
}

func (b *bench) best(program, format string, junit bool, stream string) (measurement, error) {
	var best measurement
	for i := range b.repeat {
		m, err := b.measure(program, format, junit, stream)
		if err != nil {
			return m, err
		}
		if i == 0 || m.wall < best.wall {
			best.wall = m.wall
		}
		best.memory = max(best.memory, m.memory)
	}
	return best, nil
}

// measure runs a program on a stream. A run that reports failed tests counts.
func (b *bench) measure(program, format string, junit bool, stream string) (measurement, error) {
	args := []string{"--format", format}
	if junit {
		args = append(args, "--junitfile", filepath.Join(b.dir, "junit.xml"))
	}
	args = append(args, "--raw-command", "--", "cat", stream)
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), "GITHUB_ACTIONS=")
	out, err := os.Create(filepath.Join(b.dir, "out"))
	if err != nil {
		return measurement{}, err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	start := time.Now()
	err = cmd.Run()
	m := measurement{wall: time.Since(start)}
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 1) {
		return m, fmt.Errorf("%s %q: %w", program, args, err)
	}
	m.memory = peak(cmd.ProcessState.SysUsage().(*syscall.Rusage))
	return m, nil
}

// peak is the peak resident memory in bytes. Linux counts in kilobytes.
func peak(u *syscall.Rusage) int64 {
	if runtime.GOOS == "darwin" {
		return int64(u.Maxrss)
	}
	return int64(u.Maxrss) << 10
}

func writeStream(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	if err := write(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}

package supervisor

import (
	"bytes"
	"debug/buildinfo"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"pgtest/harness/internal/control"
	"pgtest/harness/internal/pertest"
	"pgtest/harness/internal/proc"
	"pgtest/harness/internal/stress"
	"pgtest/harness/internal/words"
	"pgtest/harness/override"
)

// start starts the test binary, directly or through another program: as the
// leader of a new process group, or in the supervisor's own if tests have the
// terminal. Pkg is its package, socket the run's, or "". Alone are tests that get a
// process each.
func start(command []string, pkg func() string, opts Options, own override.Settings, socket, overrides string, alone, env []string) (*proc.Tree, error) {
	before, argv := opts.Via, append(command[:1:1], fullyVerbose(command[1:])...)
	if len(opts.Via) == 0 {
		if !opts.Asks { // go must not save what is a part of a result
			argv = withTestLog(argv)
		}
		if emulator := emulatorFor(command[0]); emulator != "" {
			before = []string{emulator}
		}
	}
	common := opts.Options
	common.Via = before
	role, settings := "", any(nil) // in the binary's place
	switch {
	case opts.Stress:
		role, settings = stress.Role, stress.Options{Options: common, Limits: opts.Limits, Package: pkg()}
	case opts.isPerTest(pkg, own):
		role, settings = pertest.Role, pertest.Options{Options: common, Alone: alone}
	}
	if role == "" {
		argv = append(slices.Clone(before), argv...)
	} else {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		argv = append([]string{self, role}, words.Of(settings, argv...)...)
		env = append(env, control.SocketVariable+"="+socket)
		if role == pertest.Role {
			env = append(env, control.OverridesVariable+"="+overrides)
		}
	}
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return nil, err
	}
	return proc.StartTree(path, argv, env, !opts.Terminal)
}

// inWorkDir reports whether a test binary lies where go test builds it, in
// go-buildNNN/bNNN. It is called at each start, so it compiles no expression.
func inWorkDir(binary string) bool {
	objDir := filepath.Dir(binary)
	return numbered(filepath.Base(objDir), "b") && numbered(filepath.Base(filepath.Dir(objDir)), "go-build")
}

// numbered reports whether name is prefix followed by a decimal number.
func numbered(name, prefix string) bool {
	digits, ok := strings.CutPrefix(name, prefix)
	return ok && digits != "" && strings.Trim(digits, "0123456789") == ""
}

// withTestLog adds the argument that makes a test binary log the files and
// variables that it reads. The go command leaves it out with -exec, but keeps
// the result in its cache all the same if the log lies beside the binary
// (golang/go#27207).
func withTestLog(argv []string) []string {
	if !inWorkDir(argv[0]) {
		return argv
	}
	return slices.Insert(argv, 1, "-test.testlogfile="+testLog(argv[0]))
}

func testLog(binary string) string { return filepath.Join(filepath.Dir(binary), "testlog.txt") }

// logOverrides adds to the log of a test binary the stand-ins for those variables
// that it read and that overrides have set.
func logOverrides(binary string, own override.Settings, standIn func(name string) string) error {
	if len(own.Environment) == 0 || !inWorkDir(binary) {
		return nil
	}
	text, err := os.ReadFile(testLog(binary))
	if err != nil {
		return nil // it keeps none
	}
	var more []byte
	for name := range own.Environment {
		if bytes.Contains(text, []byte("\ngetenv "+name+"\n")) {
			more = append(more, "getenv "+standIn(name)+"\n"...)
		}
	}
	return os.WriteFile(testLog(binary), append(text, more...), 0o666)
}

// emulatorFor returns the program that runs binaries of another system or
// architecture, go_GOOS_GOARCH_exec on PATH, or "". The go command looks for
// it only when -exec is not set.
func emulatorFor(binary string) string {
	if isNative(binary) {
		return ""
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return wasmEmulator(binary)
	}
	goos, goarch := runtime.GOOS, runtime.GOARCH
	for _, s := range info.Settings {
		switch s.Key {
		case "GOOS":
			goos = s.Value
		case "GOARCH":
			goarch = s.Value
		}
	}
	return lookEmulator(goos, goarch)
}

func lookEmulator(goos, goarch string) string {
	path, err := exec.LookPath("go_" + goos + "_" + goarch + "_exec")
	if err != nil {
		return ""
	}
	return path
}

// wasmEmulator is emulatorFor for WebAssembly, whose binaries have no build
// information: of the two systems that there are, the one whose program is on
// PATH.
func wasmEmulator(binary string) string {
	if !bytes.Equal(header(binary, 4), []byte("\x00asm")) {
		return ""
	}
	if path := lookEmulator("js", "wasm"); path != "" && os.Getenv("GOOS") != "wasip1" {
		return path
	}
	return lookEmulator("wasip1", "wasm")
}

// header returns the first n bytes of a file, or fewer.
func header(path string, n int) []byte {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	b := make([]byte, n)
	got, _ := io.ReadFull(f, b)
	return b[:got]
}

// importPath returns the import path of the package that a test binary tests,
// or the binary's path if its build information does not tell. It costs as much as a
// hundredth of a small package's test, and go test removes the binary after it, so
// [Main] reads it once, while the binary is there.
func importPath(binary string) string {
	info, err := buildinfo.ReadFile(binary)
	if err != nil || info.Path == "" {
		return binary
	}
	return strings.TrimSuffix(info.Path, ".test")
}

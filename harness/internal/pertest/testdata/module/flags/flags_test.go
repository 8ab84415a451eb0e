package flags

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The tests do something unusual if the variable MODE names it.
var mode = os.Getenv("MODE")

func TestMain(m *testing.M) {
	fmt.Println("setup")
	code := m.Run()
	fmt.Println("teardown")
	os.Exit(code)
}

func TestFirst(t *testing.T) {
	F(1)
	t.Log("logged")
	fmt.Println("printed")
	fmt.Print("unfinished")
}

func TestPanic(t *testing.T) {
	t.Run("sub", func(t *testing.T) {
		if mode == "bad" {
			panic("on purpose")
		}
	})
}

func TestPanicElsewhere(t *testing.T) {
	if mode == "bad" {
		go panic("elsewhere")
		select {}
	}
}

func TestExit(t *testing.T) {
	t.Run("done", func(t *testing.T) {})
	t.Run("sub", func(t *testing.T) {
		if mode == "bad" {
			t.Log("before the end")
			os.Exit(3)
		}
	})
}

func TestKill(t *testing.T) {
	if mode == "bad" {
		syscall.Kill(0, syscall.SIGKILL)
		select {}
	}
}

func TestSubtests(t *testing.T) {
	F(-1)
	for _, name := range []string{"x", "x", "y/z", "skipped"} {
		t.Run(name, func(t *testing.T) {
			if name == "skipped" {
				t.Skip("a reason")
			}
			t.Log("in", t.Name())
		})
	}
}

func TestParallel(t *testing.T) {
	t.Parallel()
	t.Run("only", func(t *testing.T) { t.Parallel() })
}

func TestFail(t *testing.T) {
	if mode == "fail" {
		t.Fatal("fails")
	}
}

func TestAttr(t *testing.T) { t.Attr("key", "value") }

func TestLeak(t *testing.T) {
	if mode == "leak" {
		if err := exec.Command("sleep", "1000").Start(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestHang(t *testing.T) {
	if mode == "stubborn" {
		signal.Ignore(syscall.SIGTERM)
	}
	if mode == "hang" || mode == "stubborn" {
		time.Sleep(time.Hour)
	}
}

func TestRead(t *testing.T) {
	if name := os.Getenv("FILE"); name != "" {
		t.Chdir("..")
		data, err := os.ReadFile(name)
		t.Logf("%s, %v", data, err)
	}
}

// met is locked, shared, until this process has ended.
var met *os.File

// meet waits until four tests have come here.
func meet(t *testing.T) {
	if mode != "meet" && os.Getenv("ALSO") != "meet" {
		return
	}
	dir := os.Getenv("DIR")
	var err error
	if met, err = os.OpenFile(dir+".lock", os.O_RDWR|os.O_CREATE, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(met.Fd()), syscall.LOCK_SH); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, t.Name()), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for {
		if names, _ := filepath.Glob(filepath.Join(dir, "*")); len(names) >= 4 {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func TestMeetA(t *testing.T) { meet(t) }
func TestMeetB(t *testing.T) { meet(t) }
func TestMeetC(t *testing.T) { meet(t) }
func TestMeetD(t *testing.T) { meet(t) }

// alone fails if another test is here.
func alone(t *testing.T) {
	if mode != "alone" {
		return
	}
	name := filepath.Join(os.Getenv("DIR"), "lock")
	if err := os.Mkdir(name, 0o777); err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond)
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
}

func TestAloneA(t *testing.T) { alone(t) }
func TestAloneB(t *testing.T) { alone(t) }
func TestAloneC(t *testing.T) { alone(t) }

func TestLarge(t *testing.T) {
	if mode == "large" {
		fmt.Println(strings.Repeat(strings.Repeat("x", 999)+"\n", 3000))
	}
}

func TestLast(t *testing.T) { F(0) }

func FuzzSeeds(f *testing.F) {
	f.Add(1)
	f.Fuzz(func(t *testing.T, n int) { F(n) })
}

func ExampleF() {
	fmt.Println(F(2))
	// Output: 1
}

func BenchmarkF(b *testing.B) {
	for b.Loop() {
		F(1)
	}
}

package harness_test

import (
	"context"
	"fmt"
	"os"

	"pgtest/harness"
	"pgtest/jsonstream"
)

// A program that runs tests is started again for each test binary, so its main
// function begins with harness.Role().
func Example() {
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	os.WriteFile(dir+"/go.mod", []byte("module example.com/m\n"), 0o666)
	os.WriteFile(dir+"/m_test.go", []byte(`package m

import "testing"

func TestGood(t *testing.T) {}
func TestBad(t *testing.T) { t.Error("no good") }
`), 0o666)

	result, err := harness.Run(context.Background(), harness.Config{
		Dir:    dir,
		Args:   []string{"-count=1", "./..."},
		Stream: jsonstream.Options{Format: "none", NoSummary: true},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("exit code", result.ExitCode)
	for _, p := range result.Report.Packages {
		fmt.Println(p.Path, p.End, p.PassedTests, "passed")
		for _, t := range p.Failed {
			fmt.Println(t.Name, t.End)
		}
	}
	fmt.Println(len(result.Processes), "test binary ran")
	// Output:
	// exit code 1
	// example.com/m failed 1 passed
	// TestBad failed
	// 1 test binary ran
}

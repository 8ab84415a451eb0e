package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime/pprof"

	"gotest.tools/gotestsum/testjson"
	"pgtest/jsonstream"
	"pgtest/jsonstream/junit"
)

func main() {
	format := flag.String("format", "pkgname", "")
	jf := flag.String("junitfile", "", "")
	flag.Bool("raw-command", true, "")
	flag.Parse()
	if p := os.Getenv("CPUPROF"); p != "" {
		f, _ := os.Create(p)
		pprof.StartCPUProfile(f)
		defer pprof.StopCPUProfile()
	}
	opts := jsonstream.Options{Stdout: os.Stdout, Stderr: os.Stderr, Format: *format, Summary: testjson.SummarizeAll}
	var file *junit.File
	if *jf != "" {
		var err error
		if file, err = junit.Create(*jf); err != nil {
			fmt.Println(err)
			os.Exit(2)
		}
		opts.JUnit = &junit.Options{Out: file}
	}
	s, err := jsonstream.New(opts)
	if err != nil {
		fmt.Println(err)
		os.Exit(2)
	}
	cmd := exec.Command(flag.Arg(0), flag.Args()[1:]...)
	r, w, _ := os.Pipe()
	cmd.Stdout = w
	cmd.Start()
	w.Close()
	s.ReadOutput(r)
	cmd.Wait()
	_, err = s.Finish()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	if file != nil {
		file.Commit()
	}
	if p := os.Getenv("MEMPROF"); p != "" {
		f, _ := os.Create(p)
		pprof.WriteHeapProfile(f)
		f.Close()
	}
}

package main

import (
	_ "github.com/creack/pty"
	_ "github.com/fatih/color"
	_ "github.com/mattn/go-isatty"
	_ "github.com/rogpeppe/go-internal/testscript"
	_ "go.uber.org/goleak"
	_ "golang.org/x/sys/unix"
	_ "gotest.tools/gotestsum/testjson"
)

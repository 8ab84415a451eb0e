package jsonstream_test

import (
	"fmt"
	"os"
	"strings"

	"gotest.tools/gotestsum/testjson"
	"pgtest/jsonstream"
)

// A recorded stream becomes a line for each package, a summary and a report.
func Example() {
	events := strings.NewReader(`{"Action":"start","Package":"example.com/shop"}
{"Action":"run","Package":"example.com/shop","Test":"TestCart"}
{"Action":"output","Package":"example.com/shop","Test":"TestCart","Output":"    cart_test.go:7: empty\n"}
{"Action":"fail","Package":"example.com/shop","Test":"TestCart","Elapsed":0.02}
{"Time":"2026-11-23T12:00:00Z","Action":"fail","Package":"example.com/shop","Elapsed":0.03}
`)
	stream, err := jsonstream.New(jsonstream.Options{
		Stdout:  os.Stdout,
		Format:  "pkgname",
		Summary: testjson.SummarizeAll,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := stream.ReadOutput(events); err != nil {
		fmt.Println(err)
	}
	report, err := stream.Finish()
	if err != nil {
		fmt.Println(err)
	}
	fmt.Println(report.Package("example.com/shop").Failed[0].Name)
	// Output:
	// ✖  example.com/shop (30ms)
	//
	// === Failed
	// === FAIL: example.com/shop TestCart (0.02s)
	//     cart_test.go:7: empty
	//
	// DONE 1 tests, 1 failure in 0.000s
	// TestCart
}

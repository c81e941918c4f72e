package proxy_test

import (
	"fmt"
	"net/http"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// sdkWorker is started by a package that the SDK imports, when the program starts.
const sdkWorker = "go.opencensus.io/stats/view.(*worker).start"

func TestMain(m *testing.M) {
	code := m.Run()
	http.DefaultClient.CloseIdleConnections()
	ignored := []goleak.Option{
		goleak.IgnoreTopFunction(sdkWorker),
		goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"), // of the SDK's idle HTTP connections
		goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"),
	}
	if err := goleak.Find(ignored...); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

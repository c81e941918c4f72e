package dialect

import (
	"testing"

	"github.com/lakeward/lakeward/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

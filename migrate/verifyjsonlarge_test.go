package migrate

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
)

// randomJSON writes a document in which names come in any order, with escapes, spaces and now and then one twice.
func randomJSON(r *rand.Rand, out *strings.Builder, depth, most int) {
	texts := []string{`a`, `é\u00e9`, `\ud83d\ude00`, `\"\\\/\b\f\n\r\t`, `\u001f`, `😀日本`, ``}
	text := func(n int) {
		out.WriteByte('"')
		for range n {
			out.WriteString(texts[r.IntN(len(texts))])
		}
		out.WriteByte('"')
	}
	if out.Len() > 8*jsonPieceBytes {
		depth = 0
	}
	switch kind := r.IntN(10); {
	case kind < 3 && depth > 0:
		out.WriteString("{ ")
		for i := range r.IntN(most) {
			if i > 0 {
				out.WriteString(" ,")
			}
			name := r.IntN(1 << 40)
			if r.IntN(4000) == 0 {
				name = 7
			}
			fmt.Fprintf(out, `"\u006b%x" : `, name)
			randomJSON(r, out, depth-1, most)
		}
		out.WriteString("}")
	case kind < 5 && depth > 0:
		out.WriteString("[")
		for i := range r.IntN(most) {
			if i > 0 {
				out.WriteString(",\n")
			}
			randomJSON(r, out, depth-1, most)
		}
		out.WriteString("\t]")
	case kind == 5 && r.IntN(50) == 0:
		text(jsonPieceBytes / 2)
	case kind == 6 && r.IntN(1500) == 0:
		out.WriteString(`"\u0000"`)
	case kind < 8:
		text(r.IntN(9))
	default:
		out.WriteString([]string{"1.50e1", "-0", "1e-7", "123456789012345678901", "true", "null"}[r.IntN(6)])
	}
}

func TestLargeJSONIsHashedAsItsCanonicalForm(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	var buffer []byte
	large, without := 0, 0
	for i := range 100 {
		var text strings.Builder
		text.WriteString([]string{`{"z":`, `[`}[i%2])
		randomJSON(r, &text, 5, 6+r.IntN(30))
		text.WriteString([]string{`,"b":2,"a":[{"d":1,"c":{}}]}`, `]`}[i%2])
		v := value{class: sqlite.TypeText, b: []byte(text.String())}
		want, fits := canonJSON(nil, v)
		form, ok, err := newLargeJSON(value{class: v.class, large: piecewise{v.b, 1 + r.IntN(9000)}}, &buffer)
		if err != nil || ok != fits {
			t.Fatalf("document %d: %v, held %t, want %t", i, err, ok, fits)
		}
		if !fits {
			without++
			continue
		}
		want = want[:len(want)-1]
		if len(want) > 2*jsonPieceBytes {
			large++
		}
		got, err := hashLarge(form, 77)
		if err != nil || form.size() != int64(len(want)) || got != hashText(want, 77) {
			t.Fatalf("document %d: %d bytes with hash %x, %v, want %d with %x", i, form.size(), got, err, len(want), hashText(want, 77))
		}
	}
	if large < 20 || without < 5 {
		t.Errorf("%d large documents, %d without a form: too few to prove anything", large, without)
	}
}

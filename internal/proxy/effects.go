package proxy

import "bytes"

// effects are what a statement may leave behind in its session.
type effects byte

const (
	makesSetting effects = 1 << iota // SET: it is the client's, on whatever session it runs next
	leavesTraces                     // what no other client may find: temporary tables, locks, channels
)

// effectsOf finds out what a statement may leave behind, by its words. It may find something where there is nothing,
// which costs time; what functions on the server do stays hidden.
func effectsOf(text []byte) (found effects) {
	var before []byte // the word before
	begins := true    // a statement begins here
	block := false    // the text holds code of a procedure
	for i := 0; i < len(text); {
		c := text[i]
		if !wordByte(c) {
			switch {
			case c == ';':
				begins = true
			case c > ' ' && c != '(':
				before = nil
			}
			if c == '-' && begins && bytes.HasPrefix(text[i:], []byte("--")) {
				end := bytes.IndexByte(text[i:], '\n')
				if end < 0 {
					return found
				}
				i += end
			}
			if c == '/' && begins && bytes.HasPrefix(text[i:], []byte("/*")) {
				end := bytes.Index(text[i:], []byte("*/"))
				if end < 0 {
					return found
				}
				i += end + 1
			}
			i++
			continue
		}
		from := i
		for i < len(text) && wordByte(text[i]) {
			i++
		}
		word := text[from:i]
		switch word[0] | 0x20 {
		case 's', 'r', 'a', 'p', 't', 'l', 'h', 'd', 'e', 'c', 'x':
			block = block || begins && (is(word, "do") || is(word, "call"))
			found |= effectOf(word, before, text[i:], begins || block)
		}
		before, begins = word, false
	}
	return found
}

// effectOf judges one word.
func effectOf(word, before, after []byte, begins bool) effects {
	switch {
	case begins && (is(word, "set") || is(word, "reset")):
		next := firstWord(after)
		if is(next, "local") || is(next, "transaction") || is(next, "constraints") {
			return 0
		}
		return makesSetting
	case is(word, "set_config"):
		if end := bytes.IndexByte(after, ')'); end >= 0 {
			call := bytes.TrimRight(after[:end], " \t\r\n")
			if n := len(call); n >= 4 && bytes.EqualFold(call[n-4:], []byte("true")) {
				return 0
			}
		}
		return makesSetting
	case begins && (is(word, "listen") || is(word, "load") || is(word, "prepare") || is(word, "discard")):
		return leavesTraces
	case is(word, "hold") && is(before, "with"):
		return leavesTraces
	case is(word, "temp") || is(word, "temporary"):
		if is(before, "create") || is(before, "into") || is(before, "replace") || is(before, "local") || is(before, "global") {
			return leavesTraces
		}
	case len(word) >= 7 && bytes.EqualFold(word[:7], []byte("pg_temp")):
		return leavesTraces
	case len(word) > 11 && (word[0]|0x20 == 'p') && bytes.Contains(bytes.ToLower(word), []byte("_advisory_")):
		if !bytes.Contains(bytes.ToLower(word), []byte("xact")) {
			return leavesTraces
		}
	}
	return 0
}

func is(word []byte, name string) bool {
	return len(word) == len(name) && bytes.EqualFold(word, []byte(name))
}

func firstWord(b []byte) []byte {
	b = bytes.TrimLeft(b, " \t\r\n\f\v")
	n := 0
	for n < len(b) && wordByte(b[n]) {
		n++
	}
	return b[:n]
}

// deallocated returns the name in DEALLOCATE name, if a text is nothing else.
func deallocated(text []byte) (name string, ok bool) {
	rest := bytes.TrimLeft(text, " \t\r\n")
	if len(rest) < 11 || !bytes.EqualFold(rest[:10], []byte("deallocate")) {
		return "", false
	}
	rest = bytes.TrimRight(rest[10:], " \t\r\n;\x00")
	if first := firstWord(rest); is(first, "prepare") {
		rest = bytes.TrimLeft(rest, " \t\r\n")[7:]
	}
	rest = bytes.TrimLeft(rest, " \t\r\n")
	if len(rest) > 1 && rest[0] == '"' && rest[len(rest)-1] == '"' {
		return string(bytes.ReplaceAll(rest[1:len(rest)-1], []byte(`""`), []byte(`"`))), true
	}
	if w := firstWord(rest); len(w) > 0 && len(w) == len(rest) && !is(w, "all") {
		return string(bytes.ToLower(w)), true
	}
	return "", false
}

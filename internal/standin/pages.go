package standin

import (
	"cmp"
	"encoding/base64"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// paging is how an API cuts its lists.
type paging struct {
	field  string // of the query: how many items a client wants
	preset int    // when it does not say
	most   int
}

// pages are those of the APIs of Lakebase.
var pages = paging{field: "page_size", preset: 50, most: 100}

// page cuts the page that a list request asks for out of items, which it puts in the order of their keys. The token of
// the next page names the last key of this one, so that pages stay whole while things come and go.
func page[T any](items []T, key func(T) string, query url.Values) (part []T, next string, err error) {
	return cut(pages, items, key, query)
}

// cut is page with the sizes of another API.
func cut[T any](p paging, items []T, key func(T) string, query url.Values) (part []T, next string, err error) {
	size, after, err := p.read(query)
	if err != nil {
		return nil, "", err
	}
	items = slices.SortedFunc(slices.Values(items), func(a, b T) int { return cmp.Compare(key(a), key(b)) })
	start := 0
	if after != "" {
		start, _ = slices.BinarySearchFunc(items, after+"\x00",
			func(item T, k string) int { return cmp.Compare(key(item), k) })
	}
	end := min(start+size, len(items))
	if end < len(items) {
		next = base64.RawURLEncoding.EncodeToString([]byte("after:" + key(items[end-1])))
	}
	return items[start:end], next, nil
}

// read reads the size that is asked for and page_token.
func (p paging) read(query url.Values) (size int, after string, err error) {
	size = p.preset
	if v := query.Get(p.field); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 {
			return 0, "", invalid("Field '%s' must be a number from 0 to %d, got '%s'.", p.field, p.most, v)
		}
		if n > 0 {
			size = min(n, p.most)
		}
	}
	if token := query.Get("page_token"); token != "" {
		b, err := base64.RawURLEncoding.DecodeString(token)
		key, ok := strings.CutPrefix(string(b), "after:")
		if err != nil || !ok {
			return 0, "", invalid("Field 'page_token' is not a token of this list.")
		}
		after = key
	}
	return size, after, nil
}

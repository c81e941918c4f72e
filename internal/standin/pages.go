package standin

import (
	"cmp"
	"encoding/base64"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	defaultPage = 50
	maxPage     = 100
)

// page cuts the page that a list request asks for out of items, which it puts in the order of their keys. The token of
// the next page names the last key of this one, so that pages stay whole while things come and go.
func page[T any](items []T, key func(T) string, query url.Values) (part []T, next string, err error) {
	size, after, err := pageOf(query)
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

// pageOf reads page_size and page_token.
func pageOf(query url.Values) (size int, after string, err error) {
	size = defaultPage
	if v := query.Get("page_size"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 {
			return 0, "", invalid("Field 'page_size' must be a number from 0 to %d, got '%s'.", maxPage, v)
		}
		if n > 0 {
			size = min(n, maxPage)
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

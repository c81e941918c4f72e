package api

import "github.com/danielgtaylor/huma/v2"

// Document is the description of the API, for tests.
func Document() *huma.OpenAPI {
	_, a := build(Options{})
	return a.OpenAPI()
}

package api

import (
	"embed"
	"net/http"
)

// The page at /docs is our own: it is small, loads nothing from elsewhere, and keeps to the gate's content policy.
//
//go:embed docs
var page embed.FS

func docs(mux *http.ServeMux) {
	mux.HandleFunc("GET /docs", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, page, "docs/page.html")
	})
	mux.HandleFunc("GET /docs/docs.js", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, page, "docs/docs.js")
	})
	mux.HandleFunc("GET /docs/docs.css", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, page, "docs/docs.css")
	})
}

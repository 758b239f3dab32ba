// Package web holds the console: a React application, built and committed,
// so that Go work never needs Node. The build tag no_ui leaves it out.
package web

import (
	"io/fs"
	"net/http"
	"path"
	"strings"
)

// Handler serves the console. Paths that name no file get the application,
// which does its own routing.
func Handler() http.Handler {
	dist, err := fs.Sub(files, root)
	if err != nil {
		panic(err) // the name is a constant
	}
	static := http.FileServerFS(dist)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'")
		w.Header().Set("Referrer-Policy", "no-referrer")
		name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
		if info, err := fs.Stat(dist, name); err != nil || info.IsDir() {
			if strings.HasPrefix(r.URL.Path, "/v1/") || strings.HasPrefix(name, "assets/") {
				http.NotFound(w, r)
				return
			}
			w.Header().Set("Cache-Control", "no-cache")
			http.ServeFileFS(w, r, dist, "index.html")
			return
		}
		// The names of assets hold a digest of their content.
		w.Header().Set("Cache-Control", "no-cache")
		if strings.HasPrefix(name, "assets/") {
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		static.ServeHTTP(w, r)
	})
}

//go:build !no_ui

package web

import "embed"

const root = "dist"

//go:embed all:dist
var files embed.FS

//go:build no_ui

package web

import "embed"

const root = "noui"

//go:embed noui
var files embed.FS

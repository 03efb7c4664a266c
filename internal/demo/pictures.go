package demo

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed pictures
var picturesFolder embed.FS

// Pictures are those that the rules of the demonstration name, each at its path without a leading slash:
// pictures/badges/curious.svg. All are SVG of our own drawing, in one frame, with a title and without scripts, styles or
// references to anything outside.
func Pictures() fs.FS { return picturesFolder }

// PictureHandler serves the pictures at their paths. It is part of the shop, as the console is: rules that were set up with
// the demonstration name the pictures wherever the shop's database goes.
func PictureHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/")
		picture, err := fs.ReadFile(Pictures(), name)
		if err != nil || path.Ext(name) != ".svg" {
			http.NotFound(w, r)
			return
		}
		sum := sha256.Sum256(picture)
		header := w.Header()
		header.Set("Content-Type", "image/svg+xml")
		header.Set("Cache-Control", "public, max-age=86400")
		header.Set("ETag", `"`+hex.EncodeToString(sum[:8])+`"`)
		// An SVG that is opened by itself is a document of this origin: it may load nothing and run nothing.
		header.Set("Content-Security-Policy", "default-src 'none'; sandbox")
		header.Set("X-Content-Type-Options", "nosniff")
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(picture))
	})
}

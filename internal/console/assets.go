package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"strings"
)

//go:embed assets
var assetFiles embed.FS

// asset is a file that pages name by its content, so that browsers keep it for good.
type asset struct {
	name, kind, path string
	content          []byte
}

var (
	style  = newAsset("console", "css", "text/css; charset=utf-8")
	script = newAsset("console", "js", "text/javascript; charset=utf-8")
)

// newAsset joins the files with an extension, in the order of their names.
func newAsset(name, extension, kind string) asset {
	paths, err := fs.Glob(assetFiles, "assets/*."+extension)
	if err != nil || len(paths) == 0 {
		panic("console: no assets are embedded for " + extension)
	}
	var content bytes.Buffer
	for _, path := range paths {
		text, err := assetFiles.ReadFile(path)
		if err != nil {
			panic(err) // it is embedded
		}
		content.Write(text)
	}
	sum := sha256.Sum256(content.Bytes())
	return asset{name, kind, "/console/assets/" + name + "." + hex.EncodeToString(sum[:6]) + "." + extension, content.Bytes()}
}

// serveAsset gives a file under its name. A page of another version asks for another
// name: it gets ours, and is told not to keep it.
func serveAsset(w http.ResponseWriter, r *http.Request) {
	for _, a := range []asset{style, script} {
		begin, end := "/console/assets/"+a.name+".", a.path[strings.LastIndex(a.path, "."):]
		if !strings.HasPrefix(r.URL.Path, begin) || !strings.HasSuffix(r.URL.Path, end) {
			continue
		}
		w.Header().Set("Content-Type", a.kind)
		if r.URL.Path == a.path {
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		_, _ = w.Write(a.content) // the client has gone when this fails
		return
	}
	http.NotFound(w, r)
}

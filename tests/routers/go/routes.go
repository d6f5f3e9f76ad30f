// Go's net/http, with a pattern for each template: `routes PORT TEMPLATE...`, the most specific template first. It answers
// with the pattern that its ServeMux chose.
package main

import (
	"encoding/json"
	"log"
	"net/http"
	"os"
	"strings"
)

type answer struct {
	Target     string            `json:"target"`
	Route      string            `json:"route"`
	Parameters map[string]string `json:"parameters"`
	Assertion  string            `json:"assertion"`
}

func answering(template string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		parameters := map[string]string{}
		for _, segment := range strings.Split(template, "/") {
			if name, ok := strings.CutPrefix(segment, "{"); ok {
				name = strings.TrimPrefix(strings.TrimSuffix(name, "}"), "*")
				parameters[name] = r.PathValue(name)
			}
		}
		w.Header().Set("content-type", "application/json")
		json.NewEncoder(w).Encode(answer{r.RequestURI, template, parameters, r.Header.Get("x-auth-principal")})
	}
}

func pattern(template string) string {
	if strings.HasSuffix(template, "/") {
		return template + "{$}"
	}
	if before, name, ok := strings.Cut(template, "{*"); ok {
		return before + "{" + strings.TrimSuffix(name, "}") + "...}"
	}
	return template
}

// register reports whether the mux took the pattern: it panics where two match the same path and neither is more specific.
func register(mux *http.ServeMux, template string) (taken bool) {
	defer func() { taken = recover() == nil }()
	mux.HandleFunc(pattern(template), answering(template))
	return
}

func main() {
	// a template that conflicts with an earlier one goes to a second mux, which is asked if the first has no match
	first, second := http.NewServeMux(), http.NewServeMux()
	for _, template := range os.Args[2:] {
		if !register(first, template) && !register(second, template) {
			log.Fatalf("%s conflicts with templates of both muxes", template)
		}
	}
	root := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, mux := range []*http.ServeMux{first, second} {
			if _, pattern := mux.Handler(r); pattern != "" {
				mux.ServeHTTP(w, r)
				return
			}
		}
		answering("")(w, r)
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], root))
}

package httpd

import "github.com/guildhall-dev/guildhall/internal/route"

// Router is the server's router, so that a test can ask for an operation's scope.
func (s *Server) Router() *route.Router { return s.router }

// Patterns lists the server's pages and forms.
func (s *Server) Patterns() (patterns []string) {
	for _, row := range s.Pages() {
		patterns = append(patterns, row.Pattern)
	}
	return patterns
}

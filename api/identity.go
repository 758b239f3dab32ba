package api

import (
	"context"
	"crypto/subtle"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/holdfast/holdfast/access"
	"github.com/holdfast/holdfast/fault"
)

type principalKey struct{}

// As sets who asks, for requests that do not come over a network.
func As(ctx context.Context, p access.Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

func principal(ctx context.Context) access.Principal {
	p, _ := ctx.Value(principalKey{}).(access.Principal)
	if p.Name == "" {
		p.Name = "anonymous"
	}
	return p
}

// allow asks for access and audits the answer.
func (s *server) allow(ctx context.Context, action access.Action, resource string) error {
	d, err := s.App.Decide(ctx, principal(ctx), action, resource)
	if err != nil {
		return err
	}
	if !d.Allowed {
		return fault.New(fault.Denied, "%s", d.Reason)
	}
	return nil
}

// identified finds out who asks.
func (s *server) identified(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, known := r.Context().Value(principalKey{}).(access.Principal); !known {
			p := access.Principal{Name: "anonymous"}
			if s.local(r) {
				p = access.Principal{Name: "loopback", Local: true}
			}
			r = r.WithContext(As(r.Context(), p))
		}
		next.ServeHTTP(w, r)
	})
}

// local reports whether a request comes from this machine's user. A page from
// elsewhere can make this machine's browser send requests here, and a proxy
// can forward those of others, so a loopback peer is not enough.
func (s *server) local(r *http.Request) bool {
	if s.bearsToken(r) {
		return true
	}
	peer, _, err := net.SplitHostPort(r.RemoteAddr)
	return err == nil && loopback(peer) && loopback(hostname(r.Host)) && !forwarded(r) && sameOrigin(r)
}

func (s *server) bearsToken(r *http.Request) bool {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return ok && s.Token != "" && subtle.ConstantTimeCompare([]byte(token), []byte(s.Token)) == 1
}

func forwarded(r *http.Request) bool {
	return r.Header.Get("Forwarded") != "" || r.Header.Get("X-Forwarded-For") != ""
}

// sameOrigin refuses what a browser sends for a page from elsewhere (a page on
// another port of this machine included), except that a link may be followed.
// Other programs send neither header.
func sameOrigin(r *http.Request) bool {
	if origin := r.Header.Get("Origin"); origin != "" {
		u, err := url.Parse(origin)
		if err != nil || u.Host != r.Host {
			return false
		}
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return true
	}
	return r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate"
}

func hostname(hostport string) string {
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		return h
	}
	return strings.Trim(hostport, "[]")
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

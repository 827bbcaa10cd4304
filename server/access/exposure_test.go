package access

import (
	"testing"

	"github.com/nacredb/nacre"
)

func TestCheckExposure(t *testing.T) {
	t.Parallel()
	for _, listen := range []string{"127.0.0.1:4321", "localhost:4321", "LOCALHOST.:0", "[::1]:80", "127.8.9.1:1", "[::ffff:127.0.0.1]:1"} {
		if err := CheckExposure(listen, false, false, false); err != nil {
			t.Errorf("%s: %v", listen, err)
		}
	}
	for _, listen := range []string{":4321", "0.0.0.0:4321", "[::]:4321", "192.168.1.5:4321", "example.org:80", "localhost.example.org:80", "128.0.0.1:1"} {
		for _, c := range []struct {
			keys, tls bool
			words     []string
		}{
			{false, false, []string{listen, "nacre keys create", "--tls-cert", "--insecure", "127.0.0.1", "everybody who reaches it"}},
			{true, false, []string{"--tls-cert", "without TLS"}},
			{false, true, []string{"nacre keys create", "without keys"}},
		} {
			wantErr(t, CheckExposure(listen, c.keys, c.tls, false), nacre.CodeInvalid, c.words...)
			if err := CheckExposure(listen, c.keys, c.tls, true); err != nil {
				t.Errorf("%s, insecure: %v", listen, err)
			}
		}
		if err := CheckExposure(listen, true, true, false); err != nil {
			t.Errorf("%s with keys and TLS: %v", listen, err)
		}
	}
	for _, listen := range []string{"", "4321", "localhost", "::1"} {
		wantErr(t, CheckExposure(listen, true, true, true), nacre.CodeInvalid, "is not host:port")
	}
}

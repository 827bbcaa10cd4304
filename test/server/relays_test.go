package server_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/nacredb/nacre"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// redisServer starts a server of this test's own, and gives its address; "" where there is none to be had.
func redisServer(t *testing.T) string {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		t.Log("SKIPPED: the relay to Redis: there is no redis-server, which is in the package redis-server")
		return ""
	}
	address := freePort(t)
	_, port, _ := net.SplitHostPort(address)
	c := exec.CommandContext(t.Context(), binary, "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir())
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	for range 1000 {
		if conn, err := redis.Dial("tcp", address); err == nil {
			_ = conn.Close()
			return address
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("redis-server does not answer")
	return ""
}

// fromRedis counts what stands in a stream of Redis.
func fromRedis(t *testing.T, address, key string, y *tally) {
	t.Helper()
	c, err := redis.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for from := "-"; ; {
		list, err := redis.Values(c.Do("XRANGE", key, from, "+", "COUNT", 1000))
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range list {
			pair, err := redis.Values(entry, nil)
			if err != nil {
				t.Fatal(err)
			}
			id, _ := redis.String(pair[0], nil)
			values, err := redis.StringMap(pair[1], nil)
			var e nacre.Event
			if err = errors.Join(err, json.Unmarshal([]byte(values["event"]), &e)); err != nil {
				t.Fatal(err)
			}
			y.add(&e)
			from = "(" + id
		}
		if len(list) == 0 {
			return
		}
	}
}

// fromFile counts what stands in the lines of a file.
func fromFile(t *testing.T, path string, y *tally) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e nacre.Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatalf("%v in %s", err, lines.Text())
		}
		y.add(&e)
	}
}

// natsServer starts a server with JetStream, and gives its address; "" where there is none to be had.
func natsServer(t *testing.T) string {
	t.Helper()
	binary, err := exec.LookPath("nats-server")
	if err != nil {
		binary = "/usr/sbin/nats-server" // which is not in everybody's path
		if _, err := os.Stat(binary); err != nil {
			t.Log("SKIPPED: the relay to NATS: there is no nats-server, which is in the package nats-server")
			return ""
		}
	}
	address := freePort(t)
	_, port, _ := net.SplitHostPort(address)
	c := exec.CommandContext(t.Context(), binary, "-a", "127.0.0.1", "-p", port, "-js", "-sd", t.TempDir())
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	for range 1000 {
		if conn, err := nats.Connect("nats://"+address, nats.NoReconnect()); err == nil {
			conn.Close()
			return address
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("nats-server does not answer")
	return ""
}

// fromNATS counts what stands in a stream of JetStream.
func fromNATS(t *testing.T, address, name string, y *tally) {
	t.Helper()
	conn, err := nats.Connect("nats://"+address, nats.NoReconnect())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	all, err := stream.OrderedConsumer(t.Context(), jetstream.OrderedConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for left := stream.CachedInfo().State.Msgs; left > 0; {
		batch, err := all.Fetch(int(min(left, 1000)), jetstream.FetchMaxWait(patience))
		if err != nil {
			t.Fatal(err)
		}
		got := uint64(0)
		for m := range batch.Messages() {
			var e nacre.Event
			if err := json.Unmarshal(m.Data(), &e); err != nil {
				t.Fatal(err)
			}
			y.add(&e)
			got++
		}
		if err := batch.Error(); err != nil || got == 0 {
			t.Fatalf("%d messages are left: %v", left, err)
		}
		left -= got
	}
}

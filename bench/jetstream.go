package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

var jetstreamKind = kind{
	name: "jetstream",
	how: "server embedded, one replica, file storage, `sync_interval: always`: each message is synced; one " +
		"connection, in process, which is no slower than one a writer; `Nats-Expected-Last-Subject-Sequence`; batches by `Nats-Batch-Id`",
	open: openJetStream,
}

const subjectPrefix = "events."

type jetstreamContender struct {
	server  *server.Server
	conn    *nats.Conn
	js      jetstream.JetStream
	batches atomic.Uint64
}

func openJetStream(ctx context.Context, dir string, _ int) (contender, error) {
	s, err := server.NewServer(&server.Options{
		ServerName: "bench", DontListen: true, NoLog: true, NoSigs: true,
		JetStream: true, StoreDir: dir, SyncAlways: true,
		// Room for a batch of each writer, so that none is turned away.
		JetStreamLimits: server.JSLimitOpts{MaxBatchInflightPerStream: 4096, MaxBatchInflightTotal: 4096},
	})
	if err != nil {
		return nil, err
	}
	j := &jetstreamContender{server: s}
	go s.Start()
	if !s.ReadyForConnections(30 * time.Second) {
		return nil, errors.Join(errors.New("the server did not become ready within 30 s"), j.close())
	}
	if err := j.connect(ctx); err != nil {
		return nil, errors.Join(err, j.close())
	}
	return j, nil
}

func (j *jetstreamContender) connect(ctx context.Context) (err error) {
	if j.conn, err = nats.Connect("", nats.InProcessServer(j.server)); err != nil {
		return err
	}
	if j.js, err = jetstream.New(j.conn); err != nil {
		return err
	}
	_, err = j.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: "events", Subjects: []string{subjectPrefix + ">"}, Storage: jetstream.FileStorage, Replicas: 1,
		AllowAtomicPublish: true,
	})
	return err
}

func (j *jetstreamContender) add(ctx context.Context, _ int, c *cursor, data [][]byte) error {
	var last uint64
	var err error
	if len(data) == 1 {
		last, err = j.publish(ctx, c, data[0])
	} else {
		last, err = j.publishBatch(ctx, c, data)
	}
	if err != nil {
		if e, ok := errors.AsType[*jetstream.APIError](err); ok && e.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence {
			return fmt.Errorf("%w: %w", errStale, err)
		}
		return err
	}
	c.version += int64(len(data))
	c.sequence = last
	return nil
}

func (j *jetstreamContender) publish(ctx context.Context, c *cursor, data []byte) (uint64, error) {
	ack, err := j.js.PublishMsg(ctx, message(c, 0, data), jetstream.WithExpectLastSequencePerSubject(c.sequence))
	if err != nil {
		return 0, err
	}
	return ack.Sequence, nil
}

func message(c *cursor, i int, data []byte) *nats.Msg {
	return &nats.Msg{Subject: subjectPrefix + c.stream, Data: data, Header: nats.Header{"Type": {typeOf(c.version + 1 + int64(i))}}}
}

// publishBatch sends a batch's messages, the last one as a request, whose reply is that of the batch.
func (j *jetstreamContender) publishBatch(ctx context.Context, c *cursor, data [][]byte) (uint64, error) {
	id := strconv.FormatUint(j.batches.Add(1), 10)
	for i, d := range data {
		m := message(c, i, d)
		m.Header["Nats-Batch-Id"] = []string{id}
		m.Header["Nats-Batch-Sequence"] = []string{strconv.Itoa(i + 1)}
		if i == 0 {
			m.Header["Nats-Expected-Last-Subject-Sequence"] = []string{strconv.FormatUint(c.sequence, 10)}
		}
		if i < len(data)-1 {
			if err := j.conn.PublishMsg(m); err != nil {
				return 0, err
			}
			continue
		}
		m.Header["Nats-Batch-Commit"] = []string{"1"}
		reply, err := j.conn.RequestMsgWithContext(ctx, m)
		if err != nil {
			return 0, err
		}
		return batchReply(reply.Data, len(data))
	}
	return 0, errors.New("an empty batch")
}

// batchReply takes the sequence of the last message from the reply to a batch.
func batchReply(text []byte, size int) (uint64, error) {
	var ack struct {
		Error    *jetstream.APIError `json:"error"`
		Sequence uint64              `json:"seq"`
		Count    int                 `json:"count"`
	}
	if err := json.Unmarshal(text, &ack); err != nil {
		return 0, fmt.Errorf("the reply to a batch, %q: %w", text, err)
	}
	if ack.Error != nil {
		return 0, ack.Error
	}
	if ack.Count != size {
		return 0, fmt.Errorf("of a batch of %d messages %d were taken", size, ack.Count)
	}
	return ack.Sequence, nil
}

func (j *jetstreamContender) stored(ctx context.Context, stream string) ([][]byte, error) {
	var out [][]byte
	s, err := j.js.Stream(ctx, "events")
	if err != nil {
		return nil, err
	}
	for after := uint64(0); ; {
		m, err := s.GetMsg(ctx, after+1, jetstream.WithGetMsgSubject(subjectPrefix+stream))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		out = append(out, m.Data)
		after = m.Sequence
	}
}

func (j *jetstreamContender) close() error {
	if j.conn != nil {
		j.conn.Close()
	}
	j.server.Shutdown()
	j.server.WaitForShutdown()
	return nil
}

package webhook

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/delivery"
)

// Names of Standard Webhooks' headers.
const (
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"
)

// sender sends to one address.
type sender struct {
	kind   *Kind
	config *config
	client http.Client
	signer signer
	header http.Header // what is the same in all requests; not changed
	close  sync.Once
}

func newSender(k *Kind, c *config) (*sender, error) {
	if problem := urlProblem(c.URL); problem != "" {
		return nil, invalid("config.url", "%s", problem)
	}
	signer, err := newSigner(c.Secrets)
	if err != nil {
		return nil, err
	}
	s := &sender{kind: k, config: c, signer: signer, header: http.Header{"User-Agent": {k.o.UserAgent}}}
	for name, value := range c.Headers {
		s.header.Set(name, value)
	}
	s.client = http.Client{Transport: k.transport, CheckRedirect: s.redirect}
	return s, nil
}

// Close gives the sender's part in the pool back.
func (s *sender) Close() error {
	s.close.Do(s.kind.closed)
	return nil
}

// Send posts a batch. Events in CloudEvents' binary format are posted one after the other, until one is not taken.
func (s *sender) Send(ctx context.Context, b *delivery.Batch) (delivery.Receipt, error) {
	if s.config.Format != formatBinary || len(b.Events) == 1 {
		return s.send(ctx, b, b.Events, b.ID)
	}
	var receipt delivery.Receipt
	for i := range b.Events {
		var err error
		id := b.ID + "+" + strconv.FormatUint(uint64(b.Events[i].GlobalPosition), 10)
		if receipt, err = s.send(ctx, b, b.Events[i:i+1], id); err != nil {
			return receipt, err
		}
	}
	return receipt, nil
}

// send posts events in one request.
func (s *sender) send(ctx context.Context, b *delivery.Batch, events []nacre.Event, id string) (delivery.Receipt, error) {
	if err := ctx.Err(); err != nil {
		return delivery.Receipt{}, err
	}
	body, header, err := s.content(b, events)
	if err != nil {
		return delivery.Receipt{}, &delivery.Failure{Permanent: true, Err: err}
	}
	attempt, cancel := context.WithTimeout(ctx, s.config.timeout())
	defer cancel()
	req, err := http.NewRequestWithContext(attempt, http.MethodPost, s.config.URL, bytes.NewReader(body))
	if err != nil {
		return delivery.Receipt{}, fmt.Errorf("config.url is no address any more: give it again: %w", err)
	}
	if s.kind.o.Proxy != nil {
		// Whether the name leads to a public address is the proxy's to see to; an address is one already.
		if err := s.kind.guard.checkHost(req.URL.Hostname()); err != nil {
			return delivery.Receipt{}, s.explain(ctx, attempt, req, err)
		}
	}
	now := s.kind.o.Clock()
	timestamp := strconv.FormatInt(now.Unix(), 10)
	maps.Copy(header, s.header)
	header[headerID] = []string{id}
	header[headerTimestamp] = []string{timestamp}
	header[headerSignature] = []string{s.signer.header(now, id, timestamp, body)}
	req.Header = header

	answer, err := s.client.Do(req)
	if err != nil {
		receipt := delivery.Receipt{}
		if answer != nil { // a redirect that was not followed; its body is closed
			receipt.Status = answer.StatusCode
		}
		return receipt, s.explain(ctx, attempt, req, err)
	}
	receipt := delivery.Receipt{Status: answer.StatusCode, Response: readAnswer(answer, cancel)}
	return receipt, s.judge(answer, len(body), now)
}

// readAnswer gives the start of an answer's body, and closes it. What cannot be read does not matter: the status has
// told. It is read to its end where that is near, so that the connection can be used again.
func readAnswer(answer *http.Response, cancel context.CancelFunc) string {
	defer answer.Body.Close() //nolint:errcheck // see above
	if answer.StatusCode == http.StatusSwitchingProtocols {
		return "" // what follows is not HTTP
	}
	timer := time.AfterFunc(answerTime, cancel)
	defer timer.Stop()
	rest := io.LimitReader(answer.Body, answerBody)
	start := make([]byte, answerKept)
	n, _ := io.ReadFull(rest, start)
	if n == answerKept {
		_, _ = io.Copy(io.Discard, rest)
	}
	return printable(start[:n], answerKept)
}

package wire

import (
	"bytes"
	"math"
	"net/url"

	"github.com/nacredb/nacre"
)

// PollRequest asks for events of a group.
type PollRequest struct {
	Consumer string `json:"consumer,omitzero"`
	Max      int    `json:"max,omitzero"`
	WaitMS   int64  `json:"waitMs,omitzero"`
}

// AckRequest tells what became of deliveries.
type AckRequest struct {
	Consumer string        `json:"consumer,omitzero"`
	Ack      []string      `json:"ack,omitzero"`
	Nack     []NackRequest `json:"nack,omitzero"`
}

// NackRequest says that an event was not worked off.
type NackRequest struct {
	DeliveryID string `json:"deliveryId"`
	Action     string `json:"action,omitzero"` // "retry", "park" or "skip"; "" is retry
	AfterMS    int64  `json:"afterMs,omitzero"`
	Reason     string `json:"reason,omitzero"`
}

// LeaveRequest tells that a consumer goes.
type LeaveRequest struct {
	Consumer string `json:"consumer"`
}

// AckReply is what an AckRequest came to.
type AckReply struct {
	Done    int      `json:"done"`    // how many were taken
	Unknown []string `json:"unknown"` // ids that are nobody's any more
}

// DeliveryReply is an event to work at.
type DeliveryReply struct {
	DeliveryID string      `json:"deliveryId"`
	Attempt    int         `json:"attempt"`
	Event      nacre.Event `json:"event"`
}

// DeliveriesReply answers a PollRequest, for clients.
type DeliveriesReply struct {
	Deliveries []DeliveryReply `json:"deliveries"`
}

// BeginDeliveries begins the answer to a PollRequest: AppendDelivery and EndDeliveries follow.
func BeginDeliveries(dst []byte) []byte { return append(dst, `{"deliveries":[`...) }

// AppendDelivery appends a delivery, whose event must have come from a store.
func AppendDelivery(dst []byte, id string, attempt int, e *nacre.Event) []byte {
	if dst[len(dst)-1] != '[' {
		dst = append(dst, ',')
	}
	dst = appendText(append(dst, `{"deliveryId":`...), id)
	dst = appendNumber(append(dst, `,"attempt":`...), attempt)
	return append(AppendEvent(append(dst, `,"event":`...), e), '}')
}

// EndDeliveries ends what BeginDeliveries began.
func EndDeliveries(dst []byte) []byte { return append(dst, ']', '}') }

var (
	pollMembers     = []string{"consumer", "max", "waitMs"}
	ackMembers      = []string{"consumer", "ack", "nack"}
	nackMembers     = []string{"deliveryId", "action", "afterMs", "reason"}
	consumerMembers = []string{"poll", "consumer", "ack", "nack"}
	groupMembers    = []string{"deliveries", "done", "unknown", "error"}
)

// maxAnswers is how many deliveries a request may answer for.
const maxAnswers = 10_000

// DecodePoll reads a PollRequest.
func DecodePoll(body []byte) (PollRequest, error) {
	var s scanner
	s.init(body, "")
	p := s.poll()
	if p.Consumer == "" {
		s.missing("consumer", "give a name, another one for each consumer")
	}
	if err := s.end(); err != nil {
		return PollRequest{}, err
	}
	return p, nil
}

// maxConsumer is how long a consumer's name may be.
const maxConsumer = 64

func (s *scanner) consumer() string {
	name := s.given()
	if s.err == nil && !isConsumer(name) {
		s.fail(consumerRule, name, maxConsumer)
	}
	return name
}

const consumerRule = `%.80q is no consumer: give 1 to %d of "a-z A-Z 0-9 . _ -"`

func isConsumer(name string) bool {
	for i := range len(name) {
		b := name[i]
		if (b|0x20 < 'a' || b|0x20 > 'z') && (b < '0' || b > '9') && b != '.' && b != '_' && b != '-' {
			return false
		}
	}
	return name != "" && len(name) <= maxConsumer
}

func (s *scanner) poll() (p PollRequest) {
	for s.object(); s.member(); {
		switch s.known(pollMembers) {
		case 0:
			p.Consumer = s.consumer()
		case 1:
			p.Max = s.positive()
		case 2:
			p.WaitMS = s.integer(0, math.MaxInt32)
		}
	}
	return p
}

// DecodeAck reads an AckRequest.
func DecodeAck(body []byte) (AckRequest, error) {
	var a AckRequest
	var s scanner
	s.init(body, "")
	given := false
	for s.object(); s.member(); {
		member := s.known(ackMembers)
		given = given || member > 0
		s.ackMember(member, &a)
	}
	if !given {
		s.missing("ack", "give the ids of deliveries that are done, or nack")
	}
	if err := s.end(); err != nil {
		return AckRequest{}, err
	}
	return a, nil
}

// ackMember reads one of ackMembers.
func (s *scanner) ackMember(member int, a *AckRequest) {
	switch member {
	case 0:
		a.Consumer = s.consumer()
	case 1:
		a.Ack = s.ids(maxAnswers)
	case 2:
		for s.list(); s.element(); {
			if len(a.Nack) == maxAnswers {
				s.fail("is one more than the %d that are taken", maxAnswers)
				break
			}
			a.Nack = append(a.Nack, s.nack())
		}
	}
}

func (s *scanner) nack() (n NackRequest) {
	for s.object(); s.member(); {
		switch s.known(nackMembers) {
		case 0:
			n.DeliveryID = s.given()
		case 1:
			n.Action = s.given()
		case 2:
			n.AfterMS = s.integer(0, math.MaxInt32)
		case 3:
			n.Reason = s.text()
		}
	}
	if n.DeliveryID == "" {
		s.missing("deliveryId", "give the id of a delivery")
	}
	return n
}

// DecodeLeave reads a LeaveRequest.
func DecodeLeave(body []byte) (LeaveRequest, error) {
	var r LeaveRequest
	var s scanner
	s.init(body, "")
	for s.object(); s.member(); {
		if s.known([]string{"consumer"}) == 0 {
			r.Consumer = s.consumer()
		}
	}
	if r.Consumer == "" {
		s.missing("consumer", "give the name of the consumer that goes")
	}
	if err := s.end(); err != nil {
		return LeaveRequest{}, err
	}
	return r, nil
}

// ParseConsumer reads the parameter of a GET of a group's WebSocket: consumer; "" where it is not given.
func ParseConsumer(values url.Values) (string, error) {
	q := newQuery(values)
	name := q.text("consumer")
	if name != "" && !isConsumer(name) {
		q.fail("consumer", consumerRule, name, maxConsumer)
	}
	return name, q.done()
}

// ConsumerMessage is what a consumer says over a WebSocket: one of both.
type ConsumerMessage struct {
	Poll *PollRequest
	Ack  *AckRequest
}

// DecodeConsumerMessage reads {"poll":{…}}, a PollRequest whose consumer may be left out, or an AckRequest.
func DecodeConsumerMessage(message []byte) (ConsumerMessage, error) {
	var m ConsumerMessage
	var s scanner
	s.init(message, "")
	for s.object(); s.member(); {
		switch member := s.known(consumerMembers); member {
		case 0:
			p := s.poll()
			m.Poll = &p
		case 1, 2, 3:
			if m.Ack == nil {
				m.Ack = &AckRequest{}
			}
			s.ackMember(member-1, m.Ack)
		}
	}
	switch {
	case s.err != nil:
	case m.Poll != nil && m.Ack != nil:
		s.failAt("poll", "stands beside ack, nack or consumer: send one message for each")
	case m.Poll == nil && m.Ack == nil:
		s.missing("poll", "give poll, ack or nack")
	}
	if err := s.end(); err != nil {
		return ConsumerMessage{}, err
	}
	return m, nil
}

// EncodeConsumerPoll is the message {"poll":{…}}. An AckRequest is a message as it is.
func EncodeConsumerPoll(p *PollRequest) ([]byte, error) {
	return Encode(struct {
		Poll *PollRequest `json:"poll"`
	}{p})
}

// GroupMessage is what a server says to a consumer over a WebSocket: one of the three.
type GroupMessage struct {
	Deliveries *DeliveriesReply // answers the poll
	Answered   *AckReply        // answers the oldest ack that was not
	Err        error            // the last word
}

// ParseGroupMessage reads a message of a server to a consumer.
func ParseGroupMessage(message []byte) (GroupMessage, error) {
	var s scanner
	s.init(message, "message")
	kind := -1
	var failure []byte
	for s.object(); s.member(); {
		member := s.find(groupMembers)
		if member >= 0 && kind < 0 {
			kind = member
		}
		if raw := s.raw(); member == 3 {
			failure = raw
		}
	}
	err := s.end()
	var m GroupMessage
	switch {
	case err != nil:
	case kind == 0:
		m.Deliveries = &DeliveriesReply{}
		err = Decode(message, m.Deliveries)
	case kind == 3:
		m.Err = ParseError(500, bytes.Clone(failure))
	case kind > 0:
		m.Answered = &AckReply{}
		err = Decode(message, m.Answered)
	default:
		err = invalid("message", "has not one of deliveries, done and error")
	}
	if err != nil {
		return GroupMessage{}, nacre.Errorf(nacre.CodeInternal, "the server's message: %w", err)
	}
	return m, nil
}

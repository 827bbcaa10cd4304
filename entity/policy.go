package entity

import (
	"context"
	"encoding/json"
	"math"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/query"
)

// CodeDenied: a policy does not let the caller do that.
const CodeDenied nacre.Code = "POLICY_DENIED"

// Policies say who may read and who may write which entities of a collection: conditions over an entity and the caller, whose
// claims stand as parameters: "owner = :sub OR 'admin' IN :roles". An empty one lets everybody.
//
// They are rules of admission: an entity that others changed at the same time may come to values that a rule would not have let
// anybody write. They hold for who asks by way of a [Caller], and not for who reads the log.
type Policies struct {
	// Read is of the entities that are there for a caller: others are not found, not in queries, and leave live queries.
	Read string `json:"read,omitempty"`
	// Write is of the entities that a caller may change, and of what he may make of them: it must be true of the entity as it is
	// and as it becomes, of a new one as it becomes, and of one that is deleted as it is.
	Write string `json:"write,omitempty"`
}

// Caller is who asks. What his claims lack is null for a policy.
type Caller struct {
	// Claims are texts, booleans, numbers and lists of these, as a token has them; others are null.
	Claims map[string]any
}

const (
	policyStream = "$policy-"
	policyType   = "$policy"
)

// rules are policies, ready to be evaluated. Nil lets everybody.
type rules struct {
	Policies
	read, write *query.Query // nil where everybody may
	broken      error        // what is wrong with the event that set them: nobody may
}

// SetPolicies has policies in the place of those that a collection has. They count from their position in the log on, for
// standing queries as well. The error is CodeInvalid, with the place, where a condition is wrong: it knows the collection's
// properties, follows no references and has no order.
func (db *DB) SetPolicies(ctx context.Context, collection string, p Policies, o *TxOptions) error {
	if err := db.current(ctx); err != nil {
		return err
	}
	if _, err := db.schema(collection); err != nil {
		return err
	}
	if err := db.checkPolicies(collection, p); err != nil {
		return err
	}
	metadata, err := db.Begin(o).metadata()
	if err != nil {
		return err
	}
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	_, err = db.store.Append(ctx, nacre.StreamID(policyStream+collection), nacre.Any, nacre.Event{Type: policyType, Data: data, Metadata: metadata})
	return err
}

// Policies are those of a collection.
func (db *DB) Policies(ctx context.Context, collection string) (Policies, error) {
	if err := db.current(ctx); err != nil {
		return Policies{}, err
	}
	if _, err := db.schema(collection); err != nil {
		return Policies{}, err
	}
	if r := db.rules(collection); r != nil {
		return r.Policies, nil
	}
	return Policies{}, nil
}

func (db *DB) rules(collection string) *rules {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.policies[collection]
}

// checkPolicies evaluates conditions for a caller without claims, which shows what is wrong with them.
func (db *DB) checkPolicies(collection string, p Policies) error {
	schema, _ := QuerySchema(collection, db.currentSchema)
	for field, text := range map[string]string{"read": p.Read, "write": p.Write} {
		q, err := parseRule(field, text)
		if err != nil || q == nil {
			if err != nil {
				return err
			}
			continue
		}
		if q, err = bindRule(q, &Caller{}); err != nil {
			return inField(field, err)
		}
		plan, err := query.Check(q, schema)
		if err != nil {
			return inField(field, err)
		}
		if len(plan.Follows()) > 0 {
			return invalid(field, "follows the reference to %s: a policy is of the entity itself and the caller", plan.Follows()[0].Collection)
		}
	}
	return nil
}

func inField(field string, err error) error {
	told := nacre.Errorf(nacre.CodeInvalid, "%w", err)
	told.Field = field
	return told
}

// parseRule reads a condition; nil where it is empty.
func parseRule(field, text string) (*query.Query, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	q, err := query.Parse(text)
	if err != nil {
		return nil, inField(field, err)
	}
	if q.Select || len(q.Items) > 0 || len(q.Group) > 0 || len(q.Order) > 0 || q.Limit != nil || q.Offset != nil || q.Where == nil {
		return nil, invalid(field, "is more than a condition: leave SELECT, GROUP BY, ORDER BY, LIMIT and OFFSET out")
	}
	if _, positional := q.Params(); positional > 0 {
		return nil, invalid(field, "has a ?: claims have names, as in :sub")
	}
	return q, nil
}

// bindRule gives a condition the caller's claims.
func bindRule(q *query.Query, caller *Caller) (*query.Query, error) {
	named, _ := q.Params()
	args := query.Args{Named: make(map[string]any, len(named))}
	for _, name := range named {
		args.Named[name] = claim(caller.Claims[name])
	}
	asLists(q.Where, args.Named)
	return query.Bind(q, args)
}

// asLists makes lists of the claims that stand behind an IN, where they are one value, or none.
func asLists(x query.Expr, claims map[string]any) {
	switch x := x.(type) {
	case *query.And:
		for _, t := range x.Terms {
			asLists(t, claims)
		}
	case *query.Or:
		for _, t := range x.Terms {
			asLists(t, claims)
		}
	case *query.Not:
		asLists(x.X, claims)
	case *query.In:
		p, ok := x.List.(*query.Param)
		if !ok {
			return
		}
		switch v := claims[p.Name].(type) {
		case []any, []string:
		case nil:
			claims[p.Name] = []any{}
		default:
			claims[p.Name] = []any{v}
		}
	}
}

// claim is a claim as a query takes it.
func claim(v any) any {
	switch v := v.(type) {
	case string, bool, int, int64:
		return v
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		if f, err := v.Float64(); err == nil {
			return f
		}
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int64(v)
		}
		if !math.IsInf(v, 0) && !math.IsNaN(v) {
			return v
		}
	case []string:
		return v
	case []any:
		list := make([]any, len(v))
		for i := range v {
			if _, nested := v[i].([]any); !nested {
				list[i] = claim(v[i])
			}
		}
		return list
	}
	return nil
}

// readable is a query with what a caller may read. A nil caller may read everything.
func (db *DB) readable(collection string, q *query.Query, caller *Caller) (*query.Query, error) {
	if caller == nil {
		return q, nil
	}
	r := db.rules(collection)
	if r == nil {
		return q, nil
	}
	if r.broken != nil {
		return nil, denied("the policies of %s cannot be read: %w", collection, r.broken)
	}
	if r.read == nil {
		return q, nil
	}
	rule, err := bindRule(r.read, caller)
	if schema, there := QuerySchema(collection, db.currentSchema); err == nil && there {
		_, err = query.Check(rule, schema)
	}
	if err != nil {
		return nil, denied("the policy for reading %s cannot be evaluated for you: %w", collection, err)
	}
	return q.And(rule.Where), nil
}

// follows refuses a plan of a caller that follows references to what is not everybody's.
func (db *DB) follows(plan *query.Plan, caller *Caller) error {
	if caller == nil {
		return nil
	}
	for _, f := range plan.Follows() {
		if r := db.rules(f.Collection); r != nil && (r.read != nil || r.broken != nil) {
			return denied("the query follows a reference to %s, where a policy says who may read what: ask for that collection by itself", f.Collection)
		}
	}
	return nil
}

func denied(format string, args ...any) error { return nacre.Errorf(CodeDenied, format, args...) }

// allows tells whether a rule is true of a row. One that cannot be evaluated is not.
func (db *DB) allows(collection string, rule *query.Query, caller *Caller, row query.Row) (bool, error) {
	if rule == nil {
		return true, nil
	}
	q, err := bindRule(rule, caller)
	if err != nil {
		return false, err
	}
	schema, there := QuerySchema(collection, db.currentSchema)
	if !there {
		return false, nil
	}
	plan, err := query.Check(q, schema)
	if err != nil {
		return false, err
	}
	return plan.Match(row, nil), nil
}

// mayRead tells whether a caller may read a row.
func (db *DB) mayRead(collection string, caller *Caller, row query.Row) bool {
	if caller == nil {
		return true
	}
	r := db.rules(collection)
	if r == nil {
		return true
	}
	ok, err := db.allows(collection, r.read, caller, row)
	return ok && err == nil && r.broken == nil
}

// policed reads a policy's event.
func policed(e *nacre.Event) (collection string, r *rules) {
	collection = strings.Clone(strings.TrimPrefix(string(e.StreamID), policyStream))
	r = &rules{}
	err := json.Unmarshal(e.Data, &r.Policies)
	if err == nil {
		r.read, err = parseRule("read", r.Read)
	}
	if err == nil {
		r.write, err = parseRule("write", r.Write)
	}
	r.broken = err
	return collection, r
}

// Verdict is what a policy says of an entity and a caller.
type Verdict struct {
	// Allowed is what it comes to.
	Allowed bool `json:"allowed"`
	// Rule is the condition, "" where there is none, and everybody may.
	Rule string `json:"rule,omitempty"`
	// Terms are the parts of the rule that one of them being true is enough, with what each of them is.
	Terms []VerdictTerm `json:"terms,omitempty"`
	// Problem is why it cannot be evaluated, and so is not true.
	Problem string `json:"problem,omitempty"`
}

// VerdictTerm is a part of a rule: "true", "false", or "unknown" where something is null.
type VerdictTerm struct {
	Term string `json:"term"`
	Is   string `json:"is"`
}

// TestPolicies tells what the policies of a collection let a caller do with an entity, and by which part of the rule: with one that is
// there, deleted ones too, or, where values are given, with one of these values by name. A nil caller is one without claims.
func (db *DB) TestPolicies(ctx context.Context, collection string, caller *Caller, id string, values json.RawMessage) (read, write Verdict, err error) {
	if err := db.current(ctx); err != nil {
		return read, write, err
	}
	if _, err = db.schema(collection); err != nil {
		return read, write, err
	}
	if values == nil {
		h, err := db.Begin(nil).hold(ctx, collection, id)
		if err == nil && !h.exists {
			err = errAbsent(h.name)
		}
		if err != nil {
			return read, write, err
		}
		values = h.schema.AppendValues(nil, h.draft) // also those of a deleted one
	}
	if caller == nil {
		caller = &Caller{}
	}
	if !json.Valid(values) {
		return read, write, invalid("values", "is no JSON")
	}
	row := query.NewObject(id, values)
	r := db.rules(collection)
	if r == nil {
		r = &rules{}
	}
	return db.verdict(collection, r.read, r.broken, caller, row), db.verdict(collection, r.write, r.broken, caller, row), nil
}

func (db *DB) verdict(collection string, rule *query.Query, broken error, caller *Caller, row query.Row) Verdict {
	switch {
	case broken != nil:
		return Verdict{Problem: broken.Error()}
	case rule == nil:
		return Verdict{Allowed: true}
	}
	v := Verdict{Rule: rule.Where.String()}
	allowed, err := db.allows(collection, rule, caller, row)
	if err != nil {
		v.Problem = err.Error()
		return v
	}
	v.Allowed = allowed
	terms := []query.Expr{rule.Where}
	if or, ok := rule.Where.(*query.Or); ok {
		terms = or.Terms
	}
	schema, _ := QuerySchema(collection, db.currentSchema)
	for _, t := range terms {
		q, err := bindRule(&query.Query{Where: t}, caller)
		if err != nil {
			continue // the whole was evaluated
		}
		if plan, err := query.Check(q, schema); err == nil {
			v.Terms = append(v.Terms, VerdictTerm{t.String(), strings.ToLower(plan.Truth(row, nil).String())})
		}
	}
	return v
}

package server

import (
	"context"
	"errors"
	"net/http"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/query"
	"github.com/nacredb/nacre/server/access"
	"github.com/nacredb/nacre/wire"
)

// callerOf is whom the policies of collections know a grant as; nil is one whom they do not restrict.
func callerOf(g *access.Grant) *entity.Caller {
	if g.Kind == access.KindOpen || g.Has(access.Raw) {
		return nil
	}
	return &entity.Caller{Claims: g.Told()}
}

// caller is who asks, for policies.
func (x *exchange) caller() *entity.Caller { return callerOf(x.grant) }

// read gets an entity as far as policies let the caller.
func (x *exchange) read(ctx context.Context, db Entities, collection, id string) (*entity.View, error) {
	return db.Begin(&entity.TxOptions{Caller: x.caller()}).Get(ctx, collection, id)
}

// policed gives the entities, where the grant may change the policies of the path's collection.
func (x *exchange) policed() (Entities, error) {
	if err := x.checkCollection(x.path.collection, "the policies of the collection "+x.path.collection); err != nil {
		return nil, err
	}
	return x.entities()
}

// getPolicies answers GET …/policies.
func (s *Server) getPolicies(x *exchange) error {
	if err := x.noQuery(); err != nil {
		return err
	}
	db, err := x.policed()
	if err != nil {
		return err
	}
	return x.answerPolicies(x.r.Context(), db)
}

func (x *exchange) answerPolicies(ctx context.Context, db Entities) error {
	p, err := db.Policies(ctx, x.path.collection)
	if err != nil {
		return err
	}
	return x.answerWith(http.StatusOK, &wire.Policies{Read: p.Read, Write: p.Write})
}

// setPolicies answers PUT …/policies. They count when the answer is there.
func (s *Server) setPolicies(x *exchange) error {
	values, err := x.query()
	if err != nil {
		return err
	}
	c, err := wire.ParseEditContext(values)
	if err != nil {
		return err
	}
	request, err := decodedBody(x, wire.DecodePolicies)
	if err != nil {
		return err
	}
	db, err := x.policed()
	if err != nil {
		return err
	}
	o := x.txOptions(&c)
	ctx := context.WithoutCancel(x.r.Context())
	if err := db.SetPolicies(ctx, x.path.collection, entity.Policies{Read: request.Read, Write: request.Write}, &o); err != nil {
		x.named.failed(err)
		return policyError(err)
	}
	x.s.log.Info("the policies of a collection were set", "store", x.named.name, "collection", x.path.collection, "who", x.grant.Who())
	return x.answerPolicies(ctx, db)
}

// policyError is an error about a policy with its place, in the field that it was given in.
func policyError(err error) error {
	e, ok := errors.AsType[*nacre.Error](err)
	if _, asked := errors.AsType[*query.Error](err); ok && asked {
		return queryError(e.Field, err)
	}
	return err
}

// testPolicies answers POST …/policies/test.
func (s *Server) testPolicies(x *exchange) error {
	if err := x.noQuery(); err != nil {
		return err
	}
	request, err := decodedBody(x, wire.DecodePolicyTest)
	if err != nil {
		return err
	}
	db, err := x.policed()
	if err != nil {
		return err
	}
	read, write, err := db.TestPolicies(x.r.Context(), x.path.collection, &entity.Caller{Claims: request.Claims}, request.ID, request.Values)
	if err != nil {
		return err
	}
	return x.answerWith(http.StatusOK, &wire.PolicyTestReply{Read: verdictReply(&read), Write: verdictReply(&write)})
}

func verdictReply(v *entity.Verdict) wire.PolicyVerdict {
	out := wire.PolicyVerdict{Allowed: v.Allowed, Rule: v.Rule, Problem: v.Problem}
	for _, t := range v.Terms {
		out.Terms = append(out.Terms, wire.PolicyTerm(t))
	}
	return out
}

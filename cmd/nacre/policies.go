package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/wire"
	"github.com/spf13/cobra"
)

// policyTest is the body of a request that wire.DecodePolicyTest reads.
type policyTest struct {
	Claims map[string]any  `json:"claims"`
	ID     string          `json:"id,omitzero"`
	Values json.RawMessage `json:"values,omitzero"`
}

func (l *localEntities) policies(ctx context.Context, collection string) (*wire.Policies, error) {
	p, err := l.db.Policies(ctx, collection)
	return &wire.Policies{Read: p.Read, Write: p.Write}, err
}

func (l *localEntities) setPolicies(ctx context.Context, collection string, to *wire.Policies) error {
	return l.db.SetPolicies(ctx, collection, entity.Policies{Read: to.Read, Write: to.Write}, l.options())
}

func (l *localEntities) testPolicies(ctx context.Context, collection string, of *policyTest) (*wire.PolicyTestReply, error) {
	read, write, err := l.db.TestPolicies(ctx, collection, &entity.Caller{Claims: of.Claims}, of.ID, of.Values)
	if err != nil {
		return nil, err
	}
	return &wire.PolicyTestReply{Read: verdictOf(&read), Write: verdictOf(&write)}, nil
}

func verdictOf(v *entity.Verdict) wire.PolicyVerdict {
	out := wire.PolicyVerdict{Allowed: v.Allowed, Rule: v.Rule, Problem: v.Problem}
	for _, t := range v.Terms {
		out.Terms = append(out.Terms, wire.PolicyTerm(t))
	}
	return out
}

func (r *entityRoutes) policies(ctx context.Context, collection string) (*wire.Policies, error) {
	return askJSON[wire.Policies](ctx, r.asker, http.MethodGet, r.path(collection)+"/policies", nil)
}

func (r *entityRoutes) setPolicies(ctx context.Context, collection string, to *wire.Policies) error {
	_, err := askJSON[wire.Policies](ctx, r.asker, http.MethodPut, r.path(collection)+"/policies"+r.asActor(), to)
	return err
}

func (r *entityRoutes) testPolicies(ctx context.Context, collection string, of *policyTest) (*wire.PolicyTestReply, error) {
	return askJSON[wire.PolicyTestReply](ctx, r.asker, http.MethodPost, r.path(collection)+"/policies/test", of)
}

// policiesCommand is "policies".
func (p *program) policiesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "policies",
		GroupID: "entities",
		Short:   "Say who may read and who may write which entities",
		Long: `Say who may read and who may write which entities of a collection, by conditions over the
entity and the caller, whose claims stand as parameters:

  owner = :sub OR 'admin' IN :roles

They hold for those who come by a server's routes of entities with a key, a token or a
certificate of their own, and not for who reads the log. A collection without a policy is
everybody's.`,
		Example: `  nacre policies set notes --read "owner = :sub OR public" --write "owner = :sub"
  nacre policies test notes --claims '{"sub":"ann"}' n-1`,
		Args: takes(0, 0),
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	for _, c := range []*cobra.Command{p.showPoliciesCommand(), p.setPoliciesCommand(), p.testPoliciesCommand()} {
		cmd.AddCommand(p.onServer(c))
	}
	return cmd
}

func (p *program) showPoliciesCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{Use: "show COLLECTION", Short: "Print the policies of a collection", Args: takes(1, 1)}
	cmd.Flags().BoolVar(&asJSON, "json", false, `one JSON object, {"read":…,"write":…}, as "set" takes it`)
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		return p.entitiesOf(ctx, readEntities, func(ctx context.Context, s entitySource) error {
			found, err := s.policies(ctx, args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(p.out, *found)
			}
			return p.writePolicies(found)
		})
	})
	return cmd
}

func (p *program) writePolicies(of *wire.Policies) error {
	var b strings.Builder
	writeMembers(&b, "", [][2]string{{"read", ruleText(of.Read)}, {"write", ruleText(of.Write)}})
	_, err := io.WriteString(p.out, b.String())
	return err
}

// ruleText is a condition in one line.
func ruleText(rule string) string { return cmp.Or(plain(strings.TrimSpace(rule), 0), "everybody") }

func (p *program) setPoliciesCommand() *cobra.Command {
	var read, write string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "set COLLECTION [FILE|-]",
		Short: "Give a collection policies",
		Long: `Give a collection policies, by flags or from a file or the standard input ("-") with
{"read":…,"write":…}. A policy without a flag stays as it is; one that is empty, or that
the file does not have, lets everybody. They count at once, for live queries too.

A policy is a condition of the query language. It knows the entity's own properties, and the
caller's claims as :NAME; what the claims lack is null. A condition has to be true: null is not.`,
		Example: `  nacre policies set notes --read "owner = :sub OR public OR 'admin' IN :roles" --write "owner = :sub"
  nacre policies set notes --write ""
  nacre policies show notes --json | nacre policies set others -`,
		Args: takes(1, 2),
	}
	f := cmd.Flags()
	f.StringVar(&read, "read", "", "the `condition` of the entities that a caller may read")
	f.StringVar(&write, "write", "", "the `condition` of those that he may write")
	f.BoolVar(&asJSON, "json", false, "print the policies as one JSON object")
	p.actorFlag(cmd)
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		given := f.Changed("read") || f.Changed("write")
		to := &wire.Policies{}
		switch {
		case given && len(args) == 2:
			return nacre.Errorf(nacre.CodeInvalid, "FILE and flags are both given: give one of them")
		case len(args) == 2:
			text, err := p.fileOf(args[1])
			if err != nil {
				return err
			}
			if err := strictly(text, to); err != nil {
				return &inputError{nacre.Errorf(nacre.CodeInvalid, `%s is not {"read":"…","write":"…"}: %w`, sourceName(args[1]), err)}
			}
		case !given:
			return nacre.Errorf(nacre.CodeInvalid, "there is nothing to set: give --read, --write or a file")
		}
		return p.entitiesOf(ctx, editEntities, func(ctx context.Context, s entitySource) error {
			if given {
				now, err := s.policies(ctx, args[0])
				if err != nil {
					return err
				}
				*to = *now
				if f.Changed("read") {
					to.Read = read
				}
				if f.Changed("write") {
					to.Write = write
				}
			}
			if err := s.setPolicies(ctx, args[0], to); err != nil {
				if err = pointed(err, policyOf(err, to)); !given {
					err = ofInput(err)
				}
				return err
			}
			if asJSON {
				return printJSON(p.out, *to)
			}
			return p.writePolicies(to)
		})
	})
	return cmd
}

// policyOf is the policy that an error is about.
func policyOf(err error, of *wire.Policies) string {
	field := ""
	if wrong, ok := errors.AsType[*wire.QueryError](err); ok {
		field = wrong.Field
	} else if wrong, ok := errors.AsType[*nacre.Error](err); ok {
		field = wrong.Field
	}
	if field == "write" {
		return of.Write
	}
	return of.Read
}

// strictly reads JSON that has nothing but what is known.
func strictly(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something stands behind it")
	}
	return nil
}

func (p *program) testPoliciesCommand() *cobra.Command {
	var claims, values string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "test COLLECTION [ID]",
		Short: "Tell what the policies let a caller do with an entity, and why",
		Long: `Tell what the policies of a collection let a caller do with an entity: with one that is
there, or with one that would have these values. Of each policy are told the parts of which one
is enough: "unknown" is one where something is null, which is as good as false.`,
		Example: `  nacre policies test notes n-1 --claims '{"sub":"ann","roles":["admin"]}'
  nacre policies test notes --claims '{"sub":"ann"}' --values '{"owner":"bob"}' --json`,
		Args: takes(1, 2),
	}
	f := cmd.Flags()
	f.StringVar(&claims, "claims", "{}", "the caller's claims, a JSON `object`")
	f.StringVar(&values, "values", "", "the entity's values, a JSON `object`, instead of an ID")
	f.BoolVar(&asJSON, "json", false, "one JSON object, as the server's route gives it")
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		of := &policyTest{}
		d := json.NewDecoder(strings.NewReader(claims))
		d.UseNumber()
		if err := d.Decode(&of.Claims); err != nil || of.Claims == nil || d.More() {
			return nacre.Errorf(nacre.CodeInvalid, `--claims: %q is no object in JSON, as {"sub":"ann"} is`, plain(claims, 80))
		}
		switch {
		case f.Changed("values") == (len(args) == 2):
			return nacre.Errorf(nacre.CodeInvalid, "of what entity? Give an ID, or --values, and not both")
		case len(args) == 2:
			of.ID = args[1]
		case !json.Valid([]byte(values)) || !looksLikeObject(values):
			return nacre.Errorf(nacre.CodeInvalid, `--values: %q is no object in JSON, as {"owner":"ann"} is`, plain(values, 80))
		default:
			of.Values = json.RawMessage(values)
		}
		return p.entitiesOf(ctx, readEntities, func(ctx context.Context, s entitySource) error {
			v, err := s.testPolicies(ctx, args[0], of)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(p.out, *v)
			}
			_, err = io.WriteString(p.out, verdictText("read", &v.Read)+verdictText("write", &v.Write))
			return err
		})
	})
	return cmd
}

// verdictText tells what a policy says, and why.
func verdictText(to string, v *wire.PolicyVerdict) string {
	said := "denied"
	if v.Allowed {
		said = "allowed"
	}
	switch {
	case v.Problem != "":
		said += ", since the policy cannot be evaluated: " + plain(v.Problem, 0)
	case v.Rule == "":
		said += ": there is no policy"
	default:
		said += " by " + plain(v.Rule, 0)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-5s  %s\n", to, said)
	members := make([][2]string, len(v.Terms))
	for i, t := range v.Terms {
		members[i] = [2]string{t.Is, plain(t.Term, 0)}
	}
	writeMembers(&b, "       ", members)
	return b.String()
}

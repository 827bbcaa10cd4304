package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
	"github.com/spf13/cobra"
)

// subscriptionsCommand is "subscriptions".
func (p *program) subscriptionsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "subscriptions",
		GroupID: "deliver",
		Short:   "List the subscriptions of a server's store, make and steer them",
		Long: `List durable subscriptions: webhooks, relays and consumer groups, how far they are, and
what is wrong.

A server looks after them, so that all of these commands need --server, or NACRE_SERVER.`,
		Example: `  nacre subscriptions --server http://127.0.0.1:4321
  nacre subscriptions create --kind webhook --type 'user.*' --config '{"url":"https://example.com/events"}'
  nacre subscriptions create mailers --kind group --type order.placed --start earliest`,
		Args: takes(0, 0),
	}
	list := func(cmd *cobra.Command) {
		var params wire.SubscriptionsParams
		var asJSON bool
		cmd.Flags().StringVar(&params.Kind, "kind", "", "those of this `kind` only")
		cmd.Flags().StringVar(&params.Status, "status", "", "those with this `status` only")
		cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line, as the server's route gives it")
		cmd.RunE = p.does(func(ctx context.Context, _ []string) error {
			return p.subscribed(ctx, func(ctx context.Context, r *routes) error { return p.listSubscriptions(ctx, r, params, asJSON) })
		})
	}
	list(cmd)
	listed := &cobra.Command{Use: "list", Short: "List them", Args: takes(0, 0)}
	list(listed)
	for _, c := range []*cobra.Command{
		listed, p.showSubscriptionCommand(), p.createSubscriptionCommand(), p.updateSubscriptionCommand(), p.deleteSubscriptionCommand(),
		p.steerSubscriptionCommand("pause", "Stop a subscription's deliveries until it is resumed", "is paused"),
		p.steerSubscriptionCommand("resume", "Go on with a subscription that is paused or suspended", "goes on"),
		p.replaySubscriptionCommand(), p.rotateSubscriptionCommand(), p.deliveriesCommand(), p.subscriptionLettersCommand(),
		p.settleSubscriptionCommand("retry", "Deliver dead letters again"),
		p.settleSubscriptionCommand("discard", "Give dead letters up"),
	} {
		cmd.AddCommand(p.onServer(c))
	}
	return cmd
}

// needsServer refuses a directory for what only a server does.
func (p *program) needsServer() error {
	if p.remote.url != "" {
		return nil
	}
	return nacre.Errorf(nacre.CodeInvalid,
		"a server looks after subscriptions, and a directory that none serves delivers nothing: give --server URL, or set %s", envServer)
}

// subscribed calls use with the routes of the server.
func (p *program) subscribed(ctx context.Context, use func(context.Context, *routes) error) error {
	if err := p.needsServer(); err != nil {
		return err
	}
	return p.onRoutes(ctx, use)
}

// subscription is the path of one.
func (r *routes) subscription(name string) string {
	return r.store + "/subscriptions/" + url.PathEscape(name)
}

// tell asks for one thing of a subscription, and tells it.
func (p *program) tellSubscription(ctx context.Context, r *routes, method, path string, body []byte, asJSON bool, did string) error {
	var reply wire.SubscriptionReply
	if err := r.ask(ctx, method, path, body, anySuccess, &reply); err != nil {
		return err
	}
	switch {
	case asJSON:
		return printJSON(p.out, reply)
	case did == "":
		return showSubscription(p.out, &reply)
	}
	return p.tellMade(&reply, did)
}

// tellMade tells what became of a subscription, and its secret where this is the time for it.
func (p *program) tellMade(r *wire.SubscriptionReply, did string) error {
	if _, err := fmt.Fprintf(p.out, "subscription %s %s\n", r.Name, did); err != nil || r.Secret == "" {
		return err
	}
	p.note("this is its secret, shown this one time: the receiver checks signatures with it")
	_, err := fmt.Fprintln(p.out, r.Secret)
	return err
}

// subscriptionsPage is how many subscriptions are asked for at once.
const subscriptionsPage = 1_000

func (p *program) listSubscriptions(ctx context.Context, r *routes, params wire.SubscriptionsParams, asJSON bool) error {
	var list []wire.SubscriptionReply
	for more := true; more; {
		params.Limit, params.Offset = subscriptionsPage, len(list)
		var reply wire.SubscriptionsReply
		if err := r.ask(ctx, http.MethodGet, r.store+"/subscriptions?"+params.Values().Encode(), nil, http.StatusOK, &reply); err != nil {
			return err
		}
		list = append(list, reply.Subscriptions...)
		more = reply.Pagination.HasMore && len(reply.Subscriptions) > 0
	}
	if len(list) == 0 {
		p.note("there are no such subscriptions on store %q", p.store)
	}
	if asJSON {
		return printJSON(p.out, list...)
	}
	if len(list) == 0 {
		return nil
	}
	return subscriptionTable(list).write(p.out)
}

func (p *program) showSubscriptionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{Use: "show NAME", Short: "Tell of one subscription", Args: takes(1, 1)}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as one JSON object, as the server's route gives it")
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		return p.subscribed(ctx, func(ctx context.Context, r *routes) error {
			return p.tellSubscription(ctx, r, http.MethodGet, r.subscription(args[0]), nil, asJSON, "")
		})
	})
	return cmd
}

// described are the flags that say what a subscription is.
type described struct {
	which          selection
	config, policy string
	asJSON         bool
}

func (d *described) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVar(&d.which.streams, "stream", nil, "events of this `stream`; repeated: of any of them")
	f.StringArrayVar(&d.which.categories, "category", nil, "of streams of this `category`; repeated: of any of them")
	f.StringArrayVar(&d.which.types, "type", nil, "of this `type`, in which * stands for any text; repeated: of any of them")
	f.StringArrayVar(&d.which.tags, "tag", nil, "with this `tag`; repeated: with all of them")
	d.which.where.flag(cmd)
	f.StringVar(&d.config, "config", "", "what belongs to the kind, a `JSON` object, or @FILE; on a command line others see it")
	f.StringVar(&d.policy, "policy", "", "how events are delivered, a `JSON` object, or @FILE")
	f.BoolVar(&d.asJSON, "json", false, "print the subscription as one JSON object")
}

// objects are the JSON objects that the flags give, nil where they give none.
func (d *described) objects() (config, policy json.RawMessage, err error) {
	if config, err = objectOf("--config", d.config); err != nil {
		return nil, nil, err
	}
	policy, err = objectOf("--policy", d.policy)
	return config, policy, err
}

// objectOf is a flag's JSON object, or that of the file that it names.
func objectOf(flag, text string) (json.RawMessage, error) {
	if text == "" {
		return nil, nil
	}
	if file, ok := strings.CutPrefix(text, "@"); ok {
		read, err := os.ReadFile(file)
		if err != nil {
			return nil, nacre.Errorf(nacre.CodeInvalid, "%s: %w", flag, err)
		}
		text = string(read)
	}
	if text = strings.TrimSpace(text); !strings.HasPrefix(text, "{") || !json.Valid([]byte(text)) {
		return nil, nacre.Errorf(nacre.CodeInvalid, "%s: is no JSON object", flag)
	}
	return json.RawMessage(text), nil
}

func (p *program) createSubscriptionCommand() *cobra.Command {
	var d described
	var kind, start string
	cmd := &cobra.Command{
		Use:   "create [NAME]",
		Short: "Make a subscription",
		Long: `Make a subscription, whose events are delivered from then on. Without a name, one is made
of what it is, so that making it again finds it. The secret of a webhook is printed
this one time.`,
		Example: `  nacre subscriptions create --kind webhook --type 'user.*' --config '{"url":"https://example.com/events"}'
  nacre subscriptions create mailers --kind group --start earliest --policy '{"pinned":true}'
  nacre subscriptions create large-orders --kind group --type 'order.*' --where 'data.total > 100'`,
		Args: takes(0, 1),
	}
	cmd.Flags().StringVar(&kind, "kind", "", "`group`, webhook, or another kind that the server has")
	cmd.Flags().StringVar(&start, "start", "", "begin with the first event (earliest), behind the last (latest, the default), behind a `position`, or at a time")
	d.flags(cmd)
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		if kind == "" {
			return nacre.Errorf(nacre.CodeInvalid, `--kind: is not given: give "group", "webhook", or another kind that the server has`)
		}
		config, policy, err := d.objects()
		if err != nil {
			return err
		}
		request := map[string]any{"kind": kind}
		if len(args) > 0 {
			request["name"] = args[0]
		}
		member(request, "config", config)
		member(request, "policy", policy)
		if f := d.which.filter(); f != nil {
			request["filter"] = json.RawMessage(wire.AppendFilter(nil, f))
		}
		if err := d.which.where.check(); err != nil {
			return err
		}
		if w := d.which.where.text; w != "" {
			request["where"] = w
		}
		if n, err := strconv.ParseUint(start, 10, 63); err == nil {
			request["start"] = n
		} else if start != "" {
			request["start"] = start
		}
		body, err := json.Marshal(request)
		if err != nil {
			return nacre.Errorf(nacre.CodeInternal, "%w", err)
		}
		return p.subscribed(ctx, func(ctx context.Context, r *routes) error { return p.createSubscription(ctx, r, body, d.asJSON) })
	})
	return cmd
}

func member(to map[string]any, name string, value json.RawMessage) {
	if value != nil {
		to[name] = value
	}
}

func (p *program) createSubscription(ctx context.Context, r *routes, body []byte, asJSON bool) error {
	var reply wire.SubscriptionReply
	status, err := r.request(ctx, http.MethodPost, r.store+"/subscriptions", body, anySuccess, &reply)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(p.out, reply)
	}
	did := "is made"
	if status == http.StatusOK {
		did = "is there already"
	}
	return p.tellMade(&reply, did)
}

func (p *program) updateSubscriptionCommand() *cobra.Command {
	var d described
	var all bool
	cmd := &cobra.Command{
		Use:   "update NAME",
		Short: "Change a subscription's filter, condition, configuration or policy",
		Long: `Change a subscription. What is given takes the whole place of what was, apart from
secrets; what is not given stays, and --where '' removes the condition. It goes on where
it was: replay it to have the past under another filter.`,
		Args: takes(1, 1),
	}
	cmd.Flags().BoolVar(&all, "all-events", false, "every event, whatever filter and condition there were")
	d.flags(cmd)
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		config, policy, err := d.objects()
		if err != nil {
			return err
		}
		request := map[string]any{}
		member(request, "config", config)
		member(request, "policy", policy)
		f := d.which.filter()
		switch {
		case all && f != nil:
			return nacre.Errorf(nacre.CodeInvalid, "--all-events: is given beside a filter: give one of them")
		case all || f != nil:
			request["filter"] = json.RawMessage(wire.AppendFilter(nil, f))
		}
		if err := d.which.where.check(); err != nil {
			return err
		}
		if cmd.Flags().Changed("where") || all { // --where '' removes it
			request["where"] = d.which.where.text
		}
		if len(request) == 0 {
			return nacre.Errorf(nacre.CodeInvalid, "nothing is to be changed: give --type and the like, --where, --all-events, --config or --policy")
		}
		body, err := json.Marshal(request)
		if err != nil {
			return nacre.Errorf(nacre.CodeInternal, "%w", err)
		}
		return p.subscribed(ctx, func(ctx context.Context, r *routes) error {
			return p.tellSubscription(ctx, r, http.MethodPatch, r.subscription(args[0]), body, d.asJSON, "is changed")
		})
	})
	return cmd
}

func (p *program) deleteSubscriptionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "delete NAME",
		Short: "Delete a subscription, with its dead letters",
		Args:  takes(1, 1),
	}
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		return p.subscribed(ctx, func(ctx context.Context, r *routes) error {
			if err := r.ask(ctx, http.MethodDelete, r.subscription(args[0]), nil, http.StatusOK, nil); err != nil {
				return err
			}
			_, err := fmt.Fprintf(p.out, "subscription %s is deleted\n", args[0])
			return err
		})
	})
	return cmd
}

func (p *program) steerSubscriptionCommand(do, short, did string) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{Use: do + " NAME", Short: short, Args: takes(1, 1)}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the subscription as one JSON object")
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		return p.subscribed(ctx, func(ctx context.Context, r *routes) error {
			return p.tellSubscription(ctx, r, http.MethodPost, r.subscription(args[0])+"/"+do, nil, asJSON, did)
		})
	})
	return cmd
}

func (p *program) replaySubscriptionCommand() *cobra.Command {
	var asJSON bool
	var from uint64
	cmd := &cobra.Command{
		Use:   "replay NAME --from POSITION",
		Short: "Deliver everything from a position on, again",
		Args:  takes(1, 1),
	}
	cmd.Flags().Uint64Var(&from, "from", 0, "the `position` of the first event; 0 is all")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the subscription as one JSON object")
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		if !cmd.Flags().Changed("from") {
			return nacre.Errorf(nacre.CodeInvalid, "--from: is not given: give the position of the first event that is to be delivered again, 0 for all")
		}
		return p.subscribed(ctx, func(ctx context.Context, r *routes) error {
			path := r.subscription(args[0]) + "/replay?from=" + strconv.FormatUint(from, 10)
			return p.tellSubscription(ctx, r, http.MethodPost, path, nil, asJSON, fmt.Sprintf("delivers again from position %d on", max(from, 1)))
		})
	})
	return cmd
}

func (p *program) deliveriesCommand() *cobra.Command {
	var asJSON bool
	params := wire.PageParams{}
	cmd := &cobra.Command{
		Use:   "deliveries NAME",
		Short: "List a subscription's last attempts to deliver, the newest first",
		Args:  takes(1, 1),
	}
	cmd.Flags().IntVar(&params.Limit, "limit", 20, "at most this `number` of them; the last 100 are remembered")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line, as the server's route gives it")
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		return p.subscribed(ctx, func(ctx context.Context, r *routes) error {
			var reply wire.AttemptsReply
			path := r.subscription(args[0]) + "/deliveries?" + params.Values().Encode()
			if err := r.ask(ctx, http.MethodGet, path, nil, http.StatusOK, &reply); err != nil {
				return err
			}
			if asJSON {
				return printJSON(p.out, reply.Deliveries...)
			}
			if len(reply.Deliveries) == 0 {
				p.note("no attempt is remembered")
				return nil
			}
			return attemptTable(reply.Deliveries).write(p.out)
		})
	})
	return cmd
}

func (p *program) subscriptionLettersCommand() *cobra.Command {
	var asJSON bool
	params := wire.PageParams{}
	cmd := &cobra.Command{
		Use:   "dead-letters NAME",
		Short: "List the events that a subscription could not deliver, the oldest first",
		Args:  takes(1, 1),
	}
	cmd.Flags().IntVar(&params.Limit, "limit", 100, "at most this `number` of them")
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line, as the server's route gives it")
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		return p.subscribed(ctx, func(ctx context.Context, r *routes) error {
			var reply wire.LettersReply
			path := r.subscription(args[0]) + "/dead-letters?" + params.Values().Encode()
			if err := r.ask(ctx, http.MethodGet, path, nil, http.StatusOK, &reply); err != nil {
				return err
			}
			switch {
			case reply.TotalCount == 0:
				p.note("there are no open dead letters")
			case reply.TotalCount > len(reply.DeadLetters):
				p.note("these are %d of %d dead letters: give --limit for more", len(reply.DeadLetters), reply.TotalCount)
			}
			if asJSON || reply.TotalCount == 0 {
				return printJSON(p.out, reply.DeadLetters...)
			}
			return subscriptionLetterTable(reply.DeadLetters).write(p.out)
		})
	})
	return cmd
}

// settleTime is how long a retry or discard of many dead letters may take.
const settleTime = 5 * time.Minute

func (p *program) settleSubscriptionCommand(do, short string) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   do + " NAME ID… | --all",
		Short: short + ", those of the ids or all",
		Args:  takes(1, 1_001),
	}
	cmd.Flags().BoolVar(&all, "all", false, "all of them")
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		name, ids := args[0], args[1:]
		if all == (len(ids) > 0) {
			return nacre.Errorf(nacre.CodeInvalid, "give the ids of dead letters, or --all")
		}
		body, err := wire.Encode(wire.LettersRequest{IDs: ids})
		if err != nil {
			return nacre.Errorf(nacre.CodeInternal, "%w", err)
		}
		return p.subscribed(ctx, func(ctx context.Context, r *routes) error {
			var reply struct {
				wire.RetriedReply
				wire.DiscardedReply
			}
			slow := *r.asker
			slow.patience = settleTime
			if err := slow.ask(ctx, http.MethodPost, r.subscription(name)+"/dead-letters/"+do, body, http.StatusOK, &reply); err != nil {
				return err
			}
			text := count(reply.Discarded, "dead letter of subscription %s is discarded\n", "dead letters of subscription %s are discarded\n")
			if do == "retry" {
				text = count(reply.Retried, "dead letter of subscription %s is delivered again\n", "dead letters of subscription %s are delivered again\n")
			}
			_, err := io.WriteString(p.out, strings.Replace(text, "%s", name, 1))
			return err
		})
	})
	return cmd
}

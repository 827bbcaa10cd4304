package main

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
	"github.com/spf13/cobra"
)

// maxOverlap is how long a webhook's old secrets may sign beside a new one.
const maxOverlap = 90 * 24 * time.Hour

func (p *program) rotateSubscriptionCommand() *cobra.Command {
	var overlap time.Duration
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "rotate NAME",
		Short: "Make a new secret for a webhook, and print it",
		Long: `Make a new secret for a webhook, and print it, this one time. For as long as --overlap
says, deliveries are signed with the old secret as well, so that receivers can change over.
With --overlap 0 the old one stops at once: for one that others know.`,
		Example: `  nacre subscriptions rotate mails --overlap 24h`,
		Args:    takes(1, 1),
	}
	cmd.Flags().DurationVar(&overlap, "overlap", 24*time.Hour, "how `long` the old secret signs as well")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the subscription as one JSON object")
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		if overlap < 0 || overlap > maxOverlap {
			return nacre.Errorf(nacre.CodeInvalid, "--overlap: is %v: give 0 to %v", overlap, maxOverlap)
		}
		return p.subscribed(ctx, func(ctx context.Context, r *routes) error {
			var now wire.SubscriptionReply
			if err := r.ask(ctx, http.MethodGet, r.subscription(args[0]), nil, http.StatusOK, &now); err != nil {
				return err
			}
			body, err := rotation(&now, overlap)
			if err != nil {
				return err
			}
			return p.tellSubscription(ctx, r, http.MethodPatch, r.subscription(args[0]), body, asJSON, "has a new secret")
		})
	})
	return cmd
}

// rotation is the change that gives a webhook a new secret and leaves the rest of its configuration.
func rotation(now *wire.SubscriptionReply, overlap time.Duration) ([]byte, error) {
	if now.Kind != "webhook" {
		return nil, nacre.Errorf(nacre.CodeInvalid, "subscription %s is of the kind %s: webhooks have secrets", now.Name, now.Kind)
	}
	var config map[string]json.RawMessage
	if err := json.Unmarshal(now.Config, &config); err != nil {
		return nil, nacre.Errorf(nacre.CodeInternal, "the configuration that the server gave does not read: %w", err)
	}
	seconds, err := json.Marshal(int64(overlap / time.Second))
	if err != nil {
		return nil, nacre.Errorf(nacre.CodeInternal, "%w", err)
	}
	config["rotateSeconds"] = seconds
	body, err := json.Marshal(map[string]any{"config": config})
	if err != nil {
		return nil, nacre.Errorf(nacre.CodeInternal, "%w", err)
	}
	return body, nil
}

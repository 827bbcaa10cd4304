package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/server/access"
	"github.com/spf13/cobra"
)

func (p *program) keysCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "keys",
		GroupID: "serve",
		Short:   "Make, list and revoke the API keys of a directory's server",
		Long: `Make, list and revoke API keys, which stand in DATA/keys.json, hashed. A server that runs
on the directory sees a change within a second. As soon as there is a keys file, requests need
a key; revoking all keys does not open the server again.`,
		Args: takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
	}
	cmd.AddCommand(p.keysCreateCommand(), p.keysListCommand(), p.keysRevokeCommand())
	return cmd
}

func (p *program) keysCreateCommand() *cobra.Command {
	var spec access.KeySpec
	var expires string
	var claims, roles []string
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make a key, and print it this one time",
		Long: `Make a key, and print it. It is not kept, only its hash is: what is lost is made anew.

The permissions are read:events, write:events, manage:stores, manage:subscriptions,
manage:modules, manage:collections (the schemas and policies of entities), entities (reading and
editing them by their own routes), raw (the companion log, the blobs, and whatever policies
would restrict), and * for everything. With --store it is for these stores only, with
--stream-prefix for streams whose ids begin so, in reading as in writing.

The policies of collections know a key by its claims: --claim team=blue is :team in them, and
--role editor is one of :roles. :sub is the key's id and :name its name, unless it has claims of
these names. A value that is JSON is taken as such: true, 12, ["a","b"]; others are texts, and a
claim that is repeated is a list.`,
		Example: `  nacre keys create --name shop --permission read:events --permission write:events --store orders
  nacre keys create --name ann --permission entities --claim sub=ann --role editor
  export NACRE_API_KEY=$(nacre keys create --name admin --permission '*')`,
		Args: takes(0, 0),
	}
	f := cmd.Flags()
	f.StringVar(&spec.Name, "name", "", "what people call it; `text` of at most 128 bytes")
	f.StringArrayVar(&spec.Permissions, "permission", nil, "what it allows; a `name` as above; may be repeated")
	f.StringArrayVar(&spec.Stores, "store", nil, "the `store` that it is for; may be repeated (default all of them)")
	f.StringArrayVar(&spec.Streams, "stream-prefix", nil, "the `beginning` of the ids of streams that it is for; may be repeated (default all)")
	f.StringArrayVar(&claims, "claim", nil, "what policies are told of it, as `NAME=VALUE`; may be repeated")
	f.StringArrayVar(&roles, "role", nil, "one of the `roles` that policies are told of; may be repeated")
	f.StringVar(&expires, "expires", "", "after this `time` it is worth nothing, as in 720h or 30d (default never)")
	cmd.RunE = p.does(func(_ context.Context, _ []string) error {
		if expires != "" {
			after, err := parseLifetime(expires)
			if err != nil {
				return nacre.Errorf(nacre.CodeInvalid, "--expires: %q is not a time from now on: give one such as 720h or 30d", expires)
			}
			spec.ExpiresAt = time.Now().Add(after).UTC().Truncate(time.Second)
		}
		if spec.Name == "" {
			return nacre.Errorf(nacre.CodeInvalid, "--name: is missing: say who or what the key is for")
		}
		if len(spec.Permissions) == 0 {
			return nacre.Errorf(nacre.CodeInvalid,
				"--permission: is missing: give read:events, write:events, manage:stores, manage:subscriptions, manage:modules, "+
					"manage:collections, entities, raw or *, as often as needed")
		}
		var err error
		if spec.Claims, err = keyClaims(claims, roles); err != nil {
			return err
		}
		if p.data == "" {
			return errNoData
		}
		if err := os.MkdirAll(p.data, 0o777); err != nil {
			return nacre.Errorf(nacre.CodeInternal, "the directory of the stores cannot be made: %w", err)
		}
		keys, err := p.keys()
		if err != nil {
			return err
		}
		first := !keys.Configured()
		secret, info, err := keys.Create(spec)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(p.out, secret); err != nil {
			return err
		}
		p.note("this is key %s, shown this one time; clients send it as X-API-Key, \"nacre keys revoke %s\" ends it", info.ID, info.ID)
		if first {
			p.note("from now on a server on %s lets nobody in without a key", p.data)
		}
		return nil
	})
	return cmd
}

// keyClaims reads the claims of a key. One that is given more than once is a list.
func keyClaims(given, roles []string) (map[string]any, error) {
	if len(given)+len(roles) == 0 {
		return nil, nil //nolint:nilnil // it has none
	}
	lists := map[string][]any{}
	for _, text := range given {
		name, value, found := strings.Cut(text, "=")
		if !found || name == "" {
			return nil, nacre.Errorf(nacre.CodeInvalid, "--claim: %q has no name: give NAME=VALUE", text)
		}
		var claim any
		if json.Unmarshal([]byte(value), &claim) != nil {
			claim = value
		}
		lists[name] = append(lists[name], claim)
	}
	claims := make(map[string]any, len(lists)+1)
	for name, list := range lists {
		if claims[name] = list[0]; len(list) > 1 {
			claims[name] = list
		}
	}
	if len(roles) > 0 {
		if claims["roles"] != nil {
			return nil, nacre.Errorf(nacre.CodeInvalid, "--role: goes beside another claim \"roles\": give one of them")
		}
		list := make([]any, len(roles)) // also of one: a policy asks whether a role is in it
		for i, role := range roles {
			list[i] = role
		}
		claims["roles"] = list
	}
	return claims, nil
}

// parseLifetime reads a duration, which may also be in days.
func parseLifetime(text string) (time.Duration, error) {
	const day = 24 * time.Hour
	d, err := time.ParseDuration(text)
	if number, ok := strings.CutSuffix(text, "d"); ok {
		var days uint64
		days, err = strconv.ParseUint(number, 10, 16)
		d = time.Duration(days) * day
	}
	if err == nil && d <= 0 {
		err = errors.New("is not later than now")
	}
	return d, err
}

func (p *program) keysListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the keys, also those that are revoked or have expired",
		Long: `List the keys, one JSON line each, in the order of their making: id, name, permissions,
stores, streams, claims, and when they were made, expire and were revoked. Their texts are not kept.`,
		Example: `  nacre keys list | jq -r 'select(.revokedAt | not) | [.id, .name] | @tsv'`,
		Args:    takes(0, 0),
		RunE: p.does(func(context.Context, []string) error {
			keys, err := p.keysThere()
			if err != nil {
				return err
			}
			all, err := keys.List()
			if err != nil {
				return err
			}
			if len(all) == 0 && !keys.Configured() {
				p.note("there are no keys in %s: a server on it lets everybody in", p.data)
			}
			return p.printKeys(all...)
		}),
	}
}

func (p *program) keysRevokeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "revoke ID",
		Short: "End a key",
		Long: `End a key, and print its line. ID is the key's id, or the key itself, for who has found one
where it should not be. A server that runs refuses it within a second.`,
		Args: takes(1, 1),
		RunE: p.does(func(_ context.Context, args []string) error {
			keys, err := p.keysThere()
			if err != nil {
				return err
			}
			info, err := keys.Revoke(args[0])
			if err != nil {
				return err
			}
			return p.printKeys(info)
		}),
	}
}

func (p *program) keys() (*access.Keys, error) {
	return access.OpenKeys(filepath.Join(p.data, keysFile), nil)
}

// keysThere is keys, of a directory that is there: a misspelt one has no keys, which would look well.
func (p *program) keysThere() (*access.Keys, error) {
	if p.data == "" {
		return nil, errNoData
	}
	if _, err := os.Stat(p.data); errors.Is(err, fs.ErrNotExist) {
		return nil, nacre.Errorf(nacre.CodeNotFound, "there is no directory %s: give the server's as --data", p.data)
	}
	return p.keys()
}

func (p *program) printKeys(all ...access.KeyInfo) error {
	out := json.NewEncoder(p.out)
	out.SetEscapeHTML(false)
	for _, info := range all {
		if err := out.Encode(info); err != nil {
			return err
		}
	}
	return nil
}
